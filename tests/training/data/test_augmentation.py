from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from skimage import data

from livecam.core.geometry import Size
from livecam.imaging.ops import downscale
from livecam.imaging.trimap import BACKGROUND, FOREGROUND, UNKNOWN
from livecam.training.data.augmentation import (
    CameraArtifacts,
    LightingAugmentation,
    compose,
    jitter_transform,
    match_mean_color,
    paste,
    similarity_transform,
    warp,
    warp_matte,
    warp_trimap,
)

SIZE = Size(64, 48)


@pytest.fixture
def frame() -> np.ndarray:
    return downscale(data.astronaut(), SIZE)


def test_light_without_strength_changes_nothing(frame: np.ndarray) -> None:
    light = LightingAugmentation.sample(np.random.default_rng(0), 0.0)

    np.testing.assert_array_equal(light.apply(frame), frame)


def test_light_acts_on_each_channel_and_stays_in_range(frame: np.ndarray) -> None:
    dark = LightingAugmentation((0.5, 1.0, 2.0), 1.0, 0.0).apply(frame).astype(int)

    np.testing.assert_allclose(dark[..., 0], frame[..., 0] / 2, atol=0.51)
    np.testing.assert_array_equal(dark[..., 1], frame[..., 1])
    np.testing.assert_array_equal(dark[..., 2], np.minimum(frame[..., 2].astype(int) * 2, 255))


def test_light_is_rounded_not_cut_off(frame: np.ndarray) -> None:
    np.testing.assert_array_equal(LightingAugmentation((0.999, 0.999, 0.999), 1.0, 0.0).apply(frame), frame)


def test_light_is_monotone_so_that_no_detail_turns_over() -> None:
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    for seed in range(50):
        light = replace(LightingAugmentation.sample(np.random.default_rng(seed)), side=(0.0, 0.0))
        lit = light.apply(ramp)
        assert (np.diff(lit[0].astype(int), axis=0) >= 0).all()


def test_no_faults_change_nothing(frame: np.ndarray) -> None:
    none = CameraArtifacts(blur=0, motion=(0, 0.0), noise=0, noise_grain=1, jpeg_quality=100, downscale=1)

    np.testing.assert_array_equal(none.apply(frame, np.random.default_rng(0)), frame)


def test_faults_keep_shape_and_type_and_come_again_with_the_seed(frame: np.ndarray) -> None:
    changed = set()
    for seed in range(40):
        faults = CameraArtifacts.sample(np.random.default_rng(seed))
        once, again, other = (
            faults.apply(frame, np.random.default_rng(s)) for s in (seed, seed, seed + 1000)
        )
        assert once.shape == frame.shape
        assert once.dtype == np.uint8
        np.testing.assert_array_equal(once, again)
        assert (faults.noise > 0.5) <= bool((once != other).any())
        changed.add(bool((once != frame).any()))
    assert changed == {True, False}


def test_noise_is_as_strong_as_asked_and_has_no_bias() -> None:
    gray = np.full((200, 200, 3), 128, np.uint8)
    for grain in (1.0, 2.0):
        noisy = (
            CameraArtifacts(0, (0, 0.0), 6.0, grain, 100, 1)
            .apply(gray, np.random.default_rng(3))
            .astype(float)
        )
        assert abs(noisy.mean() - 128) < 0.5
        assert 3 < noisy.std() < 8


def test_a_motion_smear_keeps_the_light_and_loses_detail(frame: np.ndarray) -> None:
    smeared = CameraArtifacts(0, (9, 0.4), 0, 1, 100, 1).apply(frame, np.random.default_rng(0))

    assert abs(smeared.mean() - frame.mean()) < 3
    assert (
        np.abs(np.diff(smeared.astype(int), axis=1)).mean()
        < np.abs(np.diff(frame.astype(int), axis=1)).mean()
    )


def test_place_brings_the_pivot_to_its_goal_scaled_and_turned() -> None:
    at = similarity_transform((2.0, 3.0), 90, (10.0, 20.0), (5.0, 6.0))

    np.testing.assert_allclose(at @ [10, 20, 1], [5, 6])
    np.testing.assert_allclose(at @ [11, 20, 1], [5, 8], atol=1e-9)
    np.testing.assert_allclose(at @ [10, 21, 1], [2, 6], atol=1e-9)


def test_composing_does_the_second_after_the_first() -> None:
    first, second = (
        similarity_transform((2, 2), 0, (0, 0), (1, 0)),
        similarity_transform((1, 1), 90, (0, 0), (0, 0)),
    )

    np.testing.assert_allclose(compose(second, first) @ [3, 4, 1], second @ [*(first @ [3, 4, 1]), 1])


def test_a_nudge_of_nothing_moves_nothing_and_a_larger_one_moves_more() -> None:
    still = np.eye(2, 3)
    np.testing.assert_allclose(
        jitter_transform(still, np.random.default_rng(0), SIZE, 0.0), still, atol=1e-12
    )

    moved = [
        np.abs(jitter_transform(still, np.random.default_rng(s), SIZE, a) @ [32, 24, 1] - [32, 24]).mean()
        for a in (0.1, 1.0)
        for s in range(30)
    ]

    assert 0 < np.mean(moved[:30]) < np.mean(moved[30:]) / 5
    assert np.mean(moved[30:]) < 5


def test_warped_trimaps_hold_labels_only() -> None:
    # Stripes of 1 and 3: interpolation would produce a 2 inside the image.
    stripes = np.where(np.arange(64) % 3, FOREGROUND, UNKNOWN).astype(np.uint8)[None].repeat(48, axis=0)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        at = similarity_transform(
            (rng.uniform(2, 3), rng.uniform(2, 3)), rng.uniform(-8, 8), (32, 24), (32, 24)
        )
        assert set(np.unique(warp_trimap(stripes, at, SIZE))) <= {FOREGROUND, UNKNOWN}


def test_outside_a_warped_subject_lies_background_and_nothing_is_kept() -> None:
    away = similarity_transform((0.5, 0.5), 0, (0, 0), (0, 0))
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
        np.abs(match_mean_color(frame, matte, room, s)[matte > 127].mean(axis=0) - 100).mean()
        for s in (0, 0.5, 1)
    ]

    np.testing.assert_array_equal(match_mean_color(frame, matte, room, 0.0), frame)
    assert apart[0] > apart[1] > apart[2]
    np.testing.assert_array_equal(match_mean_color(frame, matte * 0, room, 1.0), frame)


def test_a_paste_is_the_matte_s_share_of_both() -> None:
    matte = np.array([[0, 64, 128, 255]], np.uint8)
    foreground, room = np.full((1, 4, 3), 200, np.uint8), np.full((1, 4, 3), 100, np.uint8)

    pasted = paste(foreground, matte, room).astype(float)

    np.testing.assert_allclose(pasted[0, :, 0], 100 + matte[0] / 255 * 100, atol=0.6)


def test_light_that_falls_off_below_leaves_the_top_as_it_was() -> None:
    gray = np.full((40, 30, 3), 120, np.uint8)

    lit = LightingAugmentation((1.0, 1.0, 1.0), 1.0, 0.0).with_vertical_gradient((1.0, 1.0, 1.0)).apply(gray)

    assert abs(int(lit[0, 0, 0]) - 120) <= 2
    assert abs(int(lit[-1, 0, 0]) - 120 * np.exp(-1)) <= 2
    assert (np.diff(lit[:, 0, 0].astype(int)) <= 0).all()


def test_light_that_dyes_what_is_below_changes_the_channels_one_by_one() -> None:
    gray = np.full((40, 30, 3), 120, np.uint8)

    lit = (
        LightingAugmentation((1.0, 1.0, 1.0), 1.0, 0.0, (0.5, 0.0))
        .with_vertical_gradient((0.0, 0.5, 1.5))
        .apply(gray)
    )

    middle = lit[:, 15].astype(float) / lit[0, 15]
    np.testing.assert_allclose(middle[-1], np.exp([0.0, -0.5, -1.5]), atol=0.02)
    np.testing.assert_allclose(lit[:, -1, 0], 120 * np.exp(0.5), atol=2)


def test_light_from_the_side_brightens_one_side_and_darkens_the_other() -> None:
    gray = np.full((20, 60, 3), 100, np.uint8)

    lit = LightingAugmentation((1.0, 1.0, 1.0), 1.0, 0.0, (0.5, 0.0)).apply(gray)

    assert abs(int(lit[0, -1, 1]) - 100 * np.exp(0.5)) <= 2
    assert abs(int(lit[0, 0, 1]) - 100 * np.exp(-0.5)) <= 2
    np.testing.assert_array_equal(lit[0], lit[-1])
