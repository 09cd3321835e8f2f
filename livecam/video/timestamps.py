"""Repairs timestamps of packets and frames: restarts, jumps, and containers without presentation times."""

from fractions import Fraction
from typing import TypeVar

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

StreamT = TypeVar("StreamT", bound=Stream)

# As ffmpeg's -dts_delta_threshold, and its limit for steps back.
_MAX_JUMP_SECONDS = 10
_MAX_STEP_BACK_SECONDS = Fraction(1, 10)
_MAX_UNSHOWN_SECONDS = Fraction(1, 100)
_USUAL_DELAY_SECONDS = Fraction(1, 10)
KEY_FRAME_SECONDS = 1
"""A recording has a key frame so often, also at a low live rate."""
_MAY_JUMP = 0x0200  # AVFMT_TS_DISCONT
# AVI stores one decoding time for each packet; FFmpeg makes presentation times of them that are wrong for
# B-frames.
_WITHOUT_PRESENTATION_TIMES = frozenset({"avi"})


class DiscontinuityBridge:
    """Shifts the times of packets so that a restart or jump continues where the packets before it end.

    Two recordings that were put together start again in the middle, or jump. The rule is that of ffmpeg's
    `ts_discontinuity_detect`: the shift belongs to the file, not to a stream, so that audio and video stay
    in step. A jump ahead counts only in formats that have such jumps (MPEG-TS, MPEG-PS, FLV), a step back
    in all. It depends on the packets of all streams in file order only: two readers of one file that pass
    every packet get the same times.
    """

    def __init__(self, container: InputContainer) -> None:
        """Read from the format of `container` whether its times may jump ahead."""
        self._may_jump = bool(container.format.flags & _MAY_JUMP)
        self._shift = Fraction(0)
        self._last_time: Fraction | None = None  # decoding time of the last packet of any stream
        self._last_times: dict[int, Fraction] = {}  # by stream, as the next ones
        self._next_times: dict[int, Fraction] = {}

    def correct(self, packet: "Packet[StreamT]") -> None:
        """Shift the times of a packet in place. Call it for each packet of the file, in file order."""
        if not packet.time_base:
            return
        # Subtitles and data are not in order.
        if packet.dts is not None and packet.stream.type in ("video", "audio"):
            index = packet.stream.index
            time = packet.dts * packet.time_base + self._shift
            jump = self._jump(index, time)
            self._shift -= jump
            time -= jump
            self._last_time = self._last_times[index] = time
            self._next_times[index] = time + (packet.duration or 0) * packet.time_base
        if not self._shift:
            return
        ticks = round(self._shift / packet.time_base)
        if packet.dts is not None:
            packet.dts += ticks
        if packet.pts is not None:
            packet.pts += ticks

    @property
    def has_shifted(self) -> bool:
        """Whether a packet was shifted: the times of those that follow depend on the packets before."""
        return bool(self._shift)

    def _jump(self, index: int, time: Fraction) -> Fraction:
        """Return by how much `time` is away from where the stream should go on; 0 if that is no jump."""
        if index in self._next_times:
            jump = time - self._next_times[index]
            is_back = time + _MAX_STEP_BACK_SECONDS < self._last_times[index]
            is_far = self._may_jump and abs(jump) > _MAX_JUMP_SECONDS
            return jump if is_far or is_back else Fraction(0)
        jump = time - self._last_time if self._may_jump and self._last_time is not None else Fraction(0)
        return jump if abs(jump) > _MAX_JUMP_SECONDS else Fraction(0)


class GifDelays:
    """Shows frames of a GIF that ask for 10 ms or less for 100 ms, as browsers do.

    FFmpeg 8.1 takes such a delay as it is; the versions before did as browsers do.
    """

    def __init__(self) -> None:
        self._shift = 0  # of the packets that follow, in steps of their time base

    def correct(self, packet: "Packet[StreamT]") -> None:
        """Shift and lengthen a packet in place. Call it for each packet of the file, in file order."""
        if packet.pts is None or packet.dts is None or not packet.time_base:
            return
        packet.pts += self._shift
        packet.dts += self._shift
        if packet.duration and packet.duration * packet.time_base <= _MAX_UNSHOWN_SECONDS:
            shown = round(_USUAL_DELAY_SECONDS / packet.time_base)
            self._shift += shown - packet.duration
            packet.duration = shown


class FrameTimes:
    """Computes the times of decoded frames, which always rise."""

    def __init__(self, format_name: str, frame_seconds: float) -> None:
        """Start before the first frame.

        Args:
            format_name: FFmpeg's name of the file's demuxer.
            frame_seconds: duration of a frame that has no time of its own.
        """
        self._has_presentation_times = format_name not in _WITHOUT_PRESENTATION_TIMES
        self._frame_seconds = frame_seconds
        self._shift: float | None = None
        self._last: float | None = None

    def next(self, frame: av.VideoFrame) -> float:
        """Return the time of the next decoded frame in seconds of the file."""
        seconds = self._own_time(frame)
        if self._last is None:
            seconds = seconds or 0.0
        elif seconds is None:
            seconds = self._last + self._frame_seconds
        elif seconds <= self._last:
            # A whole step would delay all frames that follow one of two with the same time.
            seconds = self._last + self._frame_seconds / 4
        self._last = seconds
        return seconds

    def _own_time(self, frame: av.VideoFrame) -> float | None:
        ticks = frame.pts if self._has_presentation_times else frame.dts
        if ticks is None or frame.time_base is None:
            return None
        seconds = float(ticks * frame.time_base)
        if self._has_presentation_times:
            return seconds
        if self._shift is None:
            # The decoding time of the packet that completes the first frame: as many frames later as are
            # reordered.
            self._shift = seconds
        return seconds - self._shift


class FrameTicks:
    """Computes the timestamps of the frames of a recording, which always rise.

    Attributes:
        last: the last timestamp, in steps of the time base; -1 before the first.
    """

    def __init__(self, time_base: Fraction, last: int = -1) -> None:
        self._time_base = float(time_base)
        self.last = last

    def next(self, seconds: float) -> int:
        """Return the timestamp of the next frame, which is shown from `seconds` on."""
        self.last = max(self.last + 1, round(seconds / self._time_base))
        return self.last


class KeyFrameSchedule:
    """Chooses the key frames of a recording: the first frame, then one about every second."""

    def __init__(self, time_base: Fraction) -> None:
        self._time_base = time_base
        self._last: int | None = None

    def is_due(self, tick: int) -> bool:
        """Return whether the frame of this timestamp is a key frame. Call it once for each, in order."""
        is_key = self._last is None or (tick - self._last) * self._time_base >= KEY_FRAME_SECONDS
        if is_key:
            self._last = tick
        return is_key
