"""Plan of the parts of a long clip: where each begins, and how much before it has to be read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from livecam.backgrounds.factory import is_still
from livecam.core.config import LiveSettings
from livecam.core.geometry import FramingMode
from livecam.matting.crop_tracker import CropSettings
from livecam.video.containers import format_for_path
from livecam.video.packet_index import FrameSpan, index_packets
from livecam.video.timestamps import FrameTicks, KeyFrameSchedule
from livecam.video.video_reader import VideoReader

PART_SECONDS = 120.0
"""Usual duration of a part."""
WARM_UP_FRAMES = 250
"""Frames after which the temporal filter has forgotten where it began: 130 to 267 in clips of people."""
COLOR_WARM_UP_SECONDS = 14.0
"""Time before these frames for the color match; 587 frames at 30 frames/s were enough for all."""


@dataclass(frozen=True)
class ClipPart:
    """Part of a clip.

    Attributes:
        clip: the whole clip.
        number: from 0.
        span: the frames that are read: those of the warm-up, one at least, then those of the part.
        before: presentation time of the last frame before the part in steps of the file; None for the first.
        start_seconds: timestamp of the first frame of the part.
        frames: estimated frames of the part, without the warm-up.
        shows_warm_up: the pipeline composites the frames of the warm-up too, as the color match needs it.
    """

    clip: Path
    number: int
    span: FrameSpan
    before: int | None
    start_seconds: float
    frames: int
    shows_warm_up: bool = False


@dataclass(frozen=True)
class ClipPlan:
    """How a clip is converted in parts.

    Attributes:
        parts: the parts, in order; none if the clip has to be converted as a whole, by `convert_video`.
        reason: why the clip has to be converted as a whole; "" if there are parts.
    """

    parts: tuple[ClipPart, ...]
    reason: str = ""


def plan_parts(
    clip: Path,
    output: Path,
    live: LiveSettings,
    seconds: float = PART_SECONDS,
    warm_up_frames: int = WARM_UP_FRAMES,
) -> ClipPlan:
    """Divide a clip into parts of equal length that begin at key frames of the result.

    All packets of the clip are read, and none is decoded but those of the first frame.

    Args:
        clip: the video.
        output: where the result goes; its suffix counts.
        live: settings of the stages.
        seconds: about how long a part is.
        warm_up_frames: frames before each part that are not written, at least. If they are too few, a part
            begins with another state, and `repair_part` has more to do.

    Raises:
        UsageError: livecam can't write such a file.
        VideoError: the clip can't be read.
    """
    transparent = live.background[0].strip().casefold() == "transparent"
    container = format_for_path(output, transparent)
    time_base = container.time_base if container else None
    if time_base is None:
        return ClipPlan((), "such a recording can't be joined")
    reason = _unlimited_memory(live)
    if reason:
        return ClipPlan((), reason)
    with VideoReader(clip) as video:
        start_seconds = video.start_seconds
    index = index_packets(clip)
    if index.problem or not index.times:
        return ClipPlan((), index.problem or "its frames have no time")
    times = [max(0.0, index.seconds(number) - start_seconds) for number in range(len(index.times))]
    borders = _borders(times, time_base, seconds)
    ranges = list(zip([0, *borders], [*borders, len(times)], strict=True))
    shows_warm_up = live.picture.color_match > 0
    parts = []
    for number, (begin, end) in enumerate(ranges):
        first = _warm_up_start(times, begin, warm_up_frames, COLOR_WARM_UP_SECONDS if shows_warm_up else 0.0)
        before = index.times[begin - 1] if begin else None
        span = index.span(first, end)
        parts.append(ClipPart(clip, number, span, before, times[begin], end - begin, shows_warm_up))
    return ClipPlan(tuple(parts))


def _unlimited_memory(live: LiveSettings) -> str:
    """Return why the frames of a part may depend on frames that are any time before it; "" if they don't."""
    picture = live.picture
    if picture.frame is FramingMode.AUTO:
        return "--frame auto keeps its view until the person has moved far enough"
    if picture.only_me:
        return "--only-me keeps the person that was chosen at the start"
    if picture.low_light:
        return "--low-light measures the noise at times that depend on all frames before"
    return "" if is_still(live.background[0]) else "the background moves"


def _borders(times: Sequence[float], time_base: Fraction, seconds: float) -> list[int]:
    """Return the numbers of the first frames of all parts but the first.

    Args:
        times: timestamps of all frames.
        time_base: seconds of one timestamp step of the result.
        seconds: about how long a part is.
    """
    duration = times[-1] - times[0]
    count = max(1, round(duration / seconds))
    goals = [times[0] + number * duration / count for number in range(count)]
    ticks, key_frames = FrameTicks(time_base), KeyFrameSchedule(time_base)
    borders: list[int] = []
    for number, timestamp in enumerate(times):
        is_key = key_frames.is_due(ticks.next(timestamp))
        if is_key and len(borders) < count and timestamp >= goals[len(borders)]:
            borders.append(number)
    return borders[1:]  # the first part begins with the first frame


def _warm_up_start(times: Sequence[float], begin: int, frames: int, more_seconds: float) -> int:
    """Return the number of the first frame of a warm-up before frame `begin`.

    It is one at which the crop tracker chooses the crop anew, so that all crops are right from there on.

    Args:
        times: timestamps of all frames.
        begin: the first frame of the part; one that is not the first of the clip has one before it at least.
        frames: shortest length of the warm-up.
        more_seconds: time before these frames.
    """
    first = max(0, begin - max(1, frames))
    goal = times[first] - more_seconds
    while first and (times[first] > goal or _anchor(times[first]) == _anchor(times[first - 1])):
        first -= 1
    return first


def _anchor(seconds: float) -> int:
    return math.floor(seconds / CropSettings().anchor_seconds)
