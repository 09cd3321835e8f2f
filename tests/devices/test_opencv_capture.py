import itertools

import numpy as np
import pytest

from livecam.devices.opencv_capture import DuplicateFrameDetector, to_rgb


def are_new(*timestamps_ms: float) -> list[bool]:
    detector = DuplicateFrameDetector()
    return [detector.is_new(timestamp_ms) for timestamp_ms in timestamps_ms]


def test_is_new_with_increasing_timestamps_is_true() -> None:
    assert are_new(1000, 1033, 1066) == [True] * 3


def test_is_new_with_the_same_timestamp_is_false() -> None:
    assert are_new(1000, 1033, 1033, 1033, 1066) == [True, True, False, False, True]


@pytest.mark.parametrize("timestamp_ms", [0.0, -1.0, 5000.0])
def test_is_new_without_usable_timestamps_is_true(timestamp_ms: float) -> None:
    assert all(are_new(*itertools.repeat(timestamp_ms, 5)))


def test_is_new_after_a_timestamp_jump_back_is_true() -> None:
    assert are_new(1000, 1033, 20, 53, 53) == [True, True, True, True, False]


def test_to_rgb_swaps_bgr_and_expands_gray() -> None:
    assert to_rgb(np.full((2, 2, 3), (250, 10, 20), np.uint8))[0, 0].tolist() == [20, 10, 250]
    assert to_rgb(np.full((2, 2), 77, np.uint8)).tolist() == [[[77] * 3] * 2] * 2
