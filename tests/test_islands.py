import numpy as np

from livecam.islands import drop_islands


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
