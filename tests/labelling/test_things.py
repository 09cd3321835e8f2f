from dataclasses import replace

import numpy as np
from kept_things import CHAIR, FakeAnswer, FakeSam, chair_place, draw_scene, is_near

from livecam.frames import Size
from livecam.labelling.person import iou
from livecam.labelling.prompts import Box, Point, Prompt, check_prompt
from livecam.labelling.things import Sighting, Things, overlap, read_last
from livecam.labelling.wishes import Wish


def watch(things: Things, sam: FakeSam, frames: range, chosen: set[int]) -> dict[int, list[Sighting]]:
    found = {}
    for number in frames:
        frame = draw_scene(number)
        if number:
            things.follow(frame)
        if number in chosen:
            found[number] = things.find(sam.look(frame))
    return found


def test_a_kept_chair_is_found_in_every_chosen_frame() -> None:
    sam = FakeSam()
    things = Things(Wish(keep=(chair_place(0),)), draw_scene(0))
    found = watch(things, sam, range(16), {0, 5, 15})
    for number, (sighting,) in found.items():
        assert sighting.answer is not None
        true = is_near(draw_scene(number), CHAIR).astype(np.float32)
        assert iou(sighting.answer.matte, true) > 0.9
        assert sighting.reasons == ()
    assert sam.prompts[0].box is None
    assert sam.prompts[2].box is not None
    assert overlap(sam.prompts[2].box, Box(44, 40, 75, 79)) > 0.75


def test_a_box_is_a_thing_and_each_point_outside_is_another() -> None:
    wish = Wish((Point(30, 60), Point(100, 20), Point(150, 90)), (), (Box(14, 40, 45, 79),))
    things = Things(wish, draw_scene(0))
    sam = FakeSam()
    things.find(sam.look(draw_scene(0)))
    assert [len(prompt.keep) for prompt in sam.prompts] == [1, 1, 1]
    assert [prompt.box is not None for prompt in sam.prompts] == [True, False, False]


def test_a_box_alone_moves_with_what_is_in_it() -> None:
    sam = FakeSam()
    things = Things(Wish(boxes=(Box(14, 40, 45, 79),)), draw_scene(0))
    found = watch(things, sam, range(11), {10})
    assert found[10][0].reasons == ()
    box = sam.prompts[0].box
    assert box is not None
    assert overlap(box, Box(34, 40, 65, 79)) > 0.75


def test_what_is_lost_is_said_and_sam_not_asked() -> None:
    sam = FakeSam()
    things = Things(Wish(keep=(chair_place(0),)), draw_scene(0))
    for number in range(1, 5):
        things.follow(draw_scene(number, chair=False))
    (sighting,) = things.find(sam.look(draw_scene(4, chair=False)))
    assert sighting.answer is None
    assert "lost" in sighting.reasons[0]
    assert sam.prompts == []


def test_a_mask_that_jumps_is_a_reason() -> None:
    def spill(number: int, prompt: Prompt, answers: list[FakeAnswer]) -> list[FakeAnswer]:
        return [answers[2]] if number else answers

    things = Things(Wish(keep=(chair_place(0),)), draw_scene(0))
    found = watch(things, FakeSam(spill), range(4), {0, 3})
    assert "times larger" in found[3][0].reasons[0]


def test_once_found_the_likest_answer_is_taken_not_the_proudest() -> None:
    def proud(number: int, prompt: Prompt, answers: list[FakeAnswer]) -> list[FakeAnswer]:
        return [replace(answers[2], score=0.99), *answers[:2]] if number else answers

    things = Things(Wish(keep=(chair_place(0),)), draw_scene(0))
    found = watch(things, FakeSam(proud), range(4), {0, 3})
    answer = found[3][0].answer
    assert answer is not None
    assert answer.number == 0


def test_a_score_that_is_no_number_never_wins() -> None:
    def damaged(number: int, prompt: Prompt, answers: list[FakeAnswer]) -> list[FakeAnswer]:
        return [replace(answers[0], score=float("nan")), replace(answers[0], number=3)] if number else answers

    things = Things(Wish(keep=(chair_place(0),)), draw_scene(0))
    (sighting,) = watch(things, FakeSam(damaged), range(4), {0, 3})[3]
    assert sighting.answer is not None
    assert sighting.answer.number == 3
    nan = replace(sighting, answer=FakeAnswer(0, float("nan"), sighting.answer.matte))
    assert nan.as_plain()["score"] is None


def test_nothing_under_the_point_is_a_reason() -> None:
    def nothing(number: int, prompt: Prompt, answers: list[FakeAnswer]) -> list[FakeAnswer]:
        return [replace(answers[0], matte=np.zeros_like(answers[0].matte))]

    (sighting,) = Things(Wish(keep=(Point(9, 9),)), draw_scene(0)).find(FakeSam(nothing).look(draw_scene(0)))
    assert "finds nothing" in sighting.reasons[0]


def test_points_to_drop_are_followed_too() -> None:
    sam = FakeSam()
    things = Things(Wish((Point(150, 90),), (chair_place(0),)), draw_scene(0))
    watch(things, sam, range(9), {8})
    (drop,) = sam.prompts[0].drop
    assert abs(drop.x - chair_place(8).x) < 2


def test_what_was_found_before_survives_its_plain_form() -> None:
    things = Things(Wish(keep=(chair_place(0),)), draw_scene(0))
    (sighting,) = things.find(FakeSam().look(draw_scene(0)))
    assert read_last(sighting.as_plain()) == sighting.last
    assert read_last({"last": None}) is None


def test_every_prompt_stays_in_the_picture_while_a_thing_leaves_it() -> None:
    sam = FakeSam()
    things = Things(Wish(keep=(Point(20, 46), Point(40, 46))), draw_scene(0))
    things.find(sam.look(draw_scene(0)))
    for number in range(1, 12):
        frame = np.roll(draw_scene(0, person=False), -4 * number, axis=1)
        things.follow(frame)
        things.find(sam.look(frame))
    for prompt in sam.prompts:
        check_prompt(prompt, Size(192, 108))
