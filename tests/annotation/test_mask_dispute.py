import numpy as np
import pytest

from livecam.annotation.mask_dispute import settle_dispute

WALL, CHAIR = (200, 190, 180), (40, 60, 90)
GAP = (slice(60, 90), slice(70, 110))


def chair_with_a_gap(gap_color: tuple[int, int, int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A chair before a wall, with noise, and its matte without the gap."""
    frame = np.full((160, 200, 3), WALL, np.int16)
    matte = np.zeros((160, 200), np.float32)
    frame[30:120, 50:130], matte[30:120, 50:130] = CHAIR, 1.0
    frame[GAP], matte[GAP] = gap_color, 0.0
    frame += np.random.default_rng(seed).integers(-8, 9, frame.shape, dtype=np.int16)
    return np.clip(frame, 0, 255).astype(np.uint8), matte


def filled(matte: np.ndarray) -> np.ndarray:
    return np.where(np.pad(np.ones((30, 40), bool), ((60, 70), (70, 90))), np.float32(1), matte)


def test_the_wall_in_a_gap_is_left_out() -> None:
    frame, matte = chair_with_a_gap(WALL)
    assert (settle_dispute(frame, filled(matte), [matte]) == matte).mean() > 0.99
    assert (settle_dispute(frame, matte, [filled(matte)]) == matte).mean() > 0.99


def test_a_part_with_the_colors_of_the_object_is_kept() -> None:
    frame, matte = chair_with_a_gap(CHAIR)
    assert (settle_dispute(frame, matte, [filled(matte)]) == filled(matte)).mean() > 0.99


def test_the_majority_decides_about_a_color_that_occurs_nowhere_else() -> None:
    frame, matte = chair_with_a_gap((90, 200, 90))
    whole = filled(matte)
    assert (settle_dispute(frame, matte, [whole, whole])[GAP] == 1).all()
    assert (settle_dispute(frame, whole, [matte, matte])[GAP] == 0).all()


def test_nothing_changes_where_the_masks_agree() -> None:
    frame, matte = chair_with_a_gap(WALL)
    whole = filled(matte)
    settled = settle_dispute(frame, whole, [matte])
    agreed = np.ones_like(matte, bool)
    agreed[GAP] = False
    assert (settled[agreed] == whole[agreed]).all()
    assert whole[GAP].all()  # the argument is not written


@pytest.mark.parametrize("others", [[], "same", "empty"])
def test_without_a_dispute_the_chosen_matte_is_returned(others: list[np.ndarray] | str) -> None:
    frame, matte = chair_with_a_gap(WALL)
    given = {"same": [matte.copy()], "empty": [np.zeros_like(matte)]}
    assert settle_dispute(frame, matte, given[others] if isinstance(others, str) else others) is matte


def test_masks_that_fill_the_frame_or_are_tiny_leave_the_chosen_one() -> None:
    frame, matte = chair_with_a_gap(WALL)
    everything = np.ones_like(matte)
    assert settle_dispute(frame, everything, [matte]) is everything
    dot, dots = np.zeros_like(matte), np.zeros_like(matte)
    dot[5:7, 5:7] = dots[5:8, 5:8] = 1
    assert settle_dispute(frame, dot, [dots]) is dot
