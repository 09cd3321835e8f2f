"""Pacing of sources that no device paces."""

import math
from collections.abc import Iterator

from livecam.core.clock import Clock
from livecam.core.errors import UsageError

_MAX_DELAY_SECONDS = 1.0


def ticks(fps: float, clock: Clock) -> Iterator[float]:
    """Yield the seconds since the first tick, `fps` times a second, endlessly; the first without waiting.

    The ticks are on a fixed grid, so that sleeping does not drift. A delay of more than 1 s (a suspended
    laptop) starts a new grid instead of a burst of late ticks.
    """
    start = due = clock.now()
    while True:
        clock.sleep(due - clock.now())
        now = clock.now()
        if now - due > _MAX_DELAY_SECONDS:
            due = now
        due += 1.0 / fps
        yield now - start


def check_fps(fps: float) -> float:
    """Return `fps` as a float if it is a valid rate.

    Raises:
        UsageError: it is not a number above 0 and up to 1000.
    """
    if not (math.isfinite(fps) and 0 < fps <= 1000):
        raise UsageError(
            f"{fps} frames a second can't be: give a number above 0 and up to 1000, for example 30"
        )
    return float(fps)
