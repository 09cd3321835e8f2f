from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from skimage import data

from livecam.core.geometry import Size
from livecam.imaging.ops import shrink
from livecam.imaging.trimap import BACKGROUND, CONTOUR, FOREGROUND
from livecam.training.data.augmentation import (
    Faults,
    Light,
    compose,
    cut_out,
    match_light,
    nudge,
    place,
    warp,
    warp_matte,
    warp_trimap,
)

SIZE = Size(64, 48)


@pytest.fixture
def frame() -> np.ndarray:
    return shrink(data.astronaut(), SIZE)


def test_light_without_strength_changes_nothing(frame: np.ndarray) -> None:
    light = Light.draw(np.random.default_rng(0), 0.0)

    np.testing.assert_array_equal(light.shine(frame), frame)


def test_light_acts_on_each_channel_and_stays_in_range(frame: np.ndarray) -> None:
    dark = Light((0.5, 1.0, 2.0), 1.0, 0.0).shine(frame).astype(int)

    np.testing.assert_allclose(dark[..., 0], frame[..., 0] / 2, atol=0.51)
    np.testing.assert_array_equal(dark[..., 1], frame[..., 1])
    np.testing.assert_array_equal(dark[..., 2], np.minimum(frame[..., 2].astype(int) * 2, 255))


def test_light_is_rounded_not_cut_off(frame: np.ndarray) -> None:
    np.testing.assert_array_equal(Light((0.999, 0.999, 0.999), 1.0, 0.0).shine(frame), frame)


def test_light_is_monotone_so_that_no_detail_turns_over() -> None:
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    for seed in range(50):
        light = replace(Light.draw(np.random.default_rng(seed)), side=(0.0, 0.0))
        shone = light.shine(ramp)
        assert (np.diff(shone[0].astype(int), axis=0) >= 0).all()


def test_no_faults_change_nothing(frame: np.ndarray) -> None:
    none = Faults(blur=0, motion=(0, 0.0), noise=0, grain=1, quality=100, upscaled=1)

    np.testing.assert_array_equal(none.strike(frame, np.random.default_rng(0)), frame)


def test_faults_keep_shape_and_type_and_come_again_with_the_seed(frame: np.ndarray) -> None:
    struck = set()
    for seed in range(40):
        faults = Faults.draw(np.random.default_rng(seed))
        once, again, other = (
            faults.strike(frame, np.random.default_rng(s)) for s in (seed, seed, seed + 1000)
        )
        assert once.shape == frame.shape
        assert once.dtype == np.uint8
        np.testing.assert_array_equal(once, again)
        assert (faults.noise > 0.5) <= bool((once != other).any())
        struck.add(bool((once != frame).any()))
    assert struck == {True, False}


def test_noise_is_as_strong_as_asked_and_has_no_bias() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    for grain in (1.0, 2.0):
        noisy = Faults(0, (0, 0.0), 6.0, grain, 100, 1).strike(grey, np.random.default_rng(3)).astype(float)
        assert abs(noisy.mean() - 128) < 0.5
        assert 3 < noisy.std() < 8


def test_a_motion_smear_keeps_the_light_and_loses_detail(frame: np.ndarray) -> None:
    smeared = Faults(0, (9, 0.4), 0, 1, 100, 1).strike(frame, np.random.default_rng(0))

    assert abs(smeared.mean() - frame.mean()) < 3
    assert (
        np.abs(np.diff(smeared.astype(int), axis=1)).mean()
        < np.abs(np.diff(frame.astype(int), axis=1)).mean()
    )


def test_place_brings_the_pivot_to_its_goal_scaled_and_turned() -> None:
    at = place((2.0, 3.0), 90, (10.0, 20.0), (5.0, 6.0))

    np.testing.assert_allclose(at @ [10, 20, 1], [5, 6])
    np.testing.assert_allclose(at @ [11, 20, 1], [5, 8], atol=1e-9)
    np.testing.assert_allclose(at @ [10, 21, 1], [2, 6], atol=1e-9)


def test_composing_does_the_second_after_the_first() -> None:
    first, second = place((2, 2), 0, (0, 0), (1, 0)), place((1, 1), 90, (0, 0), (0, 0))

    np.testing.assert_allclose(compose(second, first) @ [3, 4, 1], second @ [*(first @ [3, 4, 1]), 1])


def test_a_nudge_of_nothing_moves_nothing_and_a_larger_one_moves_more() -> None:
    still = np.eye(2, 3)
    np.testing.assert_allclose(nudge(still, np.random.default_rng(0), SIZE, 0.0), still, atol=1e-12)

    moved = [
        np.abs(nudge(still, np.random.default_rng(s), SIZE, a) @ [32, 24, 1] - [32, 24]).mean()
        for a in (0.1, 1.0)
        for s in range(30)
    ]

    assert 0 < np.mean(moved[:30]) < np.mean(moved[30:]) / 5
    assert np.mean(moved[30:]) < 5


def test_warped_trimaps_hold_labels_only() -> None:
    # Stripes of 1 and 3: mixing them would make a 2 inside the picture.
    stripes = np.where(np.arange(64) % 3, FOREGROUND, CONTOUR).astype(np.uint8)[None].repeat(48, axis=0)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        at = place((rng.uniform(2, 3), rng.uniform(2, 3)), rng.uniform(-8, 8), (32, 24), (32, 24))
        assert set(np.unique(warp_trimap(stripes, at, SIZE))) <= {FOREGROUND, CONTOUR}


def test_outside_a_warped_subject_lies_background_and_nothing_is_kept() -> None:
    away = place((0.5, 0.5), 0, (0, 0), (0, 0))
    trimap, matte = np.full((48, 64), FOREGROUND, np.uint8), np.full((48, 64), 255, np.uint8)

    drawn, kept = warp_trimap(trimap, away, SIZE), warp_matte(matte, away, SIZE)

    assert (drawn[26:, 34:] == BACKGROUND).all()
    assert (kept[26:, 34:] == 0).all()
    assert (drawn[:23, :31] == FOREGROUND).all()
    assert (kept[:23, :31] == 255).all()


def test_warping_by_the_identity_changes_nothing(frame: np.ndarray) -> None:
    np.testing.assert_array_equal(warp(frame, np.eye(2, 3), SIZE), frame)


def test_matching_light_brings_the_subject_towards_the_room_by_its_strength(
    frame: np.ndarray, disc: Callable[..., np.ndarray]
) -> None:
    matte = (disc(SIZE, 15, (32, 24)) * 255).astype(np.uint8)
    room = np.full_like(frame, 100)
    apart = [
        np.abs(match_light(frame, matte, room, s)[matte > 127].mean(axis=0) - 100).mean() for s in (0, 0.5, 1)
    ]

    np.testing.assert_array_equal(match_light(frame, matte, room, 0.0), frame)
    assert apart[0] > apart[1] > apart[2]
    np.testing.assert_array_equal(match_light(frame, matte * 0, room, 1.0), frame)


def test_a_paste_is_the_matte_s_share_of_both() -> None:
    matte = np.array([[0, 64, 128, 255]], np.uint8)
    subject, room = np.full((1, 4, 3), 200, np.uint8), np.full((1, 4, 3), 100, np.uint8)

    pasted = cut_out(subject, matte, room).astype(float)

    np.testing.assert_allclose(pasted[0, :, 0], 100 + matte[0] / 255 * 100, atol=0.6)


def test_light_that_falls_off_below_leaves_the_top_as_it_was() -> None:
    grey = np.full((40, 30, 3), 120, np.uint8)

    lit = Light((1.0, 1.0, 1.0), 1.0, 0.0).dyed_below((1.0, 1.0, 1.0)).shine(grey)

    assert abs(int(lit[0, 0, 0]) - 120) <= 2
    assert abs(int(lit[-1, 0, 0]) - 120 * np.exp(-1)) <= 2
    assert (np.diff(lit[:, 0, 0].astype(int)) <= 0).all()


def test_light_that_dyes_what_is_below_changes_the_channels_one_by_one() -> None:
    grey = np.full((40, 30, 3), 120, np.uint8)

    lit = Light((1.0, 1.0, 1.0), 1.0, 0.0, (0.5, 0.0)).dyed_below((0.0, 0.5, 1.5)).shine(grey)

    middle = lit[:, 15].astype(float) / lit[0, 15]
    np.testing.assert_allclose(middle[-1], np.exp([0.0, -0.5, -1.5]), atol=0.02)
    np.testing.assert_allclose(lit[:, -1, 0], 120 * np.exp(0.5), atol=2)


def test_light_from_the_side_brightens_one_side_and_darkens_the_other() -> None:
    grey = np.full((20, 60, 3), 100, np.uint8)

    lit = Light((1.0, 1.0, 1.0), 1.0, 0.0, (0.5, 0.0)).shine(grey)

    assert abs(int(lit[0, -1, 1]) - 100 * np.exp(0.5)) <= 2
    assert abs(int(lit[0, 0, 1]) - 100 * np.exp(-0.5)) <= 2
    np.testing.assert_array_equal(lit[0], lit[-1])
