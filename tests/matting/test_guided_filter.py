from itertools import pairwise

import cv2
import numpy as np
import pytest

from livecam.core.geometry import Crop, Size
from livecam.imaging.roi import RegionOfInterest
from livecam.matting.guided_filter import GuidedFilterSettings, GuidedFilterUpsampler, offset_edge


def disc(height: int, width: int, radius: float) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (np.hypot(x - width / 2, y - height / 2) < radius).astype(np.float32)


def image_of(matte: np.ndarray) -> np.ndarray:
    return np.where(matte[..., None] > 0.5, np.array([190, 160, 140]), np.array([60, 80, 90])).astype(
        np.uint8
    )


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("shape", [(720, 1280), (361, 641), (144, 256), (90, 120), (1080, 1920)])
def test_upsample_of_uniform_matte_is_uniform(value: float, shape: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    matte = GuidedFilterUpsampler().upsample(np.full((144, 256), value, np.float32), frame)
    assert matte.dtype == np.float32
    assert matte.shape == shape
    assert (matte == value).all()


def test_upsample_follows_edges_better_than_resizing() -> None:
    truth = disc(720, 1280, 251)
    coarse = cv2.GaussianBlur(cv2.resize(truth, (256, 144), interpolation=cv2.INTER_AREA), (0, 0), 1.5)
    resized = cv2.resize(coarse, (1280, 720))
    assert (
        np.abs(GuidedFilterUpsampler().upsample(coarse, image_of(truth)) - truth).mean()
        < 0.8 * np.abs(resized - truth).mean()
    )


def test_edge_offset_shrinks_or_grows_the_foreground() -> None:
    truth = disc(720, 1280, 250)
    small = cv2.resize(truth, (256, 144), interpolation=cv2.INTER_AREA)
    kept = [
        GuidedFilterUpsampler(GuidedFilterSettings(edge_offset=s)).upsample(small, image_of(truth)).sum()
        for s in (-6.5, -3, 0, 3, 6.5)
    ]
    assert kept == sorted(kept)
    assert kept[0] < 0.97 * kept[2] < 0.97 * 0.97 * kept[4]


@pytest.mark.parametrize("pixels", [-5.0, -2.5, 2.5, 5.0])
def test_offset_edge_moves_by_given_pixels(pixels: float) -> None:
    moved = offset_edge(disc(400, 400, 100), pixels)
    radius = np.sqrt(moved.sum() / np.pi)
    assert radius == pytest.approx(100 + pixels, abs=0.7)


def test_upsample_of_soft_matte_stays_soft() -> None:
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(144, axis=0)
    matte = GuidedFilterUpsampler().upsample(ramp, np.full((720, 1280, 3), 128, np.uint8))
    assert ((matte > 0.1) & (matte < 0.9)).mean() > 0.6


class WholeFrameUpsampler(GuidedFilterUpsampler):
    """Computes the whole frame instead of a region of interest."""

    def _region_of_interest(self, filtered: np.ndarray, size: Size) -> RegionOfInterest | None:
        return RegionOfInterest.around(np.ones(filtered.shape, bool), 0, size)


@pytest.mark.parametrize("shape", [(360, 640), (480, 640), (361, 641), (720, 1280), (150, 210)])
@pytest.mark.parametrize("seed", range(8))
def test_region_of_interest_equals_whole_frame_on_noise(shape: tuple[int, int], seed: int) -> None:
    """Noise is the worst guide, because it does not correlate with the coarse matte."""
    rng = np.random.default_rng(seed)
    frame = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    y, x = rng.uniform(0, 160), rng.uniform(0, 256)
    rows, columns = np.mgrid[:160, :256]
    person = np.clip(rng.uniform(5, 60) - np.hypot(rows - y, columns - x), 0, 1)
    # A network gives small values above 0 in the background.
    filtered = np.maximum(person, rng.uniform(0, 0.013, person.shape)).astype(np.float32)
    result = GuidedFilterUpsampler().upsample(filtered, frame)
    assert np.abs(result - WholeFrameUpsampler().upsample(filtered, frame)).max() < 1e-3
    assert result.max() == 1


@pytest.mark.parametrize("alpha", [0.013, 0.1])
def test_region_of_interest_equals_whole_frame_on_highlights(alpha: float) -> None:
    """In a highlight the local linear model of a faint matte predicts values far above it."""
    filtered, frame = disc(160, 256, 20), np.full((720, 1280, 3), 90, np.uint8)
    for left in range(20, 60, 4):
        filtered[20:40, left : left + 2] = alpha
        frame[90:180, 5 * left : 5 * left + 10] = 106
        frame[90:180:9, 5 * left : 5 * left + 10] = 255
    expected = WholeFrameUpsampler().upsample(filtered, frame)
    assert (expected[90:180, 100:300].max() > 0) == (alpha > 0.013)
    assert np.abs(GuidedFilterUpsampler().upsample(filtered, frame) - expected).max() < 1e-3


def test_region_of_interest_of_small_person_is_small() -> None:
    frame, filtered = np.zeros((720, 1280, 3), np.uint8), disc(160, 256, 20)
    region = GuidedFilterUpsampler()._region_of_interest(filtered, Size(1280, 720))
    assert region is not None
    assert frame[region.full].size < 0.15 * frame.size


def test_upsample_with_sensor_noise_has_stable_edge() -> None:
    rng, truth = np.random.default_rng(0), disc(360, 640, 120)
    small = cv2.GaussianBlur(cv2.resize(truth, (256, 144), interpolation=cv2.INTER_AREA), (0, 0), 1.5)
    noise = [rng.normal(0, 6, (360, 640, 3)) for _ in range(4)]
    mattes = [
        GuidedFilterUpsampler().upsample(small, np.clip(image_of(truth) + n, 0, 255).astype(np.uint8))
        for n in noise
    ]
    edge = (mattes[0] > 0.02) & (mattes[0] < 0.98)
    change = np.mean([np.abs(a - b)[edge].mean() for a, b in pairwise(mattes)])
    assert change < 0.02


def test_a_matte_of_a_crop_is_upsampled_to_its_place() -> None:
    truth = disc(720, 1280, 120)
    frame, crop = image_of(truth), Crop(400, 200, Size(480, 320))
    coarse = cv2.resize(truth[crop.slices], (128, 72), interpolation=cv2.INTER_AREA)
    matte = GuidedFilterUpsampler().upsample(coarse, frame, crop)
    assert matte.shape == truth.shape
    part = GuidedFilterUpsampler().upsample(coarse, np.ascontiguousarray(frame[crop.slices]))
    assert np.abs(matte[crop.slices] - part).max() < 1e-6
    matte[crop.slices] = 0.0
    assert not matte.any()


def test_no_one_in_a_crop_gives_an_empty_matte() -> None:
    frame = image_of(disc(720, 1280, 120))
    matte = GuidedFilterUpsampler().upsample(
        np.zeros((72, 128), np.float32), frame, Crop(400, 200, Size(480, 320))
    )
    assert matte.shape == (720, 1280)
    assert not matte.any()


def test_edge_offset_in_a_crop_is_in_pixels_of_the_frame() -> None:
    truth = disc(720, 1280, 120)
    frame = image_of(truth)
    upsampler = GuidedFilterUpsampler(GuidedFilterSettings(edge_offset=6))
    areas = []
    for crop in (Crop.whole(frame), Crop(400, 120, Size(480, 480))):
        coarse = cv2.resize(truth[crop.slices], (256, 144), interpolation=cv2.INTER_AREA)
        areas.append(float(upsampler.upsample(coarse, frame, crop).sum()))
    # The radius is 126 pixels in both.
    assert areas[0] == pytest.approx(areas[1], rel=0.02)
    assert areas[1] == pytest.approx(np.pi * 126**2, rel=0.03)
