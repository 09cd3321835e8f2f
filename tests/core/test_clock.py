import math
import time

import pytest

from livecam.core.clock import Clock, ManualClock, StageTimer, SystemClock


def test_the_systems_clock_runs_and_sleeps() -> None:
    clock: Clock = SystemClock()
    start = clock.now()
    clock.sleep(0.02)
    assert 0.02 <= clock.now() - start < 1.0


def test_a_manual_clock_stands_until_it_is_set() -> None:
    clock = ManualClock(5.0)
    time.sleep(0.002)
    assert clock.now() == 5.0
    clock.sleep(2.5)
    clock.seconds += 1.0
    assert clock.now() == 8.5


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock()])
def test_sleeping_for_less_than_nothing_is_nothing(clock: Clock) -> None:
    start = clock.now()
    clock.sleep(-10.0)
    assert 0.0 <= clock.now() - start < 0.5


def test_a_lap_is_kept_also_when_it_fails() -> None:
    watch = StageTimer()
    with pytest.raises(KeyError), watch.measure("segment"):
        raise KeyError
    assert len(watch.samples["segment"]) == 1


def test_only_the_last_laps_count() -> None:
    watch = StageTimer(max_samples=3)
    with watch.measure("wait"):
        time.sleep(0.02)
    for _ in range(3):
        with watch.measure("wait"):
            pass
    assert len(watch.samples["wait"]) == 3
    assert watch.percentile("wait", 95) < 0.02


def test_percentiles_are_those_of_the_laps() -> None:
    watch = StageTimer()
    with watch.measure("stage"):
        pass
    watch.samples["stage"].extend([1.0, 2.0, 3.0])
    assert [watch.percentile("stage", percent) for percent in (50, 75, 100)] == [2.0, 3.0, 3.0]
    assert math.isnan(watch.percentile("never", 50))
