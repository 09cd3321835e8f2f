"""Metadata of a video: tags and chapters that are copied to a recording, without where it was made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.stream import Stream

_TICK = Fraction(1, 1000)  # of the times of chapters, in seconds
_APPLE = "com.apple.quicktime."
# Written by the muxer itself, or about the file that is read. Apple's date tells the time zone too; the
# moment itself is in creation_time.
_TECHNICAL = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "handler_name", "vendor_id"}
    | {"creationdate"}
)
_COMMON_NAMES = {"location.iso6709": "location"}  # of Apple's keys
_LANGUAGE_SUFFIX = re.compile(r"-[a-z]{3}$")
_LOCATION_KEY = re.compile(
    r"location|gps|latitude|longitude|altitude|iso6709"
    r"|(^|[^a-z])(geo|xyz|loci|city|country|state|province|place)($|[^a-z])"
)
_LOCATION_VALUE = re.compile(
    r"^[+-]\d{2,6}(\.\d+)?[+-]\d{3,7}(\.\d+)?"  # ISO 6709, "+48.1372+011.5756+519/"
    # XML of cameras, subtitles of drones
    r"|(gps\w*|latitude\w*|longitude\w*|\blat|\blon|\blong)\W{0,4}[+-]?\d+\.\d",
    re.IGNORECASE,
)


class MetadataPolicy(Enum):
    """What of a video's metadata is copied."""

    WITHOUT_LOCATION = "without location"
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True)
class Chapter:
    """Chapter of a video, in seconds from its start."""

    start: float
    end: float
    title: str


@dataclass(frozen=True)
class MediaMetadata:
    """Metadata to copy.

    Attributes:
        tags: Values by lower-case key, such as ``title`` and ``creation_time``.
        chapters: In order of time.
        location_dropped: Whether something was left out because it tells where the video was made.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    chapters: tuple[Chapter, ...] = ()
    location_dropped: bool = False


def tells_location(text: str) -> bool:
    """Return whether a text holds coordinates."""
    return bool(_LOCATION_VALUE.search(text))


def read_metadata(container: InputContainer, policy: MetadataPolicy, start_seconds: float) -> MediaMetadata:
    """Read what `policy` copies.

    Args:
        container: An opened file.
        policy: What is copied.
        start_seconds: Time of the file that becomes 0.
    """
    if policy is MetadataPolicy.NONE:
        return MediaMetadata()
    tags: dict[str, str] = {}
    location_dropped = False
    for key, value in container.metadata.items():
        name = key.lower().removeprefix(_APPLE)
        name = _COMMON_NAMES.get(name, name)
        if policy is not MetadataPolicy.ALL and (_LOCATION_KEY.search(name) or tells_location(value)):
            location_dropped = True
        elif not _is_technical(name, value) and not _is_translation(name, container.metadata):
            tags.setdefault(name, value)
    chapters = []
    for each in container.chapters():
        base = each["time_base"] or 0
        start = max(0.0, float(each["start"] * base) - start_seconds)
        # A muxer refuses a chapter that ends before it starts.
        end = max(start, float(each["end"] * base) - start_seconds)
        chapters.append(Chapter(start, end, each["metadata"].get("title", "")))
    return MediaMetadata(tags, tuple(chapters), location_dropped)


def _is_technical(name: str, value: str) -> bool:
    return name in _TECHNICAL or value.startswith("Lavf")  # FFmpeg's own version, as "software" in AVI


def _is_translation(name: str, metadata: Mapping[str, str]) -> bool:
    """Return whether FFmpeg lists a tag a second time, as ``title-eng`` beside ``title``."""
    plain_name = _LANGUAGE_SUFFIX.sub("", name)
    return plain_name != name and plain_name in (key.lower() for key in metadata)


def write_metadata(output: OutputContainer, metadata: MediaMetadata) -> None:
    """Set the metadata of a file before its first packet. Its muxer leaves out what it can't store."""
    output.metadata.update(metadata.tags)
    if metadata.chapters:
        output.set_chapters(
            [
                {
                    "id": number,
                    "start": round(chapter.start / _TICK),
                    "end": round(chapter.end / _TICK),
                    "time_base": _TICK,
                    "metadata": {"title": chapter.title},
                }
                for number, chapter in enumerate(metadata.chapters, start=1)
            ]
        )


def copy_track_tags(source: Stream, target: Stream) -> None:
    """Copy language, title and disposition (default, forced, for the hard of hearing) of a stream."""
    # MP4 stores the title as "name".
    title = source.metadata.get("title") or source.metadata.get("name")
    tags = {"language": source.metadata.get("language"), "title": title}
    target.metadata.update({key: value for key, value in tags.items() if value})
    target.disposition = source.disposition


def list_missing(metadata: MediaMetadata, path: Path) -> tuple[str, ...]:
    """Return the names of tags, and "chapters", that a written file or folder does not hold.

    Nothing is missing of a file that can't be read any more.
    """
    held: set[str] = set()
    has_chapters = False
    try:
        if path.is_file():
            with av.open(str(path.absolute())) as container:
                held = {key.lower() for key in container.metadata}
                has_chapters = bool(container.chapters())
    except (av.FFmpegError, OSError):
        return ()
    missing = sorted(name for name in metadata.tags if name not in held)
    return (*missing, *(["chapters"] if metadata.chapters and not has_chapters else []))
