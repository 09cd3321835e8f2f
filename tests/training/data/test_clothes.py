import numpy as np

from livecam.training.data import clothes as module
from livecam.training.data.clothes import Clothes, apply_clothes, sample_clothes

BLUE = np.array([[[0, 0, 255]]], np.uint8)


def person() -> tuple[np.ndarray, np.ndarray]:
    """Return a gray figure, 60 pixels high, on black, and its matte."""
    matte = np.zeros((100, 80), np.uint8)
    matte[20:80, 30:50] = 255
    return np.repeat(matte[..., None] // 2, 3, axis=2), matte


def test_only_the_lower_part_of_the_subject_changes() -> None:
    frame, matte = person()

    result = apply_clothes(frame, matte, Clothes(BLUE, 0.5, 1.0, 0.0))

    changed = (result != frame).any(axis=2)
    assert changed[60:80, 30:50].all()
    assert not changed[:45].any()
    assert not changed[matte == 0].any()
    assert result[70, 40, 2] > 200
    assert result[70, 40, 0] < 20


def test_the_frame_that_is_given_stays() -> None:
    frame, matte = person()
    before = frame.copy()

    apply_clothes(frame, matte, Clothes(BLUE, 0.5, 1.0, 0.0))

    np.testing.assert_array_equal(frame, before)


def test_clothes_are_lit_as_the_old_ones_were() -> None:
    frame, matte = person()
    frame[60:80, 30:40] //= 2

    changed = apply_clothes(frame, matte, Clothes(np.full((1, 1, 3), 100, np.uint8), 0.3, 1.0, 0.0))

    assert changed[75, 35, 0] < 0.7 * changed[75, 45, 0]


def test_without_a_subject_nothing_changes() -> None:
    frame = np.full((10, 10, 3), 7, np.uint8)

    assert apply_clothes(frame, np.zeros((10, 10), np.uint8), Clothes(BLUE, 0.5, 1.0, 0.0)) is frame


def test_a_share_of_subjects_gets_plain_or_patterned_clothes() -> None:
    rng = np.random.default_rng(0)
    patterns = [rng.integers(0, 255, (50, 40, 3)).astype(np.uint8)]

    drawn = [sample_clothes(patterns, rng) for _ in range(2000)]

    given = [c for c in drawn if c]
    assert abs(len(given) / 2000 - module.CHANGED_CLOTHES_FRACTION) < 0.03
    assert 0.4 < np.mean([c.pattern.shape == (1, 1, 3) for c in given]) < 0.6
    assert all(0.4 <= c.begin <= 0.8 for c in given)
