"""Observers of a soak test: a sink that looks for the secret, and a simulated user."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from livecam.backgrounds.factory import create_background
from livecam.core.clock import Clock
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.runtime.controls import RunControls
from livecam.runtime.states import LoopState
from tests.support.fakes import shows_secret
from tests.support.fault_injection import FaultyCamera

# Each background is shown twice soon, then changed as often as an indecisive user.
TIMEOUT, SOON_UNTIL, SWITCH_EVERY = 120, 1440, 960
PAUSE_EVERY, PAUSE_FRAMES = 4000, 5
SAMPLES = 400


class WatchingSink:
    """Sink that counts frames and leaks, measures the longest silence, and keeps no frame."""

    def __init__(
        self, shown: Callable[[], None], shown_seconds: Callable[[], float] = time.monotonic
    ) -> None:
        """Start to measure.

        Args:
            shown: called after each frame.
            shown_seconds: what time it is.
        """
        self.frames = self.leaks = 0
        self.longest_silence = 0.0
        self.sizes: Counter[Size] = Counter()
        self.blurred = False
        self._shown, self._now = shown, shown_seconds
        self._last: float | None = None

    def send(self, frame: Frame) -> None:
        """Check a frame; a blurred room may have the tint of the secret, but not its stripes."""
        now = self._now()
        if self._last is not None:
            self.longest_silence = max(self.longest_silence, now - self._last)
        self._last = now
        self.frames += 1
        self.sizes[Size.of(frame)] += 1
        room = beside_the_person(frame)
        self.leaks += shows_stripes(room) if self.blurred else shows_secret(room)
        self._shown()


def beside_the_person(frame: Frame) -> Frame:
    """Return the parts of a frame that are beside the person and its soft edge."""
    width = frame.shape[1]
    margin = width // 12
    left, right = width // 3 - margin, width // 3 + 5 + width // 3 + margin
    return np.hstack([frame[:, :left], frame[:, right:]])


def shows_stripes(image: Frame) -> bool:
    """Return True if the stripes of the secret, magenta beside white, are visible."""
    red_and_blue = np.minimum(image[..., 0], image[..., 2])
    steps = np.abs(np.diff(image[..., 1].astype(np.int16), axis=1)) > 80
    return bool((steps & (red_and_blue[:, 1:] > 150) & (red_and_blue[:, :-1] > 150)).any())


class SimulatedUser:
    """Switches backgrounds and pauses like a user, and samples memory, files and threads."""

    def __init__(self, camera: FaultyCamera, controls: RunControls, names: list[str], clock: Clock) -> None:
        self.sink = WatchingSink(self.after)
        self.samples = np.full((SAMPLES, 4), np.nan)
        self._camera, self._controls, self._names, self._clock = camera, controls, names, clock
        self._place = self._paused_at = self._sharp_at = self._next_sample = 0
        self._began = time.monotonic()
        self.end_seconds: float | None = None
        self.count = 0

    def after(self) -> None:
        """React to a frame that was shown."""
        sink, controls = self.sink, self._controls
        if controls.state is LoopState.PAUSED and sink.frames >= self._paused_at + PAUSE_FRAMES:
            controls.toggle_pause()
        elif sink.frames % PAUSE_EVERY == PAUSE_EVERY - 1:
            self._paused_at = sink.frames
            controls.toggle_pause()
        if sink.frames % (TIMEOUT if sink.frames <= SOON_UNTIL else SWITCH_EVERY) == 0:
            self._switch()
        if sink.blurred and self._sharp_at and sink.frames >= self._sharp_at:
            sink.blurred, self._sharp_at = False, 0
        if self.end_seconds is not None and time.monotonic() - self._began > self.end_seconds:
            controls.stop()
        self._sample()
        self._camera.go_on()

    def _switch(self) -> None:
        self._place += 1
        name = self._names[self._place % len(self._names)]
        self._controls.set_background(create_background(name, clock=self._clock))
        if name == "blur":
            self.sink.blurred = True
        # What is on its way yet may be blurred.
        self._sharp_at = 0 if name == "blur" else self.sink.frames + 30

    def _sample(self) -> None:
        share = self._share()
        if self.count < SAMPLES and share * SAMPLES >= self._next_sample:
            self._next_sample += 1
            self.samples[self.count] = (self._camera.given, *measure())
            self.count += 1

    def _share(self) -> float:
        done = self._camera.given / self._camera.count
        if self.end_seconds is None:
            return done
        return max(done, (time.monotonic() - self._began) / self.end_seconds)


class Heartbeat:
    """Thread that wakes up regularly; `latest` is the longest delay that the machine itself caused."""

    def __init__(self, beat_seconds: float = 0.02) -> None:
        self.latest = 0.0
        self._beat = beat_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        last = time.monotonic()
        while not self._stopping.wait(self._beat):
            now = time.monotonic()
            self.latest, last = max(self.latest, now - last - self._beat), now


def measure() -> tuple[float, float, float]:
    """Measure memory in MB, open files and threads of this process; NaN where the system reports none."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        files, threads = count_of("/proc/self/fd"), count_of("/proc/self/task")
    except OSError:
        return float("nan"), float("nan"), threading.active_count()
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, files, threads


def count_of(folder: str) -> int:
    """Count the entries of a folder."""
    return sum(1 for _ in Path(folder).iterdir())
