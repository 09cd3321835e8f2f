"""Clocks that are passed to what depends on time, and stage timings."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Clock(Protocol):
    """A source of time in seconds since an arbitrary start. Any thread may use it."""

    def now(self) -> float:
        """Return the current time in seconds; it never decreases."""

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`; return at once for zero or less."""


class SystemClock:
    """The monotonic clock of the operating system."""

    def now(self) -> float:
        """Return the monotonic time in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block the calling thread for `seconds`."""
        if seconds > 0:
            time.sleep(seconds)


class ManualClock:
    """A clock that moves only when it is set: for tests and for timestamps of a video."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def now(self) -> float:
        """Return the time that the clock is set to."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Move the clock forward by `seconds` and return at once."""
        self.seconds += max(0.0, seconds)


class StageTimer:
    """Measures how long named stages take. It keeps the newest measurements of each stage."""

    def __init__(self, max_samples: int = 600) -> None:
        self._max_samples = max_samples
        self.samples: dict[str, deque[float]] = {}
        """Stage name to durations in seconds, the newest last."""

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Measure the body of the ``with`` statement as one sample of a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            duration = time.perf_counter() - start
            self.samples.setdefault(stage, deque(maxlen=self._max_samples)).append(duration)

    def percentile(self, stage: str, percent: float) -> float:
        """Return a percentile of the durations of a stage in seconds; NaN without samples."""
        samples = sorted(self.samples.get(stage, ()))
        if not samples:
            return float("nan")
        return samples[min(len(samples) - 1, int(len(samples) * percent / 100))]
