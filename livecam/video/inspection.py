"""Looks at a video without decoding it: its size, and whether the file is complete."""

from dataclasses import dataclass
from pathlib import Path

from livecam.core.geometry import Size
from livecam.video.demux import declared_end, demux_packets, open_input, video_stream

_MIN_MISSING_SECONDS = 0.5  # headers round


@dataclass(frozen=True)
class VideoSummary:
    """Size of the pictures as they are stored, and whether all that the header declares is in the file."""

    size: Size
    is_complete: bool


def inspect_video(path: Path) -> VideoSummary:
    """Read the header and all packets of a video.

    Raises:
        VideoError: it is no video, or cut off before its index.
    """
    errors: list[bool] = []
    with open_input(path) as container:
        stream = video_stream(container, path)
        size, end, declared = Size(stream.width, stream.height), 0.0, declared_end(stream)
        for packet in demux_packets(container, stream, on_read_error=lambda: errors.append(True)):
            if packet.pts is not None and packet.time_base is not None and packet.size:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    is_short = declared is not None and end + _MIN_MISSING_SECONDS < declared
    return VideoSummary(size, not (errors or is_short))
