import numpy as np

from livecam.annotation.suggest import bounds, deepest, find_person, suggest
from livecam.core.types import Matte
from tests.support.fakes import PERSON
from tests.support.synthetic_people import GreenModel, draw_scene, is_near


def test_points_lie_inside_and_outside_the_person_and_the_box_around_them() -> None:
    frame = draw_scene(0)
    person = find_person(GreenModel(), frame)
    (prompt,) = person.prompts
    true = is_near(frame, PERSON)
    assert len(prompt.keep) >= 2
    assert all(true[int(p.y), int(p.x)] for p in prompt.keep)
    assert not any(true[int(p.y), int(p.x)] for p in prompt.drop)
    rows, columns = np.nonzero(true)
    assert prompt.box is not None
    assert prompt.box.left <= columns.min() <= columns.max() <= prompt.box.right
    assert prompt.box.top <= rows.min() <= rows.max() <= prompt.box.bottom
    assert person.sure


def test_two_people_are_two_prompts_the_larger_first() -> None:
    matte = np.zeros((100, 200), np.float32)
    matte[30:90, 20:50] = 1
    matte[20:95, 100:180] = 1
    first, second = suggest(matte)
    assert first.keep[0].x > 99
    assert second.keep[0].x < 51


def test_nobody_is_nobody_and_that_can_be_sure() -> None:
    person = find_person(GreenModel(), draw_scene(0, person=False))
    assert (person.prompts, person.sure) == ((), True)


def test_a_model_that_half_sees_somebody_is_not_sure_that_there_is_nobody() -> None:
    def faint(frame: np.ndarray) -> Matte:  # type: ignore[type-arg]
        return is_near(frame, PERSON).astype(np.float32) * np.float32(0.7)

    person = find_person(GreenModel(faint), draw_scene(0))
    assert (person.prompts, person.sure) == ((), False)


def test_the_deepest_points_are_far_from_the_edge_and_from_each_other() -> None:
    area = np.zeros((60, 120), bool)
    area[10:50, 10:110] = True
    points = deepest(area, 3)
    assert len(points) == 3
    assert all(25 <= p.y <= 34 for p in points[:1])
    gaps = [abs(a.x - b.x) + abs(a.y - b.y) for i, a in enumerate(points) for b in points[:i]]
    assert min(gaps) > 15


def test_nothing_is_deep_in_a_line() -> None:
    area = np.zeros((60, 120), bool)
    area[30] = True
    assert deepest(area, 3) == ()


def test_bounds_stay_in_the_picture() -> None:
    area = np.zeros((60, 120), bool)
    area[0:60, 100:120] = True
    assert bounds(area, 0.5) == (90, 0, 119, 59)
