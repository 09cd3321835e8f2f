"""How late frames are, measured by the script that reports it, with stages that take as long as told."""

import time
from types import ModuleType

import numpy as np
import pytest

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.pipeline import Pipeline
from tests.support.fakes import ColorBackground, FakeSegmenter, IdentityTemporalFilter, IdentityUpsampler
from tests.support.scripts import load_script

SIZE = Size(96, 64)


@pytest.fixture(scope="module")
def latency() -> ModuleType:
    return load_script("latency")


class FrameSupply(FakeSegmenter):
    """Takes so many seconds a frame."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def predict(self, frame: Frame) -> Matte:
        time.sleep(self.seconds)
        return super().predict(frame)


def pipeline(seconds: float) -> Pipeline:
    return Pipeline(FrameSupply(seconds), IdentityTemporalFilter(), IdentityUpsampler(), ColorBackground())


@pytest.mark.parametrize("number", [0, 1, 77, 65535])
def test_a_number_written_is_read(latency: ModuleType, number: int) -> None:
    frame = np.full((9, 32, 3), 90, np.uint8)
    assert latency.read_number(latency.write_number(frame, number)) == number


def test_at_the_cameras_pace_a_frame_is_less_than_a_period_late_beyond_its_processing(
    latency: ModuleType,
) -> None:
    found = latency.measure(pipeline(0.005), SIZE, 30, 2.5)
    assert found["in_order"]
    assert found["shown"] > 10
    assert found["beyond_processing_ms"]["p50"] < found["period_ms"]


def test_a_machine_that_is_too_slow_shows_the_newest_and_never_falls_behind(latency: ModuleType) -> None:
    found = latency.measure(pipeline(0.08), SIZE, 30, 3)
    assert found["in_order"]
    assert found["shown"] < found["given"] / 2
    # A frame waited in the latest-value slot for less than a period; in a queue, half would be a second late.
    assert found["beyond_processing_ms"]["p50"] < 300
