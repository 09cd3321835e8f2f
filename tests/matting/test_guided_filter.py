from itertools import pairwise

import cv2
import numpy as np
import pytest

from livecam.core.geometry import Size
from livecam.imaging.roi import RegionOfInterest
from livecam.matting.guided_filter import GuidedFilterSettings, GuidedFilterUpsampler, offset_edge


def disc(height: int, width: int, radius: float) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (np.hypot(x - width / 2, y - height / 2) < radius).astype(np.float32)


def picture_of(matte: np.ndarray) -> np.ndarray:
    return np.where(matte[..., None] > 0.5, np.array([190, 160, 140]), np.array([60, 80, 90])).astype(
        np.uint8
    )


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("shape", [(720, 1280), (361, 641), (144, 256), (90, 120), (1080, 1920)])
def test_all_kept_stays_all_kept_and_nothing_stays_nothing(value: float, shape: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    matte = GuidedFilterUpsampler().upsample(np.full((144, 256), value, np.float32), frame)
    assert matte.dtype == np.float32
    assert matte.shape == shape
    assert (matte == value).all()


def test_the_edge_follows_the_pictures_better_than_resizing_does() -> None:
    true = disc(720, 1280, 251)
    rough = cv2.GaussianBlur(cv2.resize(true, (256, 144), interpolation=cv2.INTER_AREA), (0, 0), 1.5)
    plain = cv2.resize(rough, (1280, 720))
    assert (
        np.abs(GuidedFilterUpsampler().upsample(rough, picture_of(true)) - true).mean()
        < 0.8 * np.abs(plain - true).mean()
    )


def test_a_negative_edge_keeps_less_and_a_positive_one_more() -> None:
    true = disc(720, 1280, 250)
    small = cv2.resize(true, (256, 144), interpolation=cv2.INTER_AREA)
    kept = [
        GuidedFilterUpsampler(GuidedFilterSettings(edge_offset=s)).upsample(small, picture_of(true)).sum()
        for s in (-6.5, -3, 0, 3, 6.5)
    ]
    assert kept == sorted(kept)
    assert kept[0] < 0.97 * kept[2] < 0.97 * 0.97 * kept[4]


@pytest.mark.parametrize("pixels", [-5.0, -2.5, 2.5, 5.0])
def test_the_edge_moves_by_the_pixels_asked(pixels: float) -> None:
    moved = offset_edge(disc(400, 400, 100), pixels)
    radius = np.sqrt(moved.sum() / np.pi)
    assert radius == pytest.approx(100 + pixels, abs=0.7)


def test_a_soft_matte_stays_soft() -> None:
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(144, axis=0)
    matte = GuidedFilterUpsampler().upsample(ramp, np.full((720, 1280, 3), 128, np.uint8))
    assert ((matte > 0.1) & (matte < 0.9)).mean() > 0.6


class Everywhere(GuidedFilterUpsampler):
    """Looks at the whole picture."""

    def _seen(self, calm: np.ndarray, size: Size) -> RegionOfInterest | None:
        return RegionOfInterest.around(np.ones(calm.shape, bool), 0, size)


@pytest.mark.parametrize("shape", [(360, 640), (480, 640), (361, 641), (720, 1280), (150, 210)])
@pytest.mark.parametrize("seed", range(8))
def test_where_nobody_is_nothing_would_be_drawn(shape: tuple[int, int], seed: int) -> None:
    """Noise is the worst guide: it is nowhere like the small matte."""
    rng = np.random.default_rng(seed)
    frame = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    y, x = rng.uniform(0, 160), rng.uniform(0, 256)
    rows, columns = np.mgrid[:160, :256]
    person = np.clip(rng.uniform(5, 60) - np.hypot(rows - y, columns - x), 0, 1)
    # What a network leaves of a room: never quite nothing.
    calm = np.maximum(person, rng.uniform(0, 0.013, person.shape)).astype(np.float32)
    drawn = GuidedFilterUpsampler().upsample(calm, frame)
    assert np.abs(drawn - Everywhere().upsample(calm, frame)).max() < 1e-3
    assert drawn.max() == 1


@pytest.mark.parametrize("faint", [0.013, 0.1])
def test_a_glint_in_a_faint_place_is_drawn_as_it_always_was(faint: float) -> None:
    """Where the picture is lightest, a line that fits a faint matte rises far above it."""
    calm, frame = disc(160, 256, 20), np.full((720, 1280, 3), 90, np.uint8)
    for left in range(20, 60, 4):
        calm[20:40, left : left + 2] = faint
        frame[90:180, 5 * left : 5 * left + 10] = 106
        frame[90:180:9, 5 * left : 5 * left + 10] = 255
    whole = Everywhere().upsample(calm, frame)
    assert (whole[90:180, 100:300].max() > 0) == (faint > 0.013)
    assert np.abs(GuidedFilterUpsampler().upsample(calm, frame) - whole).max() < 1e-3


def test_a_small_person_takes_less_time_than_a_whole_picture() -> None:
    frame, calm = np.zeros((720, 1280, 3), np.uint8), disc(160, 256, 20)
    seen = GuidedFilterUpsampler()._region_of_interest(calm, Size(1280, 720))
    assert seen is not None
    assert frame[seen.full].size < 0.15 * frame.size


def test_a_sensors_noise_hardly_shakes_the_edge() -> None:
    rng, true = np.random.default_rng(0), disc(360, 640, 120)
    small = cv2.GaussianBlur(cv2.resize(true, (256, 144), interpolation=cv2.INTER_AREA), (0, 0), 1.5)
    noise = [rng.normal(0, 6, (360, 640, 3)) for _ in range(4)]
    mattes = [
        GuidedFilterUpsampler().upsample(small, np.clip(picture_of(true) + n, 0, 255).astype(np.uint8))
        for n in noise
    ]
    edge = (mattes[0] > 0.02) & (mattes[0] < 0.98)
    shaken = np.mean([np.abs(a - b)[edge].mean() for a, b in pairwise(mattes)])
    assert shaken < 0.02
