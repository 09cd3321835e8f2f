import numpy as np
import pytest

from livecam.core.geometry import Size
from livecam.imaging.ops import downscale
from livecam.imaging.roi import RegionOfInterest, bounding_slices, zero_outside

SIZES = [Size(640, 360), Size(640, 480), Size(1280, 720), Size(1920, 1080), Size(1366, 768), Size(320, 240)]
SMALL = Size(256, 160)


def mask_of(rows: slice, columns: slice) -> np.ndarray:
    small = np.zeros((SMALL.height, SMALL.width), bool)
    small[rows, columns] = True
    return small


def test_bounding_slices_are_tight() -> None:
    mask = mask_of(slice(30, 31), slice(40, 41)) | mask_of(slice(90, 95), slice(7, 9))
    assert bounding_slices(mask) == (slice(30, 95), slice(7, 41))
    assert mask[bounding_slices(mask_of(slice(0), slice(0)))].size == 0


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(5))
def test_region_is_aligned_and_holds_mask_with_margin(size: Size, seed: int) -> None:
    rng = np.random.default_rng(seed)
    top, left = int(rng.integers(0, 150)), int(rng.integers(0, 240))
    region = RegionOfInterest.around(mask_of(slice(top, top + 9), slice(left, left + 12)), 5, size)
    assert region is not None
    (rows, columns), (full_rows, full_columns) = region.small, region.full
    assert rows.start <= max(0, top - 5)
    assert rows.stop >= min(160, top + 9 + 5)
    assert columns.start <= max(0, left - 5)
    assert columns.stop >= min(256, left + 12 + 5)
    # Cut at the same places, to the pixel.
    assert (full_rows.start * 160, full_rows.stop * 160) == (
        rows.start * size.height,
        rows.stop * size.height,
    )
    assert (full_columns.start * 256, full_columns.stop * 256) == (
        columns.start * size.width,
        columns.stop * size.width,
    )


@pytest.mark.parametrize("size", SIZES)
def test_downscaled_region_is_region_of_downscaled(size: Size) -> None:
    check_downscaled_region(size, mask_of(slice(50, 90), slice(70, 120)))


def test_region_is_halved_as_often_as_the_frame() -> None:
    """540 rows are halved twice; the 360 of a part could be three times."""
    small = np.zeros((48, 64), bool)
    small[6:25, 20:30] = True
    check_downscaled_region(Size(960, 540), small)


def test_region_of_a_tall_frame_is_halved_by_rows_like_the_frame() -> None:
    check_downscaled_region(Size(448, 480), mask_of(slice(40, 90), slice(70, 120)))


def check_downscaled_region(size: Size, small: np.ndarray) -> None:
    image = np.random.default_rng(0).integers(0, 256, (size.height, size.width), dtype=np.uint8)
    region = RegionOfInterest.around(small, 5, size)
    assert region is not None
    part = downscale(image[region.full], Size.of(small[region.small]), region.halvings)
    # Without the last pixel, which looks beyond the part.
    difference = np.abs(part.astype(int) - downscale(image, Size.of(small))[region.small])[1:-1, 1:-1]
    assert difference.max() <= 1


def test_region_for_common_sizes_is_tight() -> None:
    for size in SIZES[:4]:
        region = RegionOfInterest.around(mask_of(slice(50, 90), slice(70, 120)), 0, size)
        assert region is not None
        rows, columns = region.small
        assert (rows.stop - rows.start) * (columns.stop - columns.start) <= 2 * 40 * 50


def test_region_around_empty_mask_is_none() -> None:
    assert RegionOfInterest.around(mask_of(slice(0), slice(0)), 5, Size(640, 360)) is None


def test_zero_outside_keeps_the_inside() -> None:
    region = RegionOfInterest.around(mask_of(slice(50, 90), slice(70, 120)), 5, Size(640, 360))
    assert region is not None
    full = np.ones((360, 640), np.float32)
    zero_outside(full, *region.full)
    assert full[region.full].min() == 1
    assert full.sum() == full[region.full].size
