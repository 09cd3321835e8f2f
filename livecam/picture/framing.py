"""Automatic framing: show the part of the frame around the person, and follow the person smoothly."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from livecam.core.types import Frame, Matte
from livecam.imaging.ops import magnify

_STRIDE = 8
"""Every eighth row and column of a full-resolution matte gives the position."""
_MIN_AREA = 0.005
"""Fraction of the frame that must be foreground; with less there is no person."""
_WHOLE = 0.999
"""From this side on the whole frame is shown, untouched."""
_MAX_STEP_SECONDS = 0.1
"""After a longer gap between two frames the view moves only as far as in this time."""


@dataclass(frozen=True)
class FramingSettings:
    """Settings of automatic framing. Lengths are fractions of the frame's sides, or of those of the view.

    Attributes:
        headroom: space above the head, fraction of the view's height.
        max_width: widest person, fraction of the view's width.
        min_side: smallest view. Half of the frame is magnified twice.
        frequency: natural frequency of the critically damped filter, in radians per second.
        max_speed: fastest move of the view's center, and fastest change of its side, fractions of the frame
            per second.
        tolerance: moves up to this fraction of the view are not followed, so that the view rests.
        hold_seconds: after so long without a person the whole frame is shown.
    """

    headroom: float = 0.12
    max_width: float = 0.7
    min_side: float = 0.5
    frequency: float = 3.0
    max_speed: float = 0.3
    tolerance: float = 0.04
    hold_seconds: float = 2.0


class View(NamedTuple):
    """Part of a frame with the frame's aspect ratio.

    Attributes:
        x, y: its center, fractions of the frame's width and height.
        side: its width over the frame's width, which is also its height over the frame's height.
    """

    x: float = 0.5
    y: float = 0.5
    side: float = 1.0

    def inside(self) -> "View":
        """Return the nearest view of the same side that does not pass the border of the frame."""
        side = min(1.0, self.side)
        x, y = (min(1 - side / 2, max(side / 2, center)) for center in (self.x, self.y))
        return View(x, y, side)

    def distance(self, other: "View") -> float:
        """Return the largest difference of the three values."""
        return max(abs(a - b) for a, b in zip(self, other, strict=True))


class CriticallyDampedFilter:
    """A value that follows a goal without overshoot, with a limit on its speed.

    The exact solution of x'' = frequency² × (goal - x) - 2 × frequency × x' for a goal that rests during a
    step, so that the result does not depend on the frame rate. Reference: Lowe, "Critically Damped Ease-In/
    Ease-Out Smoothing", Game Programming Gems 4, 2004.
    """

    def __init__(self, value: float, frequency: float, max_speed: float) -> None:
        self.value = value
        self._speed = 0.0
        self._frequency, self._max_speed = frequency, max_speed

    def step(self, goal: float, seconds: float) -> float:
        """Move towards `goal` for `seconds` and return the new value."""
        w, difference = self._frequency, self.value - goal
        # A goal that comes nearer than the filter can brake would be overshot.
        speed = _clamp(self._speed, w * abs(difference)) if self._speed * difference < 0 else self._speed
        slope, decay = speed + w * difference, math.exp(-w * seconds)
        moved = goal + (difference + slope * seconds) * decay - self.value
        self.value += _clamp(moved, self._max_speed * seconds)
        self._speed = _clamp((speed - w * slope * seconds) * decay, self._max_speed)
        return self.value


class AutoFraming:
    """Follows the person in a video. One thread at a time may use it.

    Attributes:
        view: the part of the newest frame that is shown.
    """

    def __init__(self, settings: FramingSettings | None = None) -> None:
        self.settings = settings or FramingSettings()
        self.reset()

    def reset(self) -> None:
        """Forget the person: the next frame is shown whole."""
        self.view = self._goal = View()
        self._last: float | None = None
        self._last_seen = -math.inf
        s = self.settings
        self._filters = [CriticallyDampedFilter(value, s.frequency, s.max_speed) for value in self.view]

    def apply(self, frame: Frame, matte: Matte, now: float) -> tuple[Frame, Matte]:
        """Show the part of a frame around the person at the size of the frame.

        Args:
            frame: uint8 RGB (height, width, 3).
            matte: the frame's matte, float32 (height, width) in [0, 1].
            now: time of the frame in seconds.

        Returns:
            New arrays with the shapes of `frame` and `matte`, both cut in the same place; the arguments
            themselves while the whole frame is shown.
        """
        view = self.follow(matte, now)
        if view.side >= _WHOLE:
            return frame, matte
        height, width = matte.shape
        left, top = (view.x - view.side / 2) * width, (view.y - view.side / 2) * height
        return magnify(frame, left, top, view.side), magnify(matte, left, top, view.side)

    def follow(self, matte: Matte, now: float) -> View:
        """Move the view towards the person in `matte`, as far as the time since the last call allows."""
        seconds = 0.0 if self._last is None else min(_MAX_STEP_SECONDS, max(0.0, now - self._last))
        self._last = now
        found = find_view(matte, self.settings)
        if found is not None:
            self._last_seen = now
            if found.distance(self._goal) > self.settings.tolerance * self.view.side:
                self._goal = found
        elif now - self._last_seen > self.settings.hold_seconds:
            self._goal = View()
        moved = (each.step(goal, seconds) for each, goal in zip(self._filters, self._goal, strict=True))
        self.view = View(*moved).inside()
        return self.view


def find_view(matte: Matte, settings: FramingSettings) -> View | None:
    """Return the view that suits the person in a full-resolution matte; None if there is no person.

    The person's box leaves out 1 % of the matte's area at the left and right and 0.5 % above and below, so
    that stray pixels do not count. The view is centered on the median column of the upper half, which is the
    head and not a raised arm, but keeps the whole box where it fits.
    """
    mask = matte[_STRIDE // 2 :: _STRIDE, _STRIDE // 2 :: _STRIDE] > 0.5
    if not mask.size or mask.mean() < _MIN_AREA:
        return None
    rows, columns = mask.sum(axis=1), mask.sum(axis=0)
    top, bottom = _quantile(rows, 0.005), _quantile(rows, 0.995)
    left, right = _quantile(columns, 0.01), _quantile(columns, 0.99)
    middle = round((top + bottom) / 2 * mask.shape[0])
    x = _quantile(mask[: max(1, middle)].sum(axis=0), 0.5)
    fitting = max((bottom - top) / (1 - settings.headroom), (right - left) / settings.max_width)
    side = min(1.0, max(settings.min_side, fitting))
    x = min(max(x, right - side / 2), left + side / 2) if right - left < side else (left + right) / 2
    return View(x, top + (0.5 - settings.headroom) * side, side).inside()


def _quantile(counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]], fraction: float) -> float:
    """Return where `fraction` of the counts is passed, as a fraction of their number, between two of them."""
    total = np.cumsum(counts)
    index = int(np.searchsorted(total, fraction * total[-1]))
    before = float(total[index - 1]) if index else 0.0
    inner = (fraction * float(total[-1]) - before) / max(float(counts[index]), 1.0)
    return (index + min(1.0, max(0.0, inner))) / len(counts)


def _clamp(value: float, limit: float) -> float:
    return min(limit, max(-limit, value))
