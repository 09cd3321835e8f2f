"""The figures of each second: rates, delay, share of the processor, dropped frames."""

import os
import time
from types import SimpleNamespace

import pytest

from livecam.panel.live_state import HISTORY_SECONDS, StatusMeter
from livecam.runtime.controls import RunFigures


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Let the test set the time and the processor time of the meter, in seconds."""
    clock = SimpleNamespace(now=100.0, processor=7.0)
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(time, "process_time", lambda: clock.processor)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    return clock


def test_figures_are_those_since_the_last_measurement(clock: SimpleNamespace) -> None:
    controls = SimpleNamespace(figures=RunFigures(90, 1, 4, 0.5))
    meter = StatusMeter(controls)  # type: ignore[arg-type]
    clock.now, clock.processor = 102.0, 10.0
    controls.figures = RunFigures(150, 3, 9, 0.0421)
    expected = {"second": 1, "fps": 30.0, "delay_ms": 42.1, "cpu": 37.5, "dropped": 5, "failed": 2}
    assert meter.measure() == expected
    clock.now = 103.0
    quiet = {"second": 2, "fps": 0.0, "delay_ms": 42.1, "cpu": 0.0, "dropped": 0, "failed": 0}
    assert meter.measure() == quiet
    assert meter.history == [expected, quiet]


def test_history_is_that_of_two_minutes(clock: SimpleNamespace) -> None:
    meter = StatusMeter(SimpleNamespace(figures=RunFigures()))  # type: ignore[arg-type]
    for _ in range(HISTORY_SECONDS + 5):
        clock.now += 1
        meter.measure()
    assert [each["second"] for each in meter.history] == list(range(6, HISTORY_SECONDS + 6))
