import math
import time

import pytest

from livecam.core.clock import Clock, ManualClock, StageTimer, SystemClock


def test_system_clock_runs_and_sleeps() -> None:
    clock: Clock = SystemClock()
    start = clock.now()
    clock.sleep(0.02)
    assert 0.02 <= clock.now() - start < 1.0


def test_manual_clock_moves_only_when_set() -> None:
    clock = ManualClock(5.0)
    time.sleep(0.002)
    assert clock.now() == 5.0
    clock.sleep(2.5)
    clock.seconds += 1.0
    assert clock.now() == 8.5


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock()])
def test_sleep_for_negative_time_returns_at_once(clock: Clock) -> None:
    start = clock.now()
    clock.sleep(-10.0)
    assert 0.0 <= clock.now() - start < 0.5


def test_measure_of_a_failing_body_keeps_the_sample() -> None:
    timer = StageTimer()
    with pytest.raises(KeyError), timer.measure("segment"):
        raise KeyError
    assert len(timer.samples["segment"]) == 1


def test_measure_keeps_only_the_newest_samples() -> None:
    timer = StageTimer(max_samples=3)
    with timer.measure("wait"):
        time.sleep(0.02)
    for _ in range(3):
        with timer.measure("wait"):
            pass
    assert len(timer.samples["wait"]) == 3
    assert timer.percentile("wait", 95) < 0.02


def test_percentile_follows_the_samples() -> None:
    timer = StageTimer()
    with timer.measure("stage"):
        pass
    timer.samples["stage"].extend([1.0, 2.0, 3.0])
    assert [timer.percentile("stage", percent) for percent in (50, 75, 100)] == [2.0, 3.0, 3.0]
    assert math.isnan(timer.percentile("never", 50))
