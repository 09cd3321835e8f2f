"""A video file as a source: every frame in order with its own time, or looped and paced as a camera."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import av
from av.container import InputContainer

from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import VideoError
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.imaging.ops import letterbox
from livecam.video.colorspace import RgbConverter
from livecam.video.demux import decode_frames, open_input, video_stream

_FALLBACK_FPS = 30.0


class VideoReader:
    """A video, GIF or APNG file; iterating again starts again.

    Attributes:
        size: of the frames: upright, square pixels; known once opened, like all that follows.
        fps: the average rate.
        duration_seconds: None when the file doesn't say.
        frame_count: an estimate; None when the file says too little.
        has_audio: whether there is sound.
        start_seconds: the file's own time of its earliest picture or sound, which counts as 0 here.
        seconds: when the frame just given is shown, from the clip's start, by the file's own time stamps.
    """

    size: Size
    fps: float
    duration_seconds: float | None
    frame_count: int | None
    has_audio: bool
    start_seconds: float

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        loop: bool = False,
        realtime: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """Prepare to read `path`.

        Args:
            path: the file.
            loop: begin again at the end, for ever.
            paced: give each frame when it is due, as a camera does, instead of at once.
            clock: what `realtime` sleeps on.
        """
        self.path = Path(path)
        self.seconds = 0.0
        self._loop = loop
        self._paced = realtime
        self._clock = clock or SystemClock()
        self._input: InputContainer | None = None
        self._fresh: Iterator[av.VideoFrame] | None = None

    def __enter__(self) -> "VideoReader":
        """Open the file and decode its first picture.

        Raises:
            VideoError: there is no such file, it is no video, or nothing in it can be decoded.
        """
        try:
            container, pictures = self._open()
            first = next(pictures, None)
            if first is None:
                raise VideoError(f"no picture in {self.path} can be decoded; is the file complete?")
            self._describe(container, first)
        except BaseException:
            self.close()
            raise
        self._fresh = _after(first, pictures)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; quiet when called again."""
        if self._input:
            self._input.close()
        self._input = self._fresh = None

    def __iter__(self) -> Iterator[Frame]:
        """Give the frames, each (height, width, 3) of `size`.

        Raises:
            VideoError: the file is gone or can't be converted.
        """
        pacer = _FramePacer(self._clock, 1.0 / self.fps)
        while True:
            count = 0
            for frame in self._frames():
                if self._paced:
                    pacer.wait_for(self.seconds)
                yield frame
                count += 1
            if not self._loop:
                return
            if not count:
                raise VideoError(f"{self.path} can't be read any more; is the file still there?")
            pacer.begin_again(self.seconds)

    def _frames(self) -> Iterator[Frame]:
        pictures, self._fresh = self._fresh or self._open()[1], None
        last: float | None = None
        for picture in pictures:
            self.seconds = last = self._time(picture, last)
            yield letterbox(self._convert(picture), self.size)

    def _time(self, picture: av.VideoFrame, last: float | None) -> float:
        if picture.pts is not None and picture.time_base is not None:
            return max(0.0, float(picture.pts * picture.time_base) - self.start_seconds)
        return 0.0 if last is None else last + 1.0 / self.fps

    def _convert(self, picture: av.VideoFrame) -> Frame:
        try:
            return self._developer.to_rgb(picture)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise VideoError(
                f"can't convert {picture.format.name} pictures of {self.path}; save it as H.264"
            ) from error

    def _open(self) -> tuple[InputContainer, Iterator[av.VideoFrame]]:
        self.close()
        self._input = open_input(self.path)
        self._stream = video_stream(self._input, self.path)
        self._stream.thread_type = "AUTO"
        return self._input, decode_frames(self._input, self._stream)

    def _describe(self, container: InputContainer, first: av.VideoFrame) -> None:
        stream = self._stream
        rate = stream.average_rate or stream.guessed_rate
        self.fps = float(rate) if rate else _FALLBACK_FPS
        length = container.duration
        self.duration_seconds = length / av.time_base if length else None
        estimate = round(self.duration_seconds * self.fps) if self.duration_seconds else None
        self.frame_count = stream.frames or estimate
        self.has_audio = bool(container.streams.audio)
        # As a camera speed counts, in a conversion every level does.
        self._developer = RgbConverter(exact=not self._paced, pixel_ratio=stream.sample_aspect_ratio)
        self.size = Size.of(self._convert(first))
        start, shown = container.start_time, first.time
        self.start_seconds = start / av.time_base if start is not None else shown or 0.0


class _FramePacer:
    """Sleeps until frames are due; being late is forgiven, not made up for."""

    def __init__(self, clock: Clock, frame_seconds: float) -> None:
        self._clock = clock
        self._frame_seconds = frame_seconds
        self._zero: float | None = None

    def wait_for(self, seconds: float) -> None:
        now = self._clock.now()
        if self._zero is None:
            self._zero = now - seconds
        wait = self._zero + seconds - now
        self._clock.sleep(wait)
        if wait < -self._frame_seconds:
            self._zero = now - seconds

    def begin_again(self, last_seconds: float) -> None:
        if self._zero is not None:
            self._zero += last_seconds + self._frame_seconds


def _after(first: av.VideoFrame, rest: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    yield first
    yield from rest
