from collections.abc import Callable

import numpy as np
import pytest
from skimage import data

from livecam.core.errors import TrainingError
from livecam.core.geometry import Size
from livecam.datasets.pets import Foreground
from livecam.imaging.ops import downscale
from livecam.training.data.scene_sampler import AssetPool
from scripts.experiments.synthetic_clips import NOISE, draw_scenes, list_clips, render_clip, render_empty

pytestmark = pytest.mark.training


@pytest.fixture
def pool(make_foreground: Callable[..., Foreground]) -> AssetPool:
    return AssetPool(
        [make_foreground(), make_foreground(exact=False)], [downscale(data.astronaut(), Size(240, 200))], []
    )


def test_clip_moves_smoothly_with_its_matte(pool: AssetPool) -> None:
    scene = draw_scenes(pool, 1, seed=4)[0]

    frames = list(render_clip(scene, 9, seed=2))

    assert all(labeled.frame.shape == (360, 640, 3) for labeled in frames)
    assert all(labeled.matte.dtype == np.float32 and labeled.valid_mask.all() for labeled in frames)
    moved = [float(np.abs(labeled.matte - frames[0].matte).mean()) for labeled in frames]
    assert moved == sorted(moved)
    assert moved[-1] > 0.005
    # The movement is slow at the start and the end.
    change = np.diff(moved)
    assert max(change[0], change[-1]) < change[3:5].mean()


def test_clip_read_twice_is_the_same(pool: AssetPool) -> None:
    clip = list_clips(draw_scenes(pool, 2, seed=4), 3, seed=2)[1]
    once, again = list(clip.frames()), list(clip.frames())
    assert clip.count == 3
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one.frame, other.frame)
    # Two frames of one clip differ, because each has its own noise.
    assert not np.array_equal(once[0].frame, once[1].frame)


def test_empty_render_equals_the_background_of_the_clip(pool: AssetPool) -> None:
    scene = draw_scenes(pool, 1, seed=4)[0]
    labeled, room = next(render_clip(scene, 1, seed=2)), render_empty(scene, seed=2)
    away = np.abs(labeled.frame.astype(int) - room)[labeled.matte == 0].mean()
    there = np.abs(labeled.frame.astype(int) - room)[labeled.matte == 1].mean()
    assert away < 8 < 2 * away + 8 < there


def test_scenes_have_exact_foregrounds_and_noise(pool: AssetPool) -> None:
    scenes = draw_scenes(pool, 6, seed=1)
    assert all(placed.foreground.has_exact_matte for scene in scenes for placed in scene.foregrounds)
    assert all(scene.foregrounds and scene.artifacts.noise >= NOISE for scene in scenes)


def test_pool_without_foreground_or_background_raises_hint(
    pool: AssetPool, make_foreground: Callable[..., Foreground]
) -> None:
    for poor in (
        AssetPool(pool.foregrounds, [], []),
        AssetPool([make_foreground(exact=False)], pool.backgrounds, []),
    ):
        with pytest.raises(TrainingError, match="annotations/mattes"):
            draw_scenes(poor, 1, seed=1)
