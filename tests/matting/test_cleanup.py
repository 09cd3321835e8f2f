import cv2
import numpy as np
import pytest

from livecam.matting.cleanup import (
    DOUBTFUL_ALPHA,
    HIGH_ALPHA,
    LOW_ALPHA,
    MAX_DOUBTFUL_FRACTION,
    MAX_HOLE_AREA,
    MIN_ISLAND_AREA,
    clean_matte,
    fill_holes,
    remove_islands,
)


def scene() -> np.ndarray:
    matte = np.zeros((144, 256), np.float32)
    matte[60:, 90:170] = 1.0
    return matte


def test_remove_islands_drops_faint_island() -> None:
    matte = scene()
    matte[10:30, 10:40] = 0.6
    assert (remove_islands(matte) == scene()).all()


def test_remove_islands_drops_reflection_and_keeps_hand() -> None:
    matte = scene()
    matte[5:10, 5:10] = 1.0
    hand = scene()
    hand[20:36, 200:216] = 1.0
    assert (remove_islands(matte) == scene()).all()
    assert (remove_islands(hand) == hand).all()


def test_remove_islands_keeps_soft_hair() -> None:
    matte = scene()
    matte[50:60, 100:160] = 0.4
    assert (remove_islands(matte) == matte).all()


def test_remove_islands_keeps_uniform_mattes() -> None:
    for value in (0.0, 1.0):
        matte = np.full((144, 256), value, np.float32)
        assert (remove_islands(matte) == matte).all()


def test_remove_islands_does_not_write_to_argument() -> None:
    matte = scene()
    matte[10:30, 10:40] = 0.6
    before = matte.copy()
    remove_islands(matte)
    assert (matte == before).all()


def with_hole(value: float, size: int = 10) -> np.ndarray:
    matte = scene()
    matte[90 : 90 + size, 110 : 110 + size] = value
    return matte


@pytest.mark.parametrize("value", [0.3, 0.5, 0.9])
def test_fill_holes_fills_uncertain_hole(value: float) -> None:
    assert (fill_holes(with_hole(value)) == scene()).all()


@pytest.mark.parametrize("value", [0.0, 0.11])
def test_fill_holes_keeps_gap_between_arm_and_body(value: float) -> None:
    matte = with_hole(0.6)
    matte[94:96, 114] = value
    assert (fill_holes(matte) == matte).all()


def test_fill_holes_fills_hole_with_few_low_pixels() -> None:
    matte = with_hole(0.6)
    matte[94:96, 114:119] = 0.2
    assert (fill_holes(matte) == scene()).all()
    matte[96, 114] = 0.29
    assert (fill_holes(matte) == matte).all()


def test_fill_holes_keeps_large_uncertain_region() -> None:
    matte = with_hole(0.6, size=40)
    assert (fill_holes(matte) == matte).all()


def test_fill_holes_keeps_regions_open_to_the_background() -> None:
    soft = scene()
    soft[60:70, 100:140] = 0.6
    assert (fill_holes(soft) == soft).all()
    for rotated in (soft.T, soft.T[:, ::-1], soft[::-1]):
        one = np.ascontiguousarray(rotated)
        assert (fill_holes(one) == one).all()
    above = scene()[::-1].copy()
    above[:10, 100:110] = 0.6
    assert (fill_holes(above) == above).all()
    at_side = np.zeros((144, 256), np.float32)
    at_side[60:, :90] = 1.0
    at_side[90:100, :8] = 0.6
    assert (fill_holes(at_side) == at_side).all()


def test_fill_holes_fills_hole_at_image_bottom() -> None:
    soft = scene()
    soft[130:, 100:110] = 0.6
    assert (fill_holes(soft) == scene()).all()
    soft[130:, 100:110] = 0.0
    assert (fill_holes(soft) == soft).all()


def test_fill_holes_of_floating_person_keeps_open_regions() -> None:
    """The bounding box of the confident foreground ends above the bottom of the image."""
    floating = np.zeros((144, 256), np.float32)
    floating[40:100, 90:170] = 1.0
    for rows, columns in ((slice(95, 100), slice(110, 120)), (slice(60, 70), slice(90, 95))):
        soft = floating.copy()
        soft[rows, columns] = 0.6
        assert (clean_matte(soft) == soft).all()
    holed = floating.copy()
    holed[94:99, 110:120] = 0.6
    assert (clean_matte(holed) == floating).all()


def reference(matte: np.ndarray) -> np.ndarray:
    """Clean a matte with the components of the whole image instead of their boxes."""
    count, labels = cv2.connectedComponents((matte > LOW_ALPHA).view(np.uint8), connectivity=8)
    cleaned = matte.copy()
    for label in range(1, count):
        if np.count_nonzero((labels == label) & (matte > HIGH_ALPHA)) < MIN_ISLAND_AREA * matte.size:
            cleaned[labels == label] = 0
    count, labels = cv2.connectedComponents((cleaned <= HIGH_ALPHA).view(np.uint8), connectivity=4)
    filled = cleaned.copy()
    for label in range(1, count):
        hole = labels == label
        inside = cleaned[hole]
        is_open = hole[0].any() or hole[:, 0].any() or hole[:, -1].any()
        doubtful = np.count_nonzero(inside < DOUBTFUL_ALPHA)
        is_uncertain = inside.min() >= LOW_ALPHA and doubtful <= MAX_DOUBTFUL_FRACTION * inside.size
        if not is_open and inside.size <= MAX_HOLE_AREA * matte.size and is_uncertain:
            filled[hole] = 1
    return filled


@pytest.mark.parametrize("seed", range(40))
def test_clean_matte_equals_full_image_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    blobs = cv2.GaussianBlur(rng.normal(0, 1, (72, 128)), (0, 0), rng.uniform(2, 7))
    matte = np.clip(3 * blobs / blobs.std() + rng.uniform(-3, 3), 0, 1).astype(np.float32)
    for _ in range(6):
        top, left = rng.integers(0, 60), rng.integers(0, 110)
        matte[top : top + 12, left : left + 10] *= np.float32(rng.uniform(0.2, 1))
    assert (clean_matte(matte) == reference(matte)).all()


def test_clean_matte_drops_islands_and_fills_holes() -> None:
    matte = with_hole(0.6)
    matte[10:30, 10:40] = 0.6
    before = matte.copy()
    assert (clean_matte(matte) == scene()).all()
    assert (matte == before).all()


@pytest.mark.parametrize("step", [2, 9])
def test_more_islands_and_holes_than_a_byte_counts(step: int) -> None:
    clean = scene()
    matte = clean.copy()
    matte[2:50:step, 2:250:step] = 0.6  # 2,976 faint islands, or 168
    matte[64:140:step, 94:166:step] = 0.6  # 1,368 faint holes, or 72
    assert (clean_matte(matte) == clean).all()
