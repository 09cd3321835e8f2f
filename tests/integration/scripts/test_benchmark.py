"""The benchmark: what a call costs."""

import resource
from typing import Any

import pytest

from livecam.core.errors import LivecamError
from tests.support.scripts import load_script

benchmark: Any = load_script("benchmark")


def usage(user: float, system: float, maxrss: int) -> resource.struct_rusage:
    return resource.struct_rusage((user, system, maxrss, *[0] * 13))


def test_cost_of_a_call_is_all_processor_time_per_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    messages = "livecam: camera demo\nlivecam: 200 frames in 10.0 s (20.0 a second)\n"
    cost = benchmark.call_cost(messages, usage(1.0, 0.5, 100 << 10), usage(3.0, 1.5, 150 << 10))
    assert cost == {"processor_milliseconds_per_frame": 15.0, "peak_megabytes": 150}


@pytest.mark.parametrize("messages", ["", "livecam: no camera", "livecam: 0 frames in 1.0 s"])
def test_call_without_a_frame_is_an_error(messages: str) -> None:
    with pytest.raises(LivecamError, match="the measured call failed"):
        benchmark.call_cost(messages, usage(0, 0, 0), usage(1, 0, 0))


def test_measured_call_is_of_this_checkout() -> None:
    cost = benchmark.measure_call("person-lite", seconds=1)
    assert 0 < cost["processor_milliseconds_per_frame"] < 2000
    assert cost["peak_megabytes"] > 50
