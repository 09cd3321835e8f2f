"""Container formats of recordings: muxer, codecs, and what each format can store."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from livecam.core.errors import UsageError


@dataclass(frozen=True)
class ContainerFormat:
    """Format of a video file and how livecam encodes it."""

    muxer: str
    codec: str
    pixel_format: str
    alpha_pixel_format: str | None = None
    """None if the codec has no alpha."""
    time_base: Fraction | None = Fraction(1, 90000)
    """Seconds of one timestamp step; None if every frame has the same duration."""
    even: bool = False
    """The codec needs an even width and height (chroma subsampling)."""
    codec_options: Mapping[str, str] = field(default_factory=dict)
    muxer_options: Mapping[str, str] = field(default_factory=dict)
    bitstream_filter: str | None = None
    """Filter of FFmpeg for the encoded packets."""
    passthrough_audio_codecs: frozenset[str] = frozenset()
    """Audio codecs that are copied without encoding."""
    keeps_audio_gaps: bool = False
    """Every audio packet has its own time."""
    audio_codec: str | None = None
    """Encoder for all other audio; None if the format has no audio."""
    subtitle_codec: str | None = None
    """Encoder of text subtitles; None if the format has none."""
    audio_rate: int | None = None
    """Sample rate in hertz that the encoder needs; None means that of the source."""


# A complete fragment is written every second, so that a truncated file plays up to its last second. A file
# that is closed properly becomes a plain MP4, in which every player can seek.
_FRAGMENTS = {"movflags": "hybrid_fragmented+frag_keyframe+delay_moov", "flush_packets": "1"}

# No B-frames and a short lookahead: little memory, and no negative timestamps, which would shift the audio.
_X264 = {
    "preset": "veryfast",
    "crf": "19",
    "bf": "0",
    "rc-lookahead": "10",
    "forced-idr": "1",
    "x264-params": "sync-lookahead=0",
}
# x264 writes its version and settings into the first frame, where ffprobe before 6.0 takes them for a line of
# its own between the frames' times. The other messages (NAL unit type 6) are none that a player needs.
_WITHOUT_SEI = "filter_units=remove_types=6"
_VP9 = {
    "deadline": "realtime",
    "cpu-used": "8",
    "lag-in-frames": "0",
    "auto-alt-ref": "0",
    "row-mt": "1",
    "crf": "22",
    "b": "0",
}
# A fixed quantizer (4, times FFmpeg's lambda 118) is several times faster than the search for a bit rate.
_PRORES = {"vendor": "apl0", "flags": "+qscale", "global_quality": str(4 * 118)}

CONTAINER_FORMATS: Mapping[str, ContainerFormat] = {
    ".mp4": ContainerFormat(
        muxer="mp4",
        codec="libx264",
        pixel_format="yuv420p",
        even=True,
        codec_options=_X264,
        bitstream_filter=_WITHOUT_SEI,
        muxer_options=_FRAGMENTS,
        passthrough_audio_codecs=frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"}),
        audio_codec="aac",
        subtitle_codec="mov_text",
    ),
    ".webm": ContainerFormat(
        muxer="webm",
        codec="libvpx-vp9",
        pixel_format="yuv420p",
        alpha_pixel_format="yuva420p",
        time_base=Fraction(1, 1000),
        even=True,
        codec_options=_VP9,
        muxer_options={"cluster_time_limit": "1000", "flush_packets": "1"},
        passthrough_audio_codecs=frozenset({"opus", "vorbis"}),
        keeps_audio_gaps=True,
        audio_codec="libopus",
        subtitle_codec="webvtt",
        audio_rate=48000,
    ),
    ".mov": ContainerFormat(
        muxer="mov",
        codec="prores_ks",
        pixel_format="yuv444p10le",
        alpha_pixel_format="yuva444p10le",
        codec_options=_PRORES,
        muxer_options=_FRAGMENTS,
        passthrough_audio_codecs=frozenset(
            {"aac", "mp3", "ac3", "alac", "pcm_s16le", "pcm_s24le", "pcm_s16be", "pcm_f32le"}
        ),
        audio_codec="aac",
        subtitle_codec="mov_text",
    ),
    ".y4m": ContainerFormat(muxer="yuv4mpegpipe", codec="rawvideo", pixel_format="yuv420p", time_base=None),
}

_CHOICES = "a name ending in " + ", ".join(CONTAINER_FORMATS) + ", or a folder (a name ending in /) for PNGs"
_WITH_ALPHA = ".webm, .mov or a folder of PNGs"


def format_for_path(path: str | os.PathLike[str], transparent: bool) -> ContainerFormat | None:
    """Return the container format for `path` by its suffix; None means a folder of PNGs.

    Raises:
        UsageError: livecam can't write such a file, or `transparent` is set and the format has no alpha.
    """
    text = os.fspath(path)
    suffix = Path(text).suffix.lower()
    if not suffix or text.endswith(("/", os.sep)):
        return None
    if suffix not in CONTAINER_FORMATS:
        raise UsageError(f"can't record to {suffix} files", f"choose {_CHOICES}")
    container = CONTAINER_FORMATS[suffix]
    if transparent and container.alpha_pixel_format is None:
        raise UsageError(f"{suffix} files can't be transparent", f"choose {_WITH_ALPHA}")
    return container
