"""Video reader: frames of a file with their timestamps, or looped and paced as a live source."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import VideoError
from livecam.core.geometry import Size
from livecam.core.types import Frame, VideoFrame
from livecam.imaging.image_io import read_orientation
from livecam.imaging.ops import letterbox
from livecam.video.codec_threads import limited
from livecam.video.colorspace import RgbConverter
from livecam.video.demux import declared_end, decode_frames, ends_within_packet, open_input, video_stream
from livecam.video.packet_index import FrameSpan
from livecam.video.timestamps import FrameTimes

_FALLBACK_FPS = 30.0
_MAX_FPS = 1000
# Headers round, and a damaged last frame is no broken file.
_MIN_MISSING_SECONDS = 0.5


class VideoReader:
    """Reader of a video, GIF or APNG file. Used by one thread; one iteration at a time.

    `frames()` gives every frame once, with its timestamp, as fast as possible. Plain iteration makes the
    reader a live source, which may loop and keep the pace of the file. Every iteration starts at the first
    frame.

    Attributes:
        size: size of the frames: upright, square pixels; set by `with`, like all that follow.
        fps: average rate in frames per second.
        duration_seconds: None if the file does not say.
        frame_count: an estimate; None if the file says too little.
        has_audio: whether the file has an audio stream.
        start_seconds: time in the file of its earliest frame or audio sample; timestamps count from there.
        end_seconds: timestamp of the end of the last frame, once `frames()` is exhausted; None until then.
        broken_off_at: timestamp of the end of the last frame, once `frames()` is exhausted, if the file has a
            read error there or ends before the duration that its header declares; None otherwise.
    """

    size: Size
    fps: float
    duration_seconds: float | None
    frame_count: int | None
    has_audio: bool
    start_seconds: float
    end_seconds: float | None
    broken_off_at: float | None

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        loop: bool = False,
        realtime: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """Store what to read; `with` opens the file.

        Args:
            path: the file.
            loop: plain iteration starts again at the end, endlessly.
            realtime: convert colors for speed (1 level darker) and yield each frame of a plain iteration
                when it is due.
            clock: paces plain iteration with `realtime`; the system clock if None.
        """
        self.path = Path(path)
        self._loop = loop
        self._realtime = realtime
        self._clock = clock or SystemClock()
        self._input: InputContainer | None = None
        self._opened_frames: Iterator[av.VideoFrame] | None = None
        self._has_read_error = False
        self.end_seconds = self.broken_off_at = None

    @property
    def format_description(self) -> str:
        """Size and rate for the user."""
        return f"{self.size} at {self.fps:g} fps"

    def __enter__(self) -> "VideoReader":
        """Open the file and decode its first frame.

        Raises:
            VideoError: there is no such file, it is not a video, or no frame of it can be decoded.
        """
        try:
            container, decoded = self._open()
            first = next(decoded, None)
            if first is None:
                raise VideoError(f"no frames in {self.path} can be decoded", "is the file complete?")
            self._read_properties(container, first)
        except BaseException:
            self.close()
            raise
        self._opened_frames = itertools.chain([first], decoded)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; does nothing if it is closed."""
        if self._input:
            self._input.close()
        self._input = self._opened_frames = None

    def frames(self, span: FrameSpan | None = None) -> Iterator[VideoFrame]:
        """Yield every frame once with its timestamp, without waiting.

        Args:
            span: which frames, of a video whose packet index has no problem; all if None. Those before are
                decoded from its key frame on, but not converted.

        Returns:
            An iterator of new frames, each (height, width, 3) of `size`. Timestamps are seconds from the
            start of the file, by its own presentation times.

        Raises:
            VideoError: the file has gone or can't be converted, or a frame of `span` has no time.
        """
        if span is None:
            decoded, self._opened_frames = self._opened_frames or self._open()[1], None
        else:
            decoded = self._frames_of(span)
        timestamp: float | None = None
        duration = 0.0
        times = FrameTimes(self._format_name, 1.0 / self.fps)
        for number, frame in enumerate(decoded):
            timestamp = max(0.0, times.next(frame) - self.start_seconds)
            duration = self._frame_duration(frame)
            yield VideoFrame(letterbox(self._convert(frame), self.size), timestamp, number)
        if timestamp is not None and (span is None or span.end is None):
            self._check_end(timestamp + duration)

    def _frames_of(self, span: FrameSpan) -> Iterator[av.VideoFrame]:
        """Decode from the key frame of a span, and yield its frames."""
        for frame in self._decode_from(span.key):
            if frame.pts is None:
                raise VideoError(f"{self.path} can't be read from the middle", "convert it as a whole")
            if span.end is not None and frame.pts >= span.end:
                return
            if frame.pts >= span.first:
                yield frame

    def _decode_from(self, key: int | None) -> Iterator[av.VideoFrame]:
        """Decode from a key frame; from the start of the file where that is not found.

        Frames that are shown before it, but are after it in the file, are damaged.
        """
        container, decoded = self._open()
        if key is None:
            return decoded
        try:
            container.seek(key, stream=self._stream)
        except (av.FFmpegError, OSError):
            return self._open()[1]
        first = next(decoded, None)
        if first is None or first.pts is None or first.pts > key:
            return self._open()[1]
        return itertools.chain([first], decoded)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the images as a live source does: looped with `loop`, paced with `realtime`.

        Raises:
            VideoError: the file has gone or can't be converted.
        """
        pacer = _FramePacer(self._clock, 1.0 / self.fps)
        while True:
            timestamp: float | None = None
            for image, timestamp, _ in self.frames():
                if self._realtime:
                    pacer.wait_for(timestamp)
                yield image
            if not self._loop:
                return
            if timestamp is None:
                raise VideoError(f"{self.path} can't be read any more", "is the file still there?")
            pacer.start_next_round(self.end_seconds or timestamp + 1.0 / self.fps)

    def _frame_duration(self, frame: av.VideoFrame) -> float:
        if frame.duration and frame.time_base is not None:
            return float(frame.duration * frame.time_base)
        return 1.0 / self.fps

    def _check_end(self, end: float) -> None:
        self.end_seconds = end
        is_short = (
            self._declared_end is not None
            and end + self.start_seconds + _MIN_MISSING_SECONDS < self._declared_end
        )
        if self._has_read_error or is_short or ends_within_packet(self.path, self._format_name):
            self.broken_off_at = end

    def _note_read_error(self) -> None:
        self._has_read_error = True

    def _convert(self, frame: av.VideoFrame) -> Frame:
        try:
            return self._converter.to_rgb(frame)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise VideoError(
                f"can't convert {frame.format.name} frames of {self.path}", "save it as H.264"
            ) from error

    def _open(self) -> tuple[InputContainer, Iterator[av.VideoFrame]]:
        self.close()
        self._input = open_input(self.path)
        self._stream = video_stream(self._input, self.path)
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.thread_count = limited(0)
        self._format_name = self._input.format.name
        self._has_read_error = False
        return self._input, decode_frames(self._input, self._stream, self._note_read_error)

    def _read_properties(self, container: InputContainer, first: av.VideoFrame) -> None:
        stream = self._stream
        self.fps = _frame_rate(stream, first)
        duration = container.duration
        self.duration_seconds = duration / av.time_base if duration else None
        estimate = round(self.duration_seconds * self.fps) if self.duration_seconds else None
        self.frame_count = stream.frames or estimate
        self._declared_end = declared_end(stream)
        self.has_audio = bool(container.streams.audio)
        # A live source needs speed; in a conversion every gray level counts.
        # PyAV 18 can't list the flip of frames with EXIF.
        is_png = self._format_name == "apng"
        self._converter = RgbConverter(
            exact=not self._realtime,
            pixel_ratio=stream.sample_aspect_ratio,
            exif_orientation=read_orientation(self.path) if is_png else None,
        )
        self.size = Size.of(self._convert(first))
        start, first_time = container.start_time, first.time
        self.start_seconds = start / av.time_base if start is not None else first_time or 0.0


def _frame_rate(stream: VideoStream, first: av.VideoFrame) -> float:
    """Return the average rate; else that of the first frame's duration; else FFmpeg's guess.

    A rate above 1000 is none: it is the time base of a stream, 100,000 in a moving PNG.
    """
    rates = [stream.average_rate, None, stream.guessed_rate]
    if first.duration and first.time_base:
        rates[1] = 1 / (first.duration * first.time_base)
    if stream.container.format.name == "gif":
        # FFmpeg's average leaves out the last frame, and counts delays that `GifDelays` lengthens.
        rates = rates[1:]
    return next((float(rate) for rate in rates if rate and rate <= _MAX_FPS), _FALLBACK_FPS)


class _FramePacer:
    """Sleeps until frames are due. A delay shifts the schedule; no frames are hurried to catch up."""

    def __init__(self, clock: Clock, frame_seconds: float) -> None:
        self._clock = clock
        self._frame_seconds = frame_seconds
        self._zero: float | None = None  # clock time of timestamp 0 of the current round

    def wait_for(self, timestamp: float) -> None:
        now = self._clock.now()
        if self._zero is None:
            self._zero = now - timestamp
        wait = self._zero + timestamp - now
        self._clock.sleep(wait)
        if wait < -self._frame_seconds:
            self._zero = now - timestamp

    def start_next_round(self, end_seconds: float) -> None:
        if self._zero is not None:
            self._zero += end_seconds
