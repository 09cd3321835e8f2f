from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from livecam.core.geometry import Size
from livecam.datasets.pets import Subject
from livecam.training.data.scene_sampler import (
    DARK_CLOTHES,
    DYED_CLOTHES,
    WHOLE,
    Mix,
    Stock,
    _crop,
    draw_scene,
)

CANVAS = Size(128, 96)
Subjects = Callable[..., Subject]


def a_room(value: int) -> np.ndarray:
    return np.full((60, 80, 3), value, np.uint8)


@pytest.fixture
def stock(subject: Subjects) -> Stock:
    return Stock([subject(), subject(exact=False)], [a_room(100), a_room(101)], [a_room(50)])


def kinds(stock: Stock, mix: Mix, count: int = 400) -> dict[str, float]:
    """The share of each kind among scenes of different seeds."""
    found = {"real": 0, "empty": 0, "single": 0, "double": 0}
    for seed in range(count):
        scene = draw_scene(stock, mix, CANVAS, np.random.default_rng(seed))
        if scene.room is None:
            found["real"] += 1
        else:
            found[("empty", "single", "double")[len(scene.actors)]] += 1
    return {kind: number / count for kind, number in found.items()}


def test_kinds_come_in_the_shares_of_the_mix(stock: Stock) -> None:
    found = kinds(stock, Mix(real=0.3, empty=0.2, double=0.1))

    assert found["real"] == pytest.approx(0.3, abs=0.08)
    assert found["empty"] == pytest.approx(0.2, abs=0.08)
    assert found["double"] == pytest.approx(0.1, abs=0.06)


def test_the_same_seed_draws_the_same_scene(stock: Stock) -> None:
    for seed in range(20):
        one, two = (draw_scene(stock, Mix(), CANVAS, np.random.default_rng(seed)) for _ in range(2))
        assert (one.light, one.faults, one.mirrored) == (two.light, two.faults, two.mirrored)
        assert one.room is two.room
        np.testing.assert_array_equal(one.room_at, two.room_at)
        for first, second in zip(one.actors, two.actors, strict=True):
            assert first.subject is second.subject
            np.testing.assert_array_equal(first.at, second.at)


def test_without_rooms_every_scene_is_real_or_empty(subject: Subjects) -> None:
    assert kinds(Stock([subject()], [], []), Mix())["real"] == 1
    found = kinds(Stock([subject()], [], [a_room(5)]), Mix(real=0.5, empty=0.3))
    assert found["empty"] == pytest.approx(0.3, abs=0.08)
    assert found["single"] == found["double"] == 0


def test_nothing_is_pasted_that_is_cut_or_too_small(subject: Subjects) -> None:
    small, cut = subject(radius=0.05), replace(subject(), pasteable=False)
    stock = Stock([small, cut], [a_room(1)], [])

    assert stock.pasteable == []
    assert kinds(stock, Mix(real=0.1, empty=0.2), 100)["single"] == 0


def test_a_bystander_who_stands_whole_in_the_picture_is_not_pasted(subject: Subjects) -> None:
    cut = subject()
    whole = replace(cut, trimap=np.roll(cut.trimap, -8, axis=0))

    assert Stock([whole, cut], [], []).pasteable == [cut]


def test_empty_scenes_show_rooms_and_empties(stock: Stock) -> None:
    shown = {
        int(scene.room[0, 0, 0])
        for seed in range(60)
        if (scene := draw_scene(stock, Mix(0, 1, 0), CANVAS, np.random.default_rng(seed))).room is not None
    }

    assert shown == {50, 100, 101}


def test_a_pasted_subject_stands_on_the_frame_s_bottom_or_is_cut_by_it(stock: Stock) -> None:
    body = np.argwhere(stock.subjects[0].trimap != 2)
    (_, left), (bottom, right) = body.min(axis=0), body.max(axis=0)
    for seed in range(60):
        scene = draw_scene(stock, Mix(0, 0, 0), CANVAS, np.random.default_rng(seed))
        foot = scene.actors[0].at @ [(left + right) / 2, bottom, 1]
        assert foot[1] >= CANVAS.height


def test_some_pasted_subjects_wear_dark_clothes_and_some_dyed_ones(stock: Stock) -> None:
    worn = [
        draw_scene(stock, Mix(0.0, 0.0, 0.0), CANVAS, np.random.default_rng(seed)).actors[0].light.below
        for seed in range(600)
    ]

    dark = [falls for falls in worn if falls[0] and len(set(falls)) == 1]
    dyed = [falls for falls in worn if len(set(falls)) == 3]
    assert len(dark) / len(worn) == pytest.approx(DARK_CLOTHES, abs=0.05)
    assert len(dyed) / len(worn) == pytest.approx(DYED_CLOTHES, abs=0.05)
    assert min(min(falls) for falls in dyed) >= 0


def test_real_pictures_keep_their_clothes(stock: Stock) -> None:
    for seed in range(60):
        (actor,) = draw_scene(stock, Mix(1.0, 0.0, 0.0), CANVAS, np.random.default_rng(seed)).actors
        assert not any(actor.light.below)


def test_a_real_picture_fills_the_canvas(stock: Stock) -> None:
    for seed in range(60):
        scene = draw_scene(stock, Mix(1, 0, 0), CANVAS, np.random.default_rng(seed))
        height, width = scene.actors[0].subject.frame.shape[:2]
        at = np.vstack([scene.actors[0].at, [0, 0, 1]])
        middle = np.linalg.inv(at) @ [CANVAS.width / 2, CANVAS.height / 2, 1]
        assert 0 <= middle[0] <= width
        assert 0 <= middle[1] <= height
        # Shown whole or turned a little, a corner may look somewhat beyond the picture.
        assert np.linalg.det(at) >= (CANVAS.width / width) * (CANVAS.height / height) * 0.7


def seen(shape: tuple[int, int], seed: int) -> np.ndarray:
    """The part of a picture of that shape that a scene shows: left, top, right and bottom as shares of it."""
    height, width = shape
    at = np.vstack([_crop(Size(width, height), CANVAS, np.random.default_rng(seed)), [0, 0, 1]])
    corners = np.linalg.inv(at) @ np.array([[0, CANVAS.width], [0, CANVAS.height], [1, 1]])
    return (corners[:2].T / (width, height)).ravel()


@pytest.mark.parametrize(
    ("shape", "bottom"), [((400, 300), 375 / 400), ((900, 300), 375 / 900), ((90, 160), 1.0)]
)
def test_pictures_of_any_shape_are_often_shown_whole(shape: tuple[int, int], bottom: float) -> None:
    whole = (0.0, 0.0, 1.0, bottom)
    near = [np.abs(seen(shape, seed) - whole).max() < 0.15 for seed in range(400)]
    assert np.mean(near) >= WHOLE * 0.8


def test_pictures_are_as_often_shown_in_part() -> None:
    parts = [seen((400, 300), seed) for seed in range(400)]
    assert np.mean([part[3] - part[1] < 0.7 for part in parts]) > 0.3


def test_subjects_whose_names_begin_with_a_word_are_shown_more_often(subject: Subjects) -> None:
    rare, common = (replace(subject(), name=name) for name in ("cat_1", "dog_1"))
    stock = Stock([rare, common], [a_room(1)], [], often={"cat": 4})

    drawn = [draw_scene(stock, Mix(real=1.0), CANVAS, np.random.default_rng(i)) for i in range(300)]

    share = np.mean([scene.actors[0].subject is rare for scene in drawn])
    assert share == pytest.approx(0.8, abs=0.08)
