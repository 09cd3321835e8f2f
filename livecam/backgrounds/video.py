"""A video or GIF behind the subject: it loops by the clock, at its own rate, whatever the camera's is."""

import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from livecam.backgrounds.prefetch import Prefetcher
from livecam.core.clock import Clock
from livecam.core.errors import VideoError
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte, VideoFrame
from livecam.imaging.fit import FitMode, fit_image

# Further behind than this (a laptop that slept), the video goes on from where it was instead of catching up.
_LATE_SECONDS = 0.5
# So long may catching up take from the frame in hand: a slow machine sees slow motion, not a stutter.
_PATIENCE_SECONDS = 0.02
# A GIF may rest on its last image; a file that is cut off says it is longer than its pictures are.
_LONGEST_REST_SECONDS = 3.0
# The next frame is decoded ahead; one that isn't there by then comes later, and the last one stays.
_WAIT_SECONDS = 0.5


class SeekableVideo(Protocol):
    """What is wanted of `livecam.video.video_reader.VideoReader`: iterating again starts again."""

    fps: float
    duration_seconds: float | None
    has_audio: bool

    def __enter__(self) -> Any:
        """Open the file."""

    def frames(self) -> Iterator[VideoFrame]:
        """Yield every frame once, from the first."""

    def close(self) -> None:
        """Close the file."""


class _NextFrame(NamedTuple):
    """The next frame (None: nothing more can be read), when it is due, and it fitted to the last size."""

    frame: Frame | None
    seconds: float = 0.0
    fitted: Frame | None = None


class VideoBackground:
    """Holds two frames, the one shown and the next, each as it is and fitted; the next is decoded ahead."""

    def __init__(self, footage: SeekableVideo, *, fit: FitMode, clock: Clock) -> None:
        """Open `footage` and decode its first frame.

        Raises:
            VideoError: it can't be read.
        """
        self._footage = footage
        self._fit = fit
        self._clock = clock
        self._lock = threading.Lock()
        self._zero: float | None = None  # when second 0 of the first round is, by the clock
        self._offset = 0.0  # of the current round's file time
        self._fitted: Frame | None = None
        footage.__enter__()
        try:
            self._frames = footage.frames()
            first = next(self._frames)
        except BaseException as error:
            footage.close()
            if isinstance(error, StopIteration):
                raise VideoError("the video holds no picture; choose another") from error
            raise
        self._shown: Frame = first.image
        self._shown_seconds = self._round_seconds = first.timestamp
        self._size: Size | None = None  # that was last asked for
        self._next: _NextFrame | None = None
        self._ahead = Prefetcher(self._following, self._let_go)
        self._ahead.request()

    def render(self, frame: Frame, matte: Matte) -> Frame:
        """The video's frame for now, at the size of `picture`."""
        return self.render_standalone(Size.of(frame))

    def render_standalone(self, size: Size) -> Frame:
        """The video's frame for now at `size`; its last good one once the file can't be read any more."""
        with self._lock:
            self._size = size
            self._advance(self._clock.now())
            if self._fitted is None or Size.of(self._fitted) != size:
                self._fitted = self._fitting(self._shown, size)
            return self._fitted

    def close(self) -> None:
        """Close the file, when the frame in the making is done; quiet when called again."""
        with self._lock:
            self._next = _NextFrame(None)
            self._ahead.stop(_WAIT_SECONDS)

    def _let_go(self) -> None:
        """Close the file and forget its decoder, whose threads would wait for the garbage collector."""
        self._footage.close()
        self._frames = iter(())

    def _advance(self, now: float) -> None:
        if self._zero is None:
            self._zero = now - self._shown_seconds
        began = time.perf_counter()
        while (late := self._lateness(now - self._zero)) >= 0.0:
            weary = time.perf_counter() - began > _PATIENCE_SECONDS
            if late > _LATE_SECONDS or weary:
                self._zero += late
            self._show_next()

    def _lateness(self, seconds: float) -> float:
        """How long the next frame is overdue; below 0 if it isn't, or there is none."""
        if self._next is None:
            self._next = self._ahead.get(_WAIT_SECONDS)
        return -1.0 if self._next is None or self._next.frame is None else seconds - self._next.seconds

    def _show_next(self) -> None:
        coming, self._next = self._next, None
        if coming is not None and coming.frame is not None:
            self._shown, self._shown_seconds, self._fitted = coming.frame, coming.seconds, coming.fitted
        self._ahead.request()

    def _fitting(self, frame: Frame, size: Size) -> Frame:
        made = fit_image(frame, size, self._fit)
        made.setflags(write=False)
        return made

    def _following(self) -> _NextFrame:
        """The next frame, the first again after the last. Called by the thread that works ahead."""
        try:
            found = next(self._frames, None)
            if found is None:
                found = self._again()
        except VideoError:
            return _NextFrame(None)
        if found is None:
            return _NextFrame(None)
        size = self._size
        return _NextFrame(
            found.image,
            self._offset + found.timestamp,
            self._fitting(found.image, size) if size else None,
        )

    def _again(self) -> VideoFrame | None:
        """The first frame of another round, due when the last one has had its time."""
        if self._shown_seconds == self._round_seconds:
            return None  # a single picture needs no rounds
        self._round_seconds = self._shown_seconds + self._last_frame_duration()
        self._frames = self._footage.frames()
        found = next(self._frames, None)
        if found is not None:
            self._offset = self._round_seconds - found.timestamp
        return found

    def _last_frame_duration(self) -> float:
        """How long the last frame of a round stays: as the file says, though sound may outlast pictures."""
        usual, whole = 1.0 / self._footage.fps, self._footage.duration_seconds
        if whole is None or self._footage.has_audio:
            return usual
        return min(max(usual, whole - (self._shown_seconds - self._offset)), _LONGEST_REST_SECONDS)
