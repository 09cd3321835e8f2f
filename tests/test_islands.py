import numpy as np
import pytest

from livecam.islands import drop_islands, fill_holes, tidy


def scene() -> np.ndarray:
    matte = np.zeros((144, 256), np.float32)
    matte[60:, 90:170] = 1.0
    return matte


def test_a_faint_island_goes_and_the_person_stays() -> None:
    matte = scene()
    matte[10:30, 10:40] = 0.6
    assert (drop_islands(matte) == scene()).all()


def test_a_small_glint_goes_and_a_raised_hand_stays() -> None:
    matte = scene()
    matte[5:10, 5:10] = 1.0
    hand = scene()
    hand[20:36, 200:216] = 1.0
    assert (drop_islands(matte) == scene()).all()
    assert (drop_islands(hand) == hand).all()


def test_soft_hair_at_the_person_stays() -> None:
    matte = scene()
    matte[50:60, 100:160] = 0.4
    assert (drop_islands(matte) == matte).all()


def test_all_and_nothing_stay_what_they_are() -> None:
    for value in (0.0, 1.0):
        matte = np.full((144, 256), value, np.float32)
        assert (drop_islands(matte) == matte).all()


def test_the_argument_is_not_written_to() -> None:
    matte = scene()
    matte[10:30, 10:40] = 0.6
    before = matte.copy()
    drop_islands(matte)
    assert (matte == before).all()


def with_hole(value: float, size: int = 10) -> np.ndarray:
    matte = scene()
    matte[90 : 90 + size, 110 : 110 + size] = value
    return matte


@pytest.mark.parametrize("value", [0.3, 0.5, 0.9])
def test_a_hole_that_the_network_is_in_doubt_about_is_closed(value: float) -> None:
    assert (fill_holes(with_hole(value)) == scene()).all()


@pytest.mark.parametrize("value", [0.0, 0.11])
def test_a_gap_between_arm_and_body_stays_a_gap(value: float) -> None:
    matte = with_hole(0.6)
    matte[94:96, 114] = value
    assert (fill_holes(matte) == matte).all()


def test_a_hole_that_is_mostly_doubt_is_closed_though_it_dips_somewhere() -> None:
    matte = with_hole(0.6)
    matte[94:96, 114:119] = 0.2
    assert (fill_holes(matte) == scene()).all()
    matte[96, 114] = 0.29
    assert (fill_holes(matte) == matte).all()


def test_a_large_doubt_stays_a_doubt() -> None:
    matte = with_hole(0.6, size=40)
    assert (fill_holes(matte) == matte).all()


def test_what_is_open_to_the_room_or_an_edge_at_the_side_is_no_hole() -> None:
    soft = scene()
    soft[60:70, 100:140] = 0.6
    assert (fill_holes(soft) == soft).all()
    for turned in (soft.T, soft.T[:, ::-1], soft[::-1]):
        one = np.ascontiguousarray(turned)
        assert (fill_holes(one) == one).all()
    above = scene()[::-1].copy()
    above[:10, 100:110] = 0.6
    assert (fill_holes(above) == above).all()
    leaning = np.zeros((144, 256), np.float32)
    leaning[60:, :90] = 1.0
    leaning[90:100, :8] = 0.6
    assert (fill_holes(leaning) == leaning).all()


def test_a_doubt_at_the_bottom_where_the_picture_ends_is_a_hole() -> None:
    soft = scene()
    soft[130:, 100:110] = 0.6
    assert (fill_holes(soft) == scene()).all()
    soft[130:, 100:110] = 0.0
    assert (fill_holes(soft) == soft).all()


def test_islands_go_before_holes_are_closed_and_nothing_is_written_to() -> None:
    matte = with_hole(0.6)
    matte[10:30, 10:40] = 0.6
    before = matte.copy()
    assert (tidy(matte) == scene()).all()
    assert (matte == before).all()
