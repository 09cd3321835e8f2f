import itertools

import numpy as np
import pytest

from livecam.devices.opencv_capture import DuplicateFrameDetector, to_rgb


def news(*stamps: float) -> list[bool]:
    novelty = DuplicateFrameDetector()
    return [novelty.is_new(stamp) for stamp in stamps]


def test_pictures_whose_time_moves_are_new() -> None:
    assert news(1000, 1033, 1066) == [True] * 3


def test_a_picture_of_the_same_time_is_the_last_one_again() -> None:
    assert news(1000, 1033, 1033, 1033, 1066) == [True, True, False, False, True]


@pytest.mark.parametrize("stamp", [0.0, -1.0, 5000.0])
def test_a_driver_without_a_clock_is_believed(stamp: float) -> None:
    assert all(news(*itertools.repeat(stamp, 5)))


def test_a_clock_that_jumps_back_still_moves() -> None:
    assert news(1000, 1033, 20, 53, 53) == [True, True, True, True, False]


def test_colours_are_turned_round_and_grey_becomes_three_equal_ones() -> None:
    assert to_rgb(np.full((2, 2, 3), (250, 10, 20), np.uint8))[0, 0].tolist() == [20, 10, 250]
    assert to_rgb(np.full((2, 2), 77, np.uint8)).tolist() == [[[77] * 3] * 2] * 2
