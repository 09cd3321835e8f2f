from itertools import pairwise

import numpy as np
import pytest

from livecam.matting.temporal_filter import AdaptiveTemporalFilter


def test_the_first_matte_stands_for_itself() -> None:
    rough = np.random.default_rng(0).random((12, 16), dtype=np.float32)
    assert (AdaptiveTemporalFilter().apply(rough) == rough).all()


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (1.0, 0.0), (0.2, 0.8), (0.1, 0.5)])
def test_a_step_is_followed_by_90_per_cent_within_two_frames(low: float, high: float) -> None:
    smoother = AdaptiveTemporalFilter()
    for _ in range(10):
        smoother.apply(np.full((8, 8), low, np.float32))
    smoother.apply(np.full((8, 8), high, np.float32))
    second = smoother.apply(np.full((8, 8), high, np.float32))
    assert abs(second - low).min() >= 0.9 * abs(high - low)


def test_a_moving_edge_leaves_no_ghost() -> None:
    smoother = AdaptiveTemporalFilter()
    for left in range(2, 20):
        matte = np.zeros((16, 40), np.float32)
        matte[:, left : left + 12] = 1
        calm = smoother.apply(matte)
        assert np.abs(calm - matte).max() < 0.1


def test_flicker_of_a_still_scene_is_more_than_halved() -> None:
    rng, smoother = np.random.default_rng(1), AdaptiveTemporalFilter()
    still = np.clip(np.linspace(-0.5, 1.5, 64, dtype=np.float32), 0, 1)[None].repeat(36, axis=0)
    rough = [np.clip(still + rng.normal(0, 0.02, still.shape), 0, 1).astype(np.float32) for _ in range(60)]
    calm = [smoother.apply(matte) for matte in rough]
    flicker = [np.mean([np.abs(b - a).mean() for a, b in pairwise(m[20:])]) for m in (rough, calm)]
    assert flicker[1] < 0.5 * flicker[0]


def test_a_still_scene_is_reached_exactly_enough() -> None:
    smoother = AdaptiveTemporalFilter()
    smoother.apply(np.full((8, 8), 0.50, np.float32))
    for _ in range(40):
        calm = smoother.apply(np.full((8, 8), 0.52, np.float32))
    assert np.abs(calm - 0.52).max() < 1e-3


def test_a_reset_forgets() -> None:
    smoother = AdaptiveTemporalFilter()
    smoother.apply(np.zeros((8, 8), np.float32))
    smoother.reset()
    rough = np.full((8, 8), 0.03, np.float32)
    assert (smoother.apply(rough) == rough).all()


def test_neither_the_argument_nor_what_is_handed_out_is_its_memory() -> None:
    smoother, rough = AdaptiveTemporalFilter(), np.full((8, 8), 0.5, np.float32)
    calm = smoother.apply(rough)
    rough[:], calm[:] = 0.0, 0.0
    assert np.allclose(smoother.apply(np.full((8, 8), 0.5, np.float32)), 0.5)


def test_another_size_starts_anew() -> None:
    smoother = AdaptiveTemporalFilter()
    smoother.apply(np.zeros((8, 8), np.float32))
    assert smoother.apply(np.ones((4, 6), np.float32)).shape == (4, 6)


def test_what_goes_to_and_fro_is_calmed_though_each_step_of_it_is_large() -> None:
    smoother = AdaptiveTemporalFilter()
    calm = [smoother.apply(np.full((8, 8), 0.5 + 0.12 * (-1) ** i, np.float32)) for i in range(40)]
    assert np.mean([np.abs(b - a).max() for a, b in pairwise(calm[20:])]) < 0.3 * 0.24
