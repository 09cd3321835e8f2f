"""Pacing of sources that no device paces."""

import math
from collections.abc import Iterator

from livecam.core.clock import Clock
from livecam.core.errors import UsageError

_LATE_SECONDS = 1.0


def ticks(fps: float, clock: Clock) -> Iterator[float]:
    """Seconds since the first beat, `fps` times a second, without end; the first comes at once.

    The beats lie on a grid, so that waiting never drifts; after a gap (a sleeping laptop) a new grid begins
    instead of a burst of late beats.
    """
    start = due = clock.now()
    while True:
        clock.sleep(due - clock.now())
        now = clock.now()
        if now - due > _LATE_SECONDS:
            due = now
        due += 1.0 / fps
        yield now - start


def check_fps(fps: float) -> float:
    """Give back `fps` if it is a rate.

    Raises:
        UsageError: it isn't a number above 0 and up to 1000.
    """
    if not (math.isfinite(fps) and 0 < fps <= 1000):
        raise UsageError(
            f"{fps} frames a second can't be: give a number above 0 and up to 1000, for example 30"
        )
    return float(fps)
