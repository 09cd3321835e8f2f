from itertools import pairwise

import numpy as np
import pytest

from livecam.core.geometry import Crop, Size
from livecam.imaging.ops import downscale_matte
from livecam.matting.temporal_filter import AdaptiveTemporalFilter


def test_apply_first_matte_is_unfiltered() -> None:
    coarse = np.random.default_rng(0).random((12, 16), dtype=np.float32)
    assert (AdaptiveTemporalFilter().apply(coarse) == coarse).all()


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (1.0, 0.0), (0.2, 0.8), (0.1, 0.5)])
def test_apply_step_reaches_90_percent_in_two_frames(low: float, high: float) -> None:
    temporal_filter = AdaptiveTemporalFilter()
    for _ in range(10):
        temporal_filter.apply(np.full((8, 8), low, np.float32))
    temporal_filter.apply(np.full((8, 8), high, np.float32))
    second = temporal_filter.apply(np.full((8, 8), high, np.float32))
    assert abs(second - low).min() >= 0.9 * abs(high - low)


def test_apply_moving_edge_leaves_no_trail() -> None:
    temporal_filter = AdaptiveTemporalFilter()
    for left in range(2, 20):
        matte = np.zeros((16, 40), np.float32)
        matte[:, left : left + 12] = 1
        filtered = temporal_filter.apply(matte)
        assert np.abs(filtered - matte).max() < 0.1


def test_apply_to_still_scene_halves_flicker() -> None:
    rng, temporal_filter = np.random.default_rng(1), AdaptiveTemporalFilter()
    still = np.clip(np.linspace(-0.5, 1.5, 64, dtype=np.float32), 0, 1)[None].repeat(36, axis=0)
    coarse = [np.clip(still + rng.normal(0, 0.02, still.shape), 0, 1).astype(np.float32) for _ in range(60)]
    filtered = [temporal_filter.apply(matte) for matte in coarse]
    flicker = [np.mean([np.abs(b - a).mean() for a, b in pairwise(m[20:])]) for m in (coarse, filtered)]
    assert flicker[1] < 0.5 * flicker[0]


def test_apply_to_still_scene_converges() -> None:
    temporal_filter = AdaptiveTemporalFilter()
    temporal_filter.apply(np.full((8, 8), 0.50, np.float32))
    for _ in range(40):
        filtered = temporal_filter.apply(np.full((8, 8), 0.52, np.float32))
    assert np.abs(filtered - 0.52).max() < 1e-3


def test_reset_makes_next_matte_unfiltered() -> None:
    temporal_filter = AdaptiveTemporalFilter()
    temporal_filter.apply(np.zeros((8, 8), np.float32))
    temporal_filter.reset()
    coarse = np.full((8, 8), 0.03, np.float32)
    assert (temporal_filter.apply(coarse) == coarse).all()


def test_apply_shares_no_memory_with_the_caller() -> None:
    temporal_filter, coarse = AdaptiveTemporalFilter(), np.full((8, 8), 0.5, np.float32)
    filtered = temporal_filter.apply(coarse)
    coarse[:], filtered[:] = 0.0, 0.0
    assert np.allclose(temporal_filter.apply(np.full((8, 8), 0.5, np.float32)), 0.5)


def test_apply_matte_of_other_size_restarts() -> None:
    temporal_filter = AdaptiveTemporalFilter()
    temporal_filter.apply(np.zeros((8, 8), np.float32))
    assert temporal_filter.apply(np.ones((4, 6), np.float32)).shape == (4, 6)


def test_apply_damps_large_alternating_steps() -> None:
    temporal_filter = AdaptiveTemporalFilter()
    filtered = [temporal_filter.apply(np.full((8, 8), 0.5 + 0.12 * (-1) ** i, np.float32)) for i in range(40)]
    assert np.mean([np.abs(b - a).max() for a, b in pairwise(filtered[20:])]) < 0.3 * 0.24


def test_the_memory_stays_at_its_place_when_the_crop_changes() -> None:
    frame = np.zeros((160, 160), np.float32)
    frame[40:120, 40:120] = 1.0
    before, after = Crop.whole(frame), Crop(20, 20, Size(120, 120))
    temporal_filter, size = AdaptiveTemporalFilter(), Size(40, 40)
    for _ in range(3):
        temporal_filter.apply(downscale_matte(frame, size))
    temporal_filter.move(before, after)
    # A weak flicker is damped as it would be without the move: once near the border of the person, where
    # no person was at that place of the old crop, and once in the room.
    coarse = downscale_matte(frame[after.slices], size)
    assert coarse[8, 20] == 1
    assert coarse[3, 20] == 0
    coarse[8, 20], coarse[3, 20] = 0.9, 0.1
    moved = temporal_filter.apply(coarse)
    assert moved[8, 20] > 0.97
    assert moved[3, 20] < 0.03


def test_a_person_beyond_the_old_crop_is_there_at_once() -> None:
    temporal_filter = AdaptiveTemporalFilter()
    for _ in range(3):
        temporal_filter.apply(np.zeros((40, 40), np.float32))
    temporal_filter.move(Crop(0, 0, Size(80, 80)), Crop(0, 0, Size(160, 80)))
    coarse = np.zeros((40, 40), np.float32)
    coarse[:, 22:] = 1.0
    assert (temporal_filter.apply(coarse)[:, 22:] > 0.99).all()


STILL, MOVING = np.zeros((40, 40), np.float32), np.ones((40, 40), np.float32)


def test_a_hole_of_one_frame_in_a_still_person_does_not_appear() -> None:
    temporal_filter, person = AdaptiveTemporalFilter(), np.ones((40, 40), np.float32)
    with_hole = person.copy()
    with_hole[10:30, 10:30] = 0.0
    for _ in range(3):
        temporal_filter.apply(person, STILL)
    assert temporal_filter.apply(with_hole, STILL).min() > 0.8
    assert temporal_filter.apply(person, STILL).min() > 0.8


def test_what_moves_follows_at_once_and_so_does_all_without_knowledge_of_motion() -> None:
    for motion in (MOVING, None):
        temporal_filter = AdaptiveTemporalFilter()
        for _ in range(3):
            temporal_filter.apply(np.ones((40, 40), np.float32), STILL)
        gone = temporal_filter.apply(np.zeros((40, 40), np.float32), motion)
        assert gone.max() < 0.1


def test_a_lasting_change_in_a_still_frame_arrives_within_a_second() -> None:
    temporal_filter = AdaptiveTemporalFilter()
    temporal_filter.apply(np.ones((40, 40), np.float32), STILL)
    for _ in range(30):
        filtered = temporal_filter.apply(np.zeros((40, 40), np.float32), STILL)
    assert filtered.max() < 0.01


def test_a_still_person_beyond_the_old_crop_is_there_at_once() -> None:
    temporal_filter = AdaptiveTemporalFilter()
    for _ in range(3):
        temporal_filter.apply(np.zeros((40, 40), np.float32), STILL)
    temporal_filter.move(Crop(0, 0, Size(80, 80)), Crop(0, 0, Size(160, 80)))
    coarse = np.ones((40, 40), np.float32)
    first = temporal_filter.apply(coarse, STILL)
    assert (first[:, 22:] > 0.99).all()
    # What the crop before has shown as a room is one until it moves or stays a person.
    assert (first[:, :18] < 0.2).all()
    # The new crop is known from now on.
    assert temporal_filter.apply(np.zeros((40, 40), np.float32), STILL)[:, 22:].min() > 0.8


def test_filters_with_different_pasts_agree_to_the_bit_in_a_still_image() -> None:
    rng = np.random.default_rng(0)
    still = rng.random((24, 32), dtype=np.float32)
    # Within the noise level, so that it fades slowly.
    noise = rng.uniform(-0.09, 0.09, still.shape)
    filters = [AdaptiveTemporalFilter() for _ in range(3)]
    for temporal_filter, amount in zip(filters, (0, 1, -1), strict=True):
        temporal_filter.apply(np.clip(still + amount * noise, 0, 1).astype(np.float32))
    for _ in range(80):
        filtered = [temporal_filter.apply(still) for temporal_filter in filters]
    for each in filtered:
        assert np.array_equal(each, still)
