"""Fakes: a camera that films a room with a secret color, simple stages, a sink that records frames."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from livecam.core.errors import CameraError
from livecam.core.geometry import Crop, Size
from livecam.core.types import Frame, Matte, Motion

SIZE = Size(96, 64)
SECRET = (255, 0, 255)
PERSON = (20, 200, 40)


def secret_frame(number: int = 0, size: Size = SIZE) -> Frame:
    """Draw a green person in front of a room with the secret: magenta stripes on white."""
    frame = np.full((size.height, size.width, 3), 255, np.uint8)
    frame[:, number % 4 :: 4] = SECRET
    frame[:, 1 + number % 4 :: 4] = SECRET
    left = size.width // 3 + number % 5
    frame[size.height // 4 :, left : left + size.width // 3] = PERSON
    return frame


def is_person(frame: Frame) -> Matte:
    """Return the exact matte of a secret frame."""
    return np.asarray((frame == np.array(PERSON, np.uint8)).all(axis=2), np.float32)


def shows_secret(image: np.ndarray[Any, Any]) -> bool:
    """Return True if a visible pixel is near magenta; this also finds it after a video codec."""
    colors = image[..., :3].astype(int)
    visible = image[..., 3] > 0 if image.shape[2] == 4 else True
    return bool(((np.minimum(colors[..., 0], colors[..., 2]) - colors[..., 1] > 60) & visible).any())


class FakeSegmenter:
    """Segments the green person exactly, at full size."""

    def predict(self, frame: Frame) -> Matte:
        return is_person(frame)


class IdentityTemporalFilter:
    """Returns a copy of each matte and counts its resets."""

    def __init__(self) -> None:
        self.resets = 0

    def apply(self, coarse: Matte, motion: Motion | None = None) -> Matte:
        return coarse.copy()

    def move(self, before: Crop, after: Crop) -> None:
        pass

    def reset(self) -> None:
        self.resets += 1


class IdentityUpsampler:
    """Returns a copy of each matte, at its place in the frame."""

    def upsample(self, filtered: Matte, frame: Frame, crop: Crop) -> Matte:
        matte = np.zeros(frame.shape[:2], filtered.dtype)
        matte[crop.slices] = filtered
        return matte


class ColorBackground:
    """Background of one color that counts how often it is closed."""

    is_transparent = False

    def __init__(self, color: tuple[int, int, int] = (10, 20, 120)) -> None:
        self.color = color
        self.closed = 0

    def render(self, frame: Frame, matte: Matte, timestamp: float | None = None) -> Frame | None:
        return self.render_standalone(Size.of(frame))

    def render_standalone(self, size: Size, timestamp: float | None = None) -> Frame:
        return np.full((size.height, size.width, 3), self.color, np.uint8)

    def close(self) -> None:
        self.closed += 1


class FakeCamera:
    """Yields `count` secret frames, `pause` seconds apart; before frame `lost_at` it is lost, once."""

    def __init__(
        self,
        count: int = 30,
        *,
        pause: float = 0.005,
        lost_at: int | None = None,
        back: bool = True,
        size: Size = SIZE,
    ) -> None:
        self.size, self.fps = size, 30.0
        self.format_description = f"{size} at 30 fps"
        self.opened = self.closed = 0
        self._count, self._pause, self._lost_at, self._back = count, pause, lost_at, back
        self._next = 0

    def __enter__(self) -> "FakeCamera":
        self.opened += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.closed += 1

    def __iter__(self) -> Iterator[Frame]:
        if self._lost_at is not None and self._next >= self._lost_at and not self._back:
            raise CameraError("camera still lost")
        while self._next < self._count:
            if self._next == self._lost_at and self._back:
                self._lost_at = None
                raise CameraError("camera lost: plug it in again")
            if self._next == self._lost_at:
                raise CameraError("camera lost: plug it in again")
            time.sleep(self._pause)
            self._next += 1
            yield secret_frame(self._next, self.size)


class RecordingSink:
    """Sink that records copies of the frames and calls `on_send` with their count."""

    def __init__(self) -> None:
        self.frames: list[np.ndarray[Any, Any]] = []
        self.on_send: Callable[[int], None] = lambda count: None

    def send(self, frame: Frame) -> None:
        self.frames.append(frame.copy())
        self.on_send(len(self.frames))


class BlockingCall:
    """Callable that blocks until the test sets `released`."""

    def __init__(self) -> None:
        self.started, self.released = threading.Event(), threading.Event()

    def __call__(self, *_: object) -> None:
        self.started.set()
        self.released.wait(20)
        raise RuntimeError("released")
