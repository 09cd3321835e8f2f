"""Video background: a video or GIF that loops by the clock, at its own rate, not at the camera's."""

import threading
import time
from typing import NamedTuple

from livecam.backgrounds.base import SeekableVideo
from livecam.backgrounds.prefetch import Prefetcher
from livecam.core.clock import Clock
from livecam.core.errors import VideoError
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte, VideoFrame
from livecam.imaging.fit import FitMode, fit_image

# Further behind than this (a laptop that slept), the video continues from where it was, without catching up.
_MAX_LATE_SECONDS = 0.5
# Catching up may take so long of a frame's time: a slow machine shows slow motion, not a stutter.
_CATCH_UP_SECONDS = 0.02
# A GIF may hold its last image; a truncated file claims to be longer than its frames are.
_MAX_HOLD_SECONDS = 3.0
# The next frame is decoded ahead; if it is not ready by then, the last frame stays.
_WAIT_SECONDS = 0.5


class _NextFrame(NamedTuple):
    """Frame that was decoded ahead; `frame` is None if nothing more can be read."""

    frame: Frame | None
    seconds: float = 0.0  # when it is due, in file time over all loops
    fitted: Frame | None = None  # `frame` at the size that was rendered last


class VideoBackground:
    """Background that plays a video. It holds the current and the next frame, each original and fitted."""

    is_transparent = False

    def __init__(self, video: SeekableVideo, *, fit: FitMode, clock: Clock) -> None:
        """Open `video` and decode its first frame.

        Args:
            video: Not opened yet; belongs to the background from now on.
            fit: How the video fills the frame.
            clock: Time of frames that come without a timestamp.

        Raises:
            VideoError: The video cannot be read.
        """
        self._video = video
        self._fit = fit
        self._clock = clock
        self._lock = threading.Lock()
        self._start_time: float | None = None  # clock time of second 0 of the first loop
        self._loop_offset = 0.0  # of the current loop's file time
        self._fitted: Frame | None = None
        video.__enter__()
        try:
            self._frames = video.frames()
            first = next(self._frames)
        except BaseException as error:
            video.close()
            if isinstance(error, StopIteration):
                raise VideoError("the video holds no image; choose another") from error
            raise
        self._shown = first.image
        self._shown_seconds = self._loop_start = first.timestamp
        self._size: Size | None = None  # that was rendered last
        self._next: _NextFrame | None = None
        self._prefetcher = Prefetcher(self._decode_next, self._release)
        self._prefetcher.request()

    def render(self, frame: Frame, matte: Matte, timestamp: float | None = None) -> Frame | None:
        """Render the video's current frame at the size of `frame`."""
        return self.render_standalone(Size.of(frame), timestamp)

    def render_standalone(self, size: Size, timestamp: float | None = None) -> Frame:
        """Render the video's current frame at `size`, or its last one if the file cannot be read any more."""
        with self._lock:
            self._size = size
            self._advance(self._clock.now() if timestamp is None else timestamp)
            if self._fitted is None or Size.of(self._fitted) != size:
                self._fitted = self._fit_to(self._shown, size)
            return self._fitted

    def close(self) -> None:
        """Close the file once the frame that is being decoded is done. May be called again."""
        with self._lock:
            self._next = _NextFrame(None)
            self._prefetcher.stop(_WAIT_SECONDS)

    def _release(self) -> None:
        """Close the file and drop its decoder, whose threads the garbage collector would end too late."""
        self._video.close()
        self._frames = iter(())

    def _advance(self, now: float) -> None:
        if self._start_time is None:
            self._start_time = now - self._shown_seconds
        began = time.perf_counter()
        while (late := self._lateness(now - self._start_time)) >= 0.0:
            out_of_time = time.perf_counter() - began > _CATCH_UP_SECONDS
            if late > _MAX_LATE_SECONDS or out_of_time:
                self._start_time += late
            self._show_next()

    def _lateness(self, seconds: float) -> float:
        """Return the seconds since the next frame was due; negative if it is not due or there is none."""
        if self._next is None:
            self._next = self._prefetcher.get(_WAIT_SECONDS)
        return -1.0 if self._next is None or self._next.frame is None else seconds - self._next.seconds

    def _show_next(self) -> None:
        following, self._next = self._next, None
        if following is not None and following.frame is not None:
            self._shown, self._shown_seconds = following.frame, following.seconds
            self._fitted = following.fitted
        self._prefetcher.request()

    def _fit_to(self, frame: Frame, size: Size) -> Frame:
        fitted = fit_image(frame, size, self._fit)
        fitted.setflags(write=False)
        return fitted

    def _decode_next(self) -> _NextFrame:
        """Decode the next frame, or the first one again after the last. Runs on the prefetcher's thread."""
        try:
            frame = next(self._frames, None)
            if frame is None:
                frame = self._restart()
        except VideoError:
            return _NextFrame(None)
        if frame is None:
            return _NextFrame(None)
        size = self._size
        fitted = self._fit_to(frame.image, size) if size else None
        return _NextFrame(frame.image, self._loop_offset + frame.timestamp, fitted)

    def _restart(self) -> VideoFrame | None:
        """Start another loop. Its first frame is due when the last frame's duration is over."""
        if self._shown_seconds == self._loop_start:
            return None  # a single image does not need to be read again
        self._loop_start = self._shown_seconds + self._last_frame_duration()
        self._frames = self._video.frames()
        frame = next(self._frames, None)
        if frame is not None:
            self._loop_offset = self._loop_start - frame.timestamp
        return frame

    def _last_frame_duration(self) -> float:
        """Return how long a loop's last frame stays, in seconds. Audio may last longer than the frames."""
        frame_seconds, duration = 1.0 / self._video.fps, self._video.duration_seconds
        if duration is None or self._video.has_audio:
            return frame_seconds
        return min(
            max(frame_seconds, duration - (self._shown_seconds - self._loop_offset)), _MAX_HOLD_SECONDS
        )
