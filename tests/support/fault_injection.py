"""Camera with faults from a seeded random generator, and a clock that runs faster than real time."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator

from livecam.core.clock import Clock
from livecam.core.errors import CameraError
from livecam.core.geometry import Size
from livecam.core.types import Frame
from tests.support.fakes import secret_frame

SIZES = (Size(192, 108), Size(160, 120), Size(256, 144), Size(128, 96))
# How many frames lie between two faults of a kind, on average, and how many seconds one takes.
FAULT_INTERVALS = {"drop": 60, "repeat": 60, "size": 700, "stall": 900, "disconnect": 2200}
STALL_SECONDS, AWAY_SECONDS = (0.3, 2.5), (0.5, 4.0)


class FastClock:
    """System clock that runs `speed` times as fast."""

    def __init__(self, speed: float = 10.0) -> None:
        self._speed = speed

    def now(self) -> float:
        """Return the accelerated time in seconds."""
        return time.monotonic() * self._speed

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of the accelerated time."""
        if seconds > 0:
            time.sleep(seconds / self._speed)


class FaultyCamera:
    """Fake camera that yields `count` frames with the secret, at full speed, with injected faults.

    It drops numbers, repeats a frame, stalls, changes its size and is lost for a while; `seed` decides when.
    The next frame comes after a call of `go_on`, or after 0.05 s, so that a slow machine loses none.
    """

    def __init__(self, count: int, *, seed: int, clock: Clock, gaps: dict[str, int] | None = None) -> None:
        self.size, self.fps = SIZES[0], 30.0
        self.format_description = f"{self.size} at 30 fps"
        self.given = 0
        self.closed = 0
        self.fault_counts: Counter[str] = Counter()
        self.count, self._clock = count, clock
        self._random = random.Random(seed)
        self._gaps = gaps or FAULT_INTERVALS
        self._due = {kind: self._draw(kind) for kind in self._gaps}
        self._back_at = 0.0
        self._number = 0
        self._images = {size: [secret_frame(number, size) for number in range(20)] for size in SIZES}
        self._taken = threading.Event()

    def __enter__(self) -> "FaultyCamera":
        return self

    def __exit__(self, *_: object) -> None:
        self.closed += 1
        self._images.clear()

    def go_on(self) -> None:
        """Allow the next frame, because the last one was shown."""
        self._taken.set()

    def __iter__(self) -> Iterator[Frame]:
        if self._clock.now() < self._back_at:
            raise CameraError("camera still lost")
        repeated: Frame | None = None
        while self.given < self.count:
            self._inject_faults()
            if repeated is None or not self._is_due("repeat"):
                images = self._images[self.size]
                repeated = images[self._number % len(images)].copy()
                self._number += 1
            self.given += 1
            self._taken.clear()
            yield repeated
            self._taken.wait(0.05)

    def _inject_faults(self) -> None:
        if self._is_due("drop"):
            self._number += self._random.randint(1, 9)
        if self._is_due("size"):
            self.size = self._random.choice([size for size in SIZES if size != self.size])
        if self._is_due("stall"):
            self._clock.sleep(self._random.uniform(*STALL_SECONDS))
        if self._is_due("disconnect"):
            self._back_at = self._clock.now() + self._random.uniform(*AWAY_SECONDS)
            raise CameraError("camera lost: plug it in again")

    def _is_due(self, kind: str) -> bool:
        if kind not in self._due or self.given < self._due[kind]:
            return False
        self._due[kind] = self.given + self._draw(kind)
        self.fault_counts[kind] += 1
        return True

    def _draw(self, kind: str) -> int:
        return 1 + round(self._random.expovariate(1 / self._gaps[kind]))
