import os
import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest
from skimage import data

from livecam.core.errors import UsageError
from livecam.core.geometry import Size
from livecam.imaging.ops import downscale

pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")
pytest.importorskip("tensorflow", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.datasets.pets import Foreground
from livecam.training.data.dataset import (
    ECHO_DISTANCE,
    SceneDataset,
    collate,
    near_contour,
)
from livecam.training.data.scene_sampler import AssetPool, SceneMix

pytestmark = pytest.mark.training

SIZE = Size(64, 48)


@pytest.fixture
def pool(make_foreground: Callable[..., Foreground]) -> AssetPool:
    room = downscale(data.astronaut(), Size(120, 100))
    return AssetPool([make_foreground(), make_foreground(exact=False)], [room, room[::-1].copy()], [])


def batches(
    pool: AssetPool, seed: int = 1, pairs: int = 2, mix: SceneMix | None = None, workers: int = 1
) -> SceneDataset:
    return SceneDataset(pool, SIZE, batch=8, steps=5, seed=seed, pairs=pairs, mix=mix, workers=workers)


def same(one: SceneDataset, two: SceneDataset, index: int = 0) -> bool:
    return all(
        bool(np.array_equal(a, b))
        for first, second in zip(one.examples(index), two.examples(index), strict=True)
        for a, b in zip(first, second, strict=True)
    )


def test_the_same_seed_gives_the_same_scenes_and_another_gives_others(pool: AssetPool) -> None:
    assert same(batches(pool), batches(pool, workers=3), 3)
    assert not same(batches(pool), batches(pool, seed=2))
    assert not np.array_equal(batches(pool).examples(0)[0].frame, batches(pool).examples(1)[0].frame)


def test_an_epoch_s_scenes_depend_on_its_number_alone(pool: AssetPool) -> None:
    gone_through, resumed = batches(pool), batches(pool)
    for index in range(5):
        gone_through.examples(index)
    gone_through.on_epoch_end()

    resumed.epoch = 1

    assert same(gone_through, resumed, 4)
    assert not same(gone_through, batches(pool), 4)


def test_a_batch_is_as_large_as_asked_whatever_its_pairs(pool: AssetPool) -> None:
    for pairs in (0, 1, 4):
        assert len(batches(pool, pairs=pairs).examples(0)) == 8
    assert len(batches(pool)) == 5


def test_more_pairs_than_fit_are_refused(pool: AssetPool) -> None:
    with pytest.raises(UsageError, match="a batch of 8 has no room for 5 pairs; give 10"):
        batches(pool, pairs=5)


def test_the_first_views_are_pairs_of_the_same_scene(pool: AssetPool) -> None:
    """Truths of two examples of a scene differ little, those of two scenes differ much."""

    def apart(one: int, two: int) -> float:
        differences = [
            np.abs(examples[one].matte.astype(int) - examples[two].matte).mean() for examples in many
        ]
        return float(np.mean(differences))

    drawn = batches(pool, mix=SceneMix(0, 0, 0))
    many = [drawn.examples(index) for index in range(5)]

    within, between = [apart(0, 1), apart(2, 3)], [apart(1, 2), apart(4, 5), apart(6, 7)]

    assert max(within) < min(between) / 3


def test_a_packed_batch_is_what_its_views_say(pool: AssetPool) -> None:
    examples = batches(pool).examples(0)
    images, true = collate(examples)

    assert (images.dtype, true.dtype) == (np.float32, np.uint8)
    assert (images.shape, true.shape) == ((8, 48, 64, 3), (8, 4, 48, 64))
    for i, example in enumerate(examples):
        np.testing.assert_array_equal(np.rint(images[i] * 255), example.frame)
        np.testing.assert_array_equal(true[i, 0] + 1, example.trimap)
        np.testing.assert_array_equal(true[i, 1], example.matte)
        np.testing.assert_array_equal(true[i, 2], example.valid_mask)
        np.testing.assert_array_equal(true[i, 3], near_contour(example.trimap))


def test_the_contour_s_neighbours_are_near_the_outline_and_no_others() -> None:
    trimap = np.full((11, 11), 2, np.uint8)
    trimap[5, 5] = 3

    near = near_contour(trimap, width=5)

    assert (near[3:8, 3:8] == 1).all()
    assert near.sum() == 25


def echoing(pool: AssetPool, steps: int = ECHO_DISTANCE + 3) -> SceneDataset:
    return SceneDataset(pool, SIZE, batch=4, steps=steps, seed=1, pairs=1, echo=True)


def test_an_echo_is_an_earlier_batch_mirrored_and_in_another_light(pool: AssetPool) -> None:
    gone_through = echoing(pool)
    examples = [gone_through.examples(index) for index in range(ECHO_DISTANCE + 3)]

    for first, again in zip(examples[2], examples[2 + ECHO_DISTANCE], strict=True):
        for part in ("trimap", "matte", "valid_mask"):
            np.testing.assert_array_equal(getattr(again, part), getattr(first, part)[:, ::-1])
        assert not np.array_equal(again.frame, first.frame[:, ::-1])
    # The first odd batches have no earlier batch to repeat; even batches are always new.
    assert not np.array_equal(examples[1][0].trimap, examples[0][0].trimap[:, ::-1])
    assert not np.array_equal(examples[ECHO_DISTANCE + 1][0].trimap, examples[1][0].trimap[:, ::-1])


def test_an_echo_is_the_same_for_a_run_that_goes_on_in_the_middle(pool: AssetPool) -> None:
    gone_through, resumed = echoing(pool), echoing(pool)
    for index in range(ECHO_DISTANCE + 2):
        gone_through.examples(index)

    assert same(gone_through, resumed, ECHO_DISTANCE + 2)


def test_batches_that_are_kept_for_an_echo_are_let_go(pool: AssetPool) -> None:
    gone_through = echoing(pool, steps=2 * ECHO_DISTANCE)
    kept = []
    for index in range(2 * ECHO_DISTANCE):
        gone_through.examples(index)
        kept.append(len(gone_through._echo_sources))

    assert max(kept) <= ECHO_DISTANCE // 2 + 1
    assert kept[-1] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no niceness of their own here")
def test_threads_that_draw_keep_the_priority_of_the_trainer(pool: AssetPool) -> None:
    def draw() -> None:
        batches(pool)[0]
        priorities.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    priorities: list[int] = []
    before = os.getpriority(os.PRIO_PROCESS, 0)
    thread = threading.Thread(target=draw)
    thread.start()
    thread.join()
    batches(pool)[0]

    assert priorities == [before]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
