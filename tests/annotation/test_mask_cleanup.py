import numpy as np

from livecam.annotation.mask_cleanup import remove_small_regions
from livecam.annotation.prompts import Point


def matte_with(*parts: tuple[slice, slice, float]) -> np.ndarray:  # type: ignore[type-arg]
    matte = np.zeros((60, 80), np.float32)
    for rows, columns, value in parts:
        matte[rows, columns] = value
    return matte


BODY = (slice(10, 50), slice(10, 40), 1.0)
SPECK = (slice(20, 23), slice(70, 73), 0.9)
RIM = (slice(19, 24), slice(69, 74), 0.3)


def test_small_island_is_removed_with_its_border() -> None:
    matte = matte_with(BODY, RIM, SPECK)
    np.testing.assert_array_equal(remove_small_regions(matte), matte_with(BODY))
    assert matte[21, 71] == np.float32(0.9)


def test_large_or_prompted_region_stays() -> None:
    large = (slice(10, 30), slice(60, 70), 1.0)
    np.testing.assert_array_equal(remove_small_regions(matte_with(BODY, large)), matte_with(BODY, large))
    matte = matte_with(BODY, RIM, SPECK)
    np.testing.assert_array_equal(remove_small_regions(matte, [Point(71, 21)]), matte)


def test_small_hole_is_filled_and_a_large_one_stays() -> None:
    pinhole, hole = (slice(20, 23), slice(20, 23), 0.2), (slice(30, 40), slice(20, 30), 0.0)
    clean = remove_small_regions(matte_with(BODY, pinhole, hole))
    np.testing.assert_array_equal(clean, matte_with(BODY, hole))


def test_empty_matte_stays_empty() -> None:
    assert not remove_small_regions(matte_with()).any()
    faint = matte_with((slice(3, 9), slice(3, 9), 0.3))
    assert (remove_small_regions(faint) <= 0.5).all()
