"""Time as something that is handed in: the system's clock, or one that is set by hand (clips, tests)."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Clock(Protocol):
    """What time it is, in seconds since any fixed moment."""

    def now(self) -> float:
        """Seconds, never going backwards."""

    def sleep(self, seconds: float) -> None:
        """Wait; nothing at all if `seconds` is zero or less."""


class SystemClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        if seconds > 0:
            time.sleep(seconds)


class ManualClock:
    """A clock that stands still until it is set: a clip's own time, or a test's."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def now(self) -> float:
        """Where the clock was set."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Move on by `seconds` at once."""
        self.seconds += max(0.0, seconds)


class StageTimer:
    """Times of named stages: the last `keep` of each, in seconds."""

    def __init__(self, keep: int = 600) -> None:
        self._keep = keep
        self.samples: dict[str, deque[float]] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Time what is inside the `with`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.samples.setdefault(stage, deque(maxlen=self._keep)).append(time.perf_counter() - start)

    def percentile(self, stage: str, percent: float) -> float:
        """Seconds below which `percent` of the laps lie; NaN before the first."""
        laps = sorted(self.samples.get(stage, ()))
        return laps[min(len(laps) - 1, int(len(laps) * percent / 100))] if laps else float("nan")
