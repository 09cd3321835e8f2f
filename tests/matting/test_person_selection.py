import cv2
import numpy as np
import pytest

from livecam.core.geometry import Crop, Size
from livecam.core.types import Matte
from livecam.imaging.ops import downscale_matte, transfer
from livecam.matting.cleanup import clean_matte
from livecam.matting.person_selection import PersonSelectionSettings, PersonSelector
from tests.support.two_people import (
    CLOTHES,
    COARSE,
    FRAME,
    OTHER_CLOTHES,
    TwoPeople,
    compose,
    draw_arm,
    draw_person,
    walk_behind,
)

SETTINGS = PersonSelectionSettings()
NOBODY = np.zeros((FRAME.height, FRAME.width), np.float32)
PERSON = draw_person(FRAME.width / 2, 113, 1.0)
AT_LEFT = draw_person(60, 126, 0.72)


def select(selector: PersonSelector, scene: TwoPeople, now: float) -> Matte:
    return selector.apply(clean_matte(scene.coarse), scene.frame, now)


def shown(result: Matte, part: Matte) -> float:
    """Return which fraction of a part is still in the matte."""
    inside = downscale_matte(part, COARSE) > 0.7
    return float((result[inside] > 0.5).mean()) if inside.any() else 0.0


def visible_area(result: Matte, part: Matte) -> float:
    """Return how much of a part is still in the matte, as a fraction of the image."""
    inside = downscale_matte(part, COARSE) > 0.7
    return float(((result > 0.5) & inside).mean())


@pytest.mark.parametrize("color", [OTHER_CLOTHES, CLOTHES])
def test_walker_behind_is_never_shown_and_the_person_stays(color: tuple[int, int, int]) -> None:
    selector = PersonSelector()
    was_visible = 0.0
    for number in range(86):
        scene = walk_behind(number, 80, other_color=color)
        result = select(selector, scene, number / 20)
        assert visible_area(result, scene.other) < 0.003, number
        assert shown(result, scene.person) > 0.93, number
        assert (result <= clean_matte(scene.coarse)).all()
        was_visible = max(was_visible, visible_area(scene.coarse, scene.other))
    assert was_visible > 0.08


def test_walker_who_was_hidden_from_the_beginning_and_comes_out_is_not_shown() -> None:
    selector, was_visible = PersonSelector(), 0.0
    for number in range(40):
        x = 8 * max(0, number - 5)
        other = draw_person(FRAME.width / 2 + x, 190, 0.5)
        scene = compose(PERSON, other, moved=x, noise_seed=number)
        result = select(selector, scene, number / 20)
        assert visible_area(result, scene.other) < 0.006, number
        assert shown(result, scene.person) > 0.97, number
        was_visible = max(was_visible, visible_area(scene.coarse, scene.other))
    assert was_visible > 0.04


def test_single_person_costs_no_copy() -> None:
    selector, scene = PersonSelector(), compose(PERSON, NOBODY)
    for number in range(10):
        coarse = scene.coarse
        assert selector.apply(coarse, scene.frame, number / 30) is coarse


def test_empty_room_stays_empty() -> None:
    assert not select(PersonSelector(), compose(NOBODY, NOBODY), 0.0).any()


def test_most_central_and_largest_person_is_chosen_from_the_first_frame_on() -> None:
    scene = compose(PERSON, AT_LEFT)
    result = select(PersonSelector(), scene, 0.0)
    assert shown(result, scene.person) == 1
    assert visible_area(result, scene.other) == 0


def test_larger_person_who_passes_beside_does_not_take_over() -> None:
    selector = PersonSelector()
    for number in range(60):
        small = draw_person(170, 150, 0.7)
        large = draw_person(560 - 2.2 * number, 60, 1.3)
        result = select(
            selector, compose(small, large if number > 5 else NOBODY, noise_seed=number), number / 30
        )
        assert shown(result, small) > 0.97
        assert visible_area(result, large * (1 - small)) < 0.003


def test_person_who_enters_at_the_side_and_touches_at_once_is_removed() -> None:
    wide = np.maximum(PERSON, draw_arm(FRAME.width / 2, 250, 40, 250))
    selector = PersonSelector()
    select(selector, compose(wide, NOBODY), 0.0)
    for number in range(1, 8):
        entering = draw_person(-12 + 4 * number, 200, 0.8)
        scene = compose(wide, entering, noise_seed=number)
        result = select(selector, scene, number / 30)
        assert visible_area(result, scene.other) < 0.012
        assert shown(result, PERSON) > 0.95


@pytest.mark.parametrize("other", [NOBODY, AT_LEFT])
def test_raised_arm_stays_while_all_others_are_apart(other: Matte) -> None:
    selector = PersonSelector()
    for number in range(30):
        angle = np.pi / 2 - number / 15
        arm = draw_arm(320, 200, 320 + 120 * np.cos(angle), 200 + 120 * np.sin(angle))
        scene = compose(np.maximum(PERSON, arm), other, noise_seed=number)
        assert shown(select(selector, scene, number / 30), scene.person) > 0.98


def test_hand_that_comes_in_from_below_stays() -> None:
    body = PERSON.copy()
    body[240:] = 0
    hand = NOBODY.copy()
    cv2.circle(hand, (FRAME.width // 2 + 60, 280), 22, 1.0, -1)
    selector = PersonSelector()
    select(selector, compose(body, NOBODY), 0.0)
    scene = compose(np.maximum(body, hand), NOBODY)
    assert shown(select(selector, scene, 1 / 30), hand) == 1


def test_person_who_walks_past_an_empty_chair_is_not_shown() -> None:
    selector = PersonSelector()
    for number in range(30):
        select(selector, compose(PERSON, NOBODY, noise_seed=number), number / 30)
    for number in range(30, 90):
        walker = draw_person(-60 + 8 * (number - 30), 126, 0.5)
        assert visible_area(select(selector, compose(NOBODY, walker), number / 30), walker) == 0
    back = select(selector, compose(PERSON, NOBODY), 3.5)
    assert shown(back, PERSON) == 1


def test_another_person_is_chosen_after_the_first_one_has_gone_for_long() -> None:
    selector, small = PersonSelector(), draw_person(FRAME.width / 2, 150, 0.6)
    select(selector, compose(PERSON, NOBODY), 0.0)
    times = np.arange(1.0, 4.0, 1 / 10)
    areas = [visible_area(select(selector, compose(small, NOBODY), float(now)), small) for now in times]
    first = next(index for index, area in enumerate(areas) if area)
    assert times[first] - times[0] >= SETTINGS.wait_seconds - 0.01
    assert min(areas[first:]) > 0.02


def test_arm_is_given_back_after_the_other_has_not_come_out_for_long() -> None:
    selector = PersonSelector()
    for number in range(41):
        select(selector, walk_behind(number, 80), number / 20)
    single = compose(PERSON, NOBODY)
    arm = draw_arm(FRAME.width / 2 + 60, 230, FRAME.width / 2 + 110, 170)
    raised = compose(np.maximum(PERSON, arm), NOBODY)
    for step in range(20):
        select(selector, single, 2.05 + step / 20)
    during = shown(select(selector, raised, 3.1), arm * (1 - PERSON))
    for step in range(60):
        after = select(selector, raised, 3.2 + step / 5)
    assert during < 0.5
    assert shown(after, arm) > 0.95


def test_reset_chooses_again_and_a_new_shot_remembers_the_size() -> None:
    selector, small = PersonSelector(), draw_person(110, 150, 0.6)
    scene = compose(PERSON, NOBODY)
    for number in range(5):
        select(selector, scene, number / 30)
    selector.begin_shot()
    assert not select(selector, compose(small, NOBODY), 0.2).any()
    selector.begin_shot()
    assert shown(select(selector, scene, 0.3), PERSON) == 1
    selector.reset()
    assert shown(select(selector, compose(small, NOBODY), 0.4), small) == 1


def test_matte_of_another_size_starts_again() -> None:
    selector, scene = PersonSelector(), compose(PERSON, NOBODY)
    select(selector, scene, 0.0)
    half = downscale_matte(scene.coarse, type(COARSE)(COARSE.width // 2, COARSE.height // 2))
    assert (selector.apply(half, scene.frame, 0.1) == half).all()


def test_another_is_removed_from_a_crop_as_from_the_whole_frame() -> None:
    scene = compose(PERSON, AT_LEFT)
    whole = Crop.whole(scene.frame)
    crop = Crop(16, 16, Size(FRAME.width - 32, FRAME.height - 16))
    coarse = clean_matte(scene.coarse)
    expected = select(PersonSelector(), scene, 0.0)
    assert shown(expected, scene.other) == 0
    inside = transfer(coarse, whole, crop)
    result = PersonSelector().apply_to_crop(inside, crop, scene.frame, 0.0)
    assert (result <= inside).all()
    assert np.abs(transfer(result, crop, whole) - expected).mean() < 0.01
    assert shown(transfer(result, crop, whole), scene.other) == 0


def test_a_crop_with_one_person_costs_no_copy() -> None:
    scene = compose(PERSON, NOBODY)
    crop = Crop(16, 16, Size(FRAME.width - 32, FRAME.height - 16))
    inside = transfer(clean_matte(scene.coarse), Crop.whole(scene.frame), crop)
    assert PersonSelector().apply_to_crop(inside, crop, scene.frame, 0.0) is inside
