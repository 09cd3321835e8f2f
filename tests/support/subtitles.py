"""Subtitles that are written into clips and read from them."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.subtitles.subtitle import SubtitleSet

MILLISECOND = Fraction(1, 1000)
Line = tuple[float, float, str]
"""Start and end in seconds, and the text."""
STYLES = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, \
Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, \
MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1
"""


def add_subtitles(output: Any, codec: str) -> Any:
    """Add a German subtitle stream to an output container."""
    texts = output.add_stream(codec)
    texts.codec_context.subtitle_header = STYLES
    texts.metadata.update({"language": "deu", "title": "Untertitel"})
    return texts


def subtitle_packet(texts: Any, first: float, last: float, text: str) -> Any:
    """Return the packet of a line."""
    line = SubtitleSet.create(f"0,0,Default,,0,0,0,,{text}".encode(), 0, round((last - first) * 1000))
    packet = texts.codec_context.encode_subtitle(line)
    packet.stream, packet.time_base = texts, MILLISECOND
    packet.pts = packet.dts = round(first * 1000)
    packet.duration = round((last - first) * 1000)
    return packet


def subtitles_of(path: Path) -> tuple[str | None, list[Line]]:
    """Return the language and the lines of the only subtitle stream."""
    with av.open(str(path)) as container:
        streams: Any = container.streams
        (stream,) = streams.subtitles
        lines = []
        for packet in container.demux(stream):
            for each in stream.decode2(packet) or () if packet.size else ():
                start = float(packet.pts * packet.time_base)
                text = each.ass.decode().split(",", 8)[-1]
                lines.append((start, start + float(packet.duration * packet.time_base), text))
        return stream.metadata.get("language"), lines
