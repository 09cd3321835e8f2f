"""Packet index: the times of the frames of a video, and the places from which it can be decoded."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from livecam.video.demux import open_input, video_stream
from livecam.video.timestamps import DiscontinuityBridge

# Their headers tell where each key frame is. FFmpeg searches the others by guessing.
_SEEKABLE_FORMATS = frozenset({"mov", "matroska"})
_PQ = 16  # the transfer characteristic of SMPTE ST 2084


@dataclass(frozen=True)
class FrameSpan:
    """Some of the frames of a video; all times are presentation times in steps of the file's time base.

    Attributes:
        key: time of the key frame from which they are decoded; None: the start of the file.
        first: time of the first frame.
        end: time of the frame after the last one; None: up to the end of the file.
    """

    key: int | None
    first: int
    end: int | None


@dataclass(frozen=True)
class PacketIndex:
    """Times of a video's frames, as its packets say.

    Attributes:
        times: presentation time of each frame, rising, in steps of `time_base`.
        time_base: seconds of one step.
        keys: those of the key frames, in the order of the file.
        problem: why the frames can't be read from the middle as they are read from the start; "" if they can.
    """

    times: tuple[int, ...]
    time_base: Fraction
    keys: tuple[int, ...]
    problem: str

    def seconds(self, number: int) -> float:
        """Return the presentation time of a frame in seconds of the file."""
        return float(self.times[number] * self.time_base)

    def span(self, first: int, end: int) -> FrameSpan:
        """Return the frames from number `first` to number `end`, exclusive."""
        start = self.times[first]
        key = max((time for time in self.keys if time <= start), default=None)
        return FrameSpan(key, start, self.times[end] if end < len(self.times) else None)


def index_packets(path: Path) -> PacketIndex:
    """Read all packets of a video and decode none.

    Raises:
        VideoError: it is no video.
    """
    times: list[int | None] = []
    keys: list[int] = []
    with open_input(path) as container:
        stream = video_stream(container, path)
        problem = _format_problem(container, stream)
        bridge = DiscontinuityBridge(container)
        try:
            for packet in container.demux():
                bridge.correct(packet)
                if packet.stream.index != stream.index or not packet.size or packet.is_discard:
                    continue
                times.append(packet.pts)
                if packet.is_keyframe and packet.pts is not None:
                    keys.append(packet.pts)
        except (av.FFmpegError, OSError):
            problem = problem or "a part of it can't be read"
        if bridge.has_shifted:
            problem = problem or "its times jump"
        time_base = stream.time_base or Fraction(1)
    known = sorted(time for time in times if time is not None)
    problem = problem or _times_problem(times, known)
    return PacketIndex(tuple(known), time_base, tuple(keys), problem)


def _format_problem(container: InputContainer, stream: VideoStream) -> str:
    context = stream.codec_context
    if not set(container.format.name.split(",")) & _SEEKABLE_FORMATS:
        return "such a file does not tell where its key frames are"
    # How these are shown depends on frames before: `AlphaFlattener`, and the peak that some PQ frames carry.
    tags = {key.lower() for key in stream.metadata}
    if "alpha_mode" in tags or (context.format and any(each.is_alpha for each in context.format.components)):
        return "it is transparent"
    if context.color_trc == _PQ:
        return "it is HDR with a peak that may change"
    return ""


def _times_problem(times: Sequence[int | None], known: Sequence[int]) -> str:
    if len(known) < len(times):
        return "some of its frames have no time"
    if len(set(known)) < len(known):
        return "some of its frames have the same time"
    return ""
