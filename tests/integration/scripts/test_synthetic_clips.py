from collections.abc import Callable

import numpy as np
import pytest
from skimage import data

from livecam.core.errors import TrainingError
from livecam.core.geometry import Size
from livecam.datasets.pets import Foreground
from livecam.imaging.ops import downscale
from livecam.training.data.scene_sampler import AssetPool
from scripts.experiments.synthetic_clips import NOISE, draw_scenes, empty, take, takes

pytestmark = pytest.mark.training


@pytest.fixture
def stock(subject: Callable[..., Foreground]) -> AssetPool:
    return AssetPool([subject(), subject(exact=False)], [downscale(data.astronaut(), Size(240, 200))], [])


def test_a_take_moves_smoothly_and_its_matte_with_it(stock: AssetPool) -> None:
    scene = draw_scenes(stock, 1, seed=4)[0]

    shots = list(take(scene, 9, seed=2))

    assert all(shot.frame.shape == (360, 640, 3) for shot in shots)
    assert all(shot.matte.dtype == np.float32 and shot.valid_mask.all() for shot in shots)
    moved = [float(np.abs(shot.matte - shots[0].matte).mean()) for shot in shots]
    assert moved == sorted(moved)
    assert moved[-1] > 0.005
    # Slowly at first and at last.
    change = np.diff(moved)
    assert max(change[0], change[-1]) < change[3:5].mean()


def test_a_take_is_the_same_whenever_it_is_asked_for(stock: AssetPool) -> None:
    case = takes(draw_scenes(stock, 2, seed=4), 3, seed=2)[1]
    once, again = list(case.frames()), list(case.frames())
    assert case.count == 3
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one.frame, other.frame)
    # But no two frames of it: there is noise.
    assert not np.array_equal(once[0].frame, once[1].frame)


def test_the_room_alone_is_what_stands_behind_the_subject(stock: AssetPool) -> None:
    scene = draw_scenes(stock, 1, seed=4)[0]
    shot, room = next(take(scene, 1, seed=2)), empty(scene, seed=2)
    away = np.abs(shot.frame.astype(int) - room)[shot.matte == 0].mean()
    there = np.abs(shot.frame.astype(int) - room)[shot.matte == 1].mean()
    assert away < 8 < 2 * away + 8 < there


def test_only_subjects_with_exact_mattes_are_taken_and_none_without_noise(stock: AssetPool) -> None:
    scenes = draw_scenes(stock, 6, seed=1)
    assert all(actor.foreground.has_exact_matte for scene in scenes for actor in scene.foregrounds)
    assert all(scene.foregrounds and scene.artifacts.noise >= NOISE for scene in scenes)


def test_without_an_exact_subject_or_a_room_the_remedy_is_said(
    stock: AssetPool, subject: Callable[..., Foreground]
) -> None:
    for poor in (
        AssetPool(stock.foregrounds, [], []),
        AssetPool([subject(exact=False)], stock.backgrounds, []),
    ):
        with pytest.raises(TrainingError, match="annotations/mattes"):
            draw_scenes(poor, 1, seed=1)
