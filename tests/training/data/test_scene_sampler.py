from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from livecam.core.geometry import Size
from livecam.datasets.pets import Foreground
from livecam.training.data import scene_sampler
from livecam.training.data.scene_renderer import TrainingExample, render_scene
from livecam.training.data.scene_sampler import (
    DARK_CLOTHES_FRACTION,
    TINTED_CLOTHES_FRACTION,
    WHOLE_IMAGE_FRACTION,
    AssetPool,
    SceneMix,
    _crop,
    sample_scene,
)

SCENE_SIZE = Size(128, 96)
ForegroundFactory = Callable[..., Foreground]


def a_background(value: int) -> np.ndarray:
    return np.full((60, 80, 3), value, np.uint8)


@pytest.fixture
def pool(make_foreground: ForegroundFactory) -> AssetPool:
    return AssetPool(
        [make_foreground(), make_foreground(exact=False)],
        [a_background(100), a_background(101)],
        [a_background(50)],
    )


def kinds(pool: AssetPool, mix: SceneMix, count: int = 400) -> dict[str, float]:
    """The share of each kind among scenes of different seeds."""
    found = {"real": 0, "empty": 0, "single": 0, "double": 0}
    for seed in range(count):
        scene = sample_scene(pool, mix, SCENE_SIZE, np.random.default_rng(seed))
        if scene.background is None:
            found["real"] += 1
        else:
            found[("empty", "single", "double")[len(scene.foregrounds)]] += 1
    return {kind: number / count for kind, number in found.items()}


def test_kinds_come_in_the_shares_of_the_mix(pool: AssetPool) -> None:
    found = kinds(pool, SceneMix(real=0.3, empty=0.2, double=0.1))

    assert found["real"] == pytest.approx(0.3, abs=0.08)
    assert found["empty"] == pytest.approx(0.2, abs=0.08)
    assert found["double"] == pytest.approx(0.1, abs=0.06)


def test_the_same_seed_draws_the_same_scene(pool: AssetPool) -> None:
    for seed in range(20):
        one, two = (sample_scene(pool, SceneMix(), SCENE_SIZE, np.random.default_rng(seed)) for _ in range(2))
        assert (one.lighting, one.artifacts, one.mirrored) == (two.lighting, two.artifacts, two.mirrored)
        assert one.background is two.background
        np.testing.assert_array_equal(one.background_transform, two.background_transform)
        for first, second in zip(one.foregrounds, two.foregrounds, strict=True):
            assert first.foreground is second.foreground
            np.testing.assert_array_equal(first.transform, second.transform)


def test_without_rooms_every_scene_is_real_or_empty(make_foreground: ForegroundFactory) -> None:
    assert kinds(AssetPool([make_foreground()], [], []), SceneMix())["real"] == 1
    found = kinds(AssetPool([make_foreground()], [], [a_background(5)]), SceneMix(real=0.5, empty=0.3))
    assert found["empty"] == pytest.approx(0.3, abs=0.08)
    assert found["single"] == found["double"] == 0


def test_nothing_is_pasted_that_is_cut_or_too_small(make_foreground: ForegroundFactory) -> None:
    small, cut = make_foreground(radius=0.05), replace(make_foreground(), pasteable=False)
    pool = AssetPool([small, cut], [a_background(1)], [])

    assert pool.pasteable == []
    assert kinds(pool, SceneMix(real=0.1, empty=0.2), 100)["single"] == 0


def test_a_bystander_who_stands_whole_in_the_image_is_not_pasted(
    make_foreground: ForegroundFactory,
) -> None:
    cut = make_foreground()
    whole = replace(cut, trimap=np.roll(cut.trimap, -8, axis=0))

    assert AssetPool([whole, cut], [], []).pasteable == [cut]


def test_empty_scenes_show_rooms_and_empties(pool: AssetPool) -> None:
    shown = {
        int(scene.background[0, 0, 0])
        for seed in range(60)
        if (
            scene := sample_scene(pool, SceneMix(0, 1, 0), SCENE_SIZE, np.random.default_rng(seed))
        ).background
        is not None
    }

    assert shown == {50, 100, 101}


def test_a_pasted_subject_stands_on_the_frame_s_bottom_or_is_cut_by_it(pool: AssetPool) -> None:
    body = np.argwhere(pool.foregrounds[0].trimap != 2)
    (_, left), (bottom, right) = body.min(axis=0), body.max(axis=0)
    for seed in range(60):
        scene = sample_scene(pool, SceneMix(0, 0, 0), SCENE_SIZE, np.random.default_rng(seed))
        foot = scene.foregrounds[0].transform @ [(left + right) / 2, bottom, 1]
        assert foot[1] >= SCENE_SIZE.height


def test_some_pasted_subjects_wear_dark_clothes_and_some_dyed_ones(pool: AssetPool) -> None:
    worn = [
        sample_scene(pool, SceneMix(0.0, 0.0, 0.0), SCENE_SIZE, np.random.default_rng(seed))
        .foregrounds[0]
        .lighting.below
        for seed in range(600)
    ]

    dark = [falls for falls in worn if falls[0] and len(set(falls)) == 1]
    dyed = [falls for falls in worn if len(set(falls)) == 3]
    assert len(dark) / len(worn) == pytest.approx(DARK_CLOTHES_FRACTION, abs=0.05)
    assert len(dyed) / len(worn) == pytest.approx(TINTED_CLOTHES_FRACTION, abs=0.05)
    assert min(min(falls) for falls in dyed) >= 0


def test_real_images_keep_their_clothes(pool: AssetPool) -> None:
    for seed in range(60):
        (placed,) = sample_scene(
            pool, SceneMix(1.0, 0.0, 0.0), SCENE_SIZE, np.random.default_rng(seed)
        ).foregrounds
        assert not any(placed.lighting.below)


def test_a_real_image_fills_the_canvas(pool: AssetPool) -> None:
    for seed in range(60):
        scene = sample_scene(pool, SceneMix(1, 0, 0), SCENE_SIZE, np.random.default_rng(seed))
        height, width = scene.foregrounds[0].foreground.image.shape[:2]
        at = np.vstack([scene.foregrounds[0].transform, [0, 0, 1]])
        middle = np.linalg.inv(at) @ [SCENE_SIZE.width / 2, SCENE_SIZE.height / 2, 1]
        assert 0 <= middle[0] <= width
        assert 0 <= middle[1] <= height
        # A slightly rotated full image may leave a corner of the scene uncovered.
        assert np.linalg.det(at) >= (SCENE_SIZE.width / width) * (SCENE_SIZE.height / height) * 0.7


def visible_part(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Return the part of an image that a scene shows: left, top, right, bottom as fractions of its sides."""
    height, width = shape
    at = np.vstack([_crop(Size(width, height), SCENE_SIZE, np.random.default_rng(seed)), [0, 0, 1]])
    corners = np.linalg.inv(at) @ np.array([[0, SCENE_SIZE.width], [0, SCENE_SIZE.height], [1, 1]])
    return (corners[:2].T / (width, height)).ravel()


@pytest.mark.parametrize(
    ("shape", "bottom"), [((400, 300), 375 / 400), ((900, 300), 375 / 900), ((90, 160), 1.0)]
)
def test_images_of_any_shape_are_often_shown_whole(shape: tuple[int, int], bottom: float) -> None:
    whole = (0.0, 0.0, 1.0, bottom)
    near = [np.abs(visible_part(shape, seed) - whole).max() < 0.15 for seed in range(400)]
    assert np.mean(near) >= WHOLE_IMAGE_FRACTION * 0.8


def test_images_are_as_often_shown_in_part() -> None:
    parts = [visible_part((400, 300), seed) for seed in range(400)]
    assert np.mean([part[3] - part[1] < 0.7 for part in parts]) > 0.3


def test_subjects_whose_names_begin_with_a_word_are_shown_more_often(
    make_foreground: ForegroundFactory,
) -> None:
    rare, common = (replace(make_foreground(), name=name) for name in ("cat_1", "dog_1"))
    pool = AssetPool([rare, common], [a_background(1)], [], oversample={"cat": 4})

    drawn = [sample_scene(pool, SceneMix(real=1.0), SCENE_SIZE, np.random.default_rng(i)) for i in range(300)]

    fraction = np.mean([scene.foregrounds[0].foreground is rare for scene in drawn])
    assert fraction == pytest.approx(0.8, abs=0.08)


def test_mix_without_clothes_changes_none(pool: AssetPool) -> None:
    mixes = SceneMix(1.0, 0.0, 0.0, clothes=0.0), SceneMix(1.0, 0.0, 0.0, clothes=1.0)
    never, always = (
        [
            sample_scene(pool, mix, SCENE_SIZE, np.random.default_rng(seed)).foregrounds[0].clothes
            for seed in range(20)
        ]
        for mix in mixes
    )
    assert set(never) == {None}
    assert any(clothes is not None for clothes in always)


def pasted_example(pool: AssetPool, seed: int, **fractions: float) -> TrainingExample:
    """A person on a background, as it is, but for the part that is shown."""
    mix = SceneMix(real=0.0, empty=0.0, double=0.0, clothes=0.0, clutter=0.0, **fractions)
    scene = sample_scene(pool, mix, SCENE_SIZE, np.random.default_rng(seed))
    return render_scene(scene, SCENE_SIZE, np.random.default_rng(seed))


def test_a_zoomed_scene_shows_a_larger_person_whole(make_foreground: ForegroundFactory) -> None:
    pool = AssetPool([make_foreground()], [a_background(100)], [])
    area = {0.0: 0.0, 1.0: 0.0}
    for seed in range(60):
        for zoom in area:
            example = pasted_example(pool, seed, zoom=zoom)
            area[zoom] += float(example.matte.mean()) / 255 / 60
            if zoom == 1.0:
                # A margin is left at the sides, unless the person reaches the scene's own border.
                assert example.matte[:, 0].mean() < 250
    assert area[1.0] > 1.15 * area[0.0]


def test_a_close_up_cuts_the_person_at_the_bottom_and_keeps_the_head(
    make_foreground: ForegroundFactory,
) -> None:
    pool = AssetPool([make_foreground()], [a_background(100)], [])
    area = {0.0: 0.0, 1.0: 0.0}
    bottom: list[float] = []
    for seed in range(60):
        for close in area:
            example = pasted_example(pool, seed, close=close)
            area[close] += float(example.matte.mean()) / 255 / 60
            if close:
                bottom.append(float(example.matte[-1].max()))
    assert area[1.0] > 1.3 * area[0.0]
    assert min(bottom) == 255


def test_close_ups_take_their_part_of_the_scenes_and_zoom_the_rest(
    make_foreground: ForegroundFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, shown = AssetPool([make_foreground()], [a_background(100)], []), []
    for name in ("_move_closer", "_zoom_in"):
        monkeypatch.setattr(scene_sampler, name, lambda scene, *_, name=name: shown.append(name) or scene)
    mix = SceneMix(zoom=0.5, close=0.2)
    for seed in range(400):
        sample_scene(pool, mix, SCENE_SIZE, np.random.default_rng(seed))
    assert shown.count("_move_closer") / 400 == pytest.approx(0.2, abs=0.06)
    assert shown.count("_zoom_in") / 400 == pytest.approx(0.5, abs=0.08)


def test_a_scene_without_a_person_has_no_close_up() -> None:
    pool = AssetPool([], [a_background(100)], [])
    mix = SceneMix(real=0.0, empty=1.0, double=0.0, close=1.0)
    scene = sample_scene(pool, mix, SCENE_SIZE, np.random.default_rng(1))
    assert render_scene(scene, SCENE_SIZE, np.random.default_rng(1)).matte.max() == 0


def test_subjects_whose_edges_are_not_exact_are_never_pasted(make_foreground: ForegroundFactory) -> None:
    inexact, exact = (replace(make_foreground(), name=name) for name in ("coco_1", "portrait_1"))
    pool = AssetPool([inexact, exact], [a_background(1)], [], never_pasted=("coco", "penn"))

    assert pool.pasteable == [exact]
    assert inexact in pool.foregrounds
