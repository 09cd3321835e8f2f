"""A drawn clip with several key frames, reordered frames, sound, chapters and subtitles."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from livecam.core.geometry import Size
from livecam.core.types import Frame
from tests.support.fakes import is_person, secret_frame
from tests.support.subtitles import Line, add_subtitles, subtitle_packet

SIZE = Size(96, 64)
KEY_FRAME_DISTANCE = 20
_TICK = Fraction(1, 90000)
_RATE = 48000
_CLOTHES = (90, 142, 60)
_X264 = {"bf": "2", "preset": "ultrafast", "crf": "12", "sc_threshold": "0", "b_strategy": "0"}


def noisy_frame(number: int) -> Frame:
    """Draw the green person with noise, and with clothes of which the tiny model is unsure: they flicker."""
    rng = np.random.default_rng(number)
    image = secret_frame(number // 4, SIZE)
    image[SIZE.height // 2 :][is_person(image)[SIZE.height // 2 :] > 0] = _CLOTHES
    noise = rng.integers(-40, 41, image.shape)
    return np.clip(image.astype(np.int16) + noise, 0, 255).astype(np.uint8)


def write_long_clip(
    path: Path,
    times: Sequence[float],
    *,
    sound: str = "",
    options: dict[str, str] | None = None,
    lines: Sequence[Line] = (),
) -> Path:
    """Write a clip of the noisy person.

    Args:
        path: the file.
        times: seconds of its frames.
        sound: a codec; then the clip has chapters too.
        options: of x264.
        lines: of its subtitles; the file is MKV then.
    """
    with av.open(str(path), "w") as output:
        output.metadata["title"] = "Long"
        settings = {**_X264, **(options or {})}
        stream: Any = output.add_stream("libx264", rate=30, options=settings)
        stream.width, stream.height, stream.pix_fmt = SIZE.width, SIZE.height, "yuv444p"
        stream.codec_context.time_base, stream.gop_size = _TICK, KEY_FRAME_DISTANCE
        if sound:
            _set_chapters(output, times[-1])
        tracks: list[Any] = [output.add_stream(sound, rate=_RATE)] if sound else []
        texts = add_subtitles(output, "subrip") if lines else None
        for each in tracks:
            each.codec_context.layout = "mono"
        for number, seconds in enumerate(times):
            frame = av.VideoFrame.from_ndarray(noisy_frame(number))
            frame.pts, frame.time_base = round(seconds / _TICK), _TICK
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        for each in tracks:
            _write_sound(output, each, times[-1])
        for line in lines:
            output.mux(subtitle_packet(texts, *line))
    return path


def _set_chapters(output: Any, seconds: float) -> None:
    middle, end = round(500 * seconds), round(1000 * seconds)
    chapters = [(0, middle, "first"), (middle, end, "second")]
    output.set_chapters(
        [
            {
                "id": number,
                "start": start,
                "end": stop,
                "time_base": Fraction(1, 1000),
                "metadata": {"title": title},
            }
            for number, (start, stop, title) in enumerate(chapters, start=1)
        ]
    )


def _write_sound(output: Any, stream: Any, seconds: float) -> None:
    samples = (np.sin(np.arange(round(seconds * _RATE)) / 20) * 20000).astype(np.int16)
    for at in range(0, len(samples), 1000):
        frame = av.AudioFrame.from_ndarray(samples[None, at : at + 1000], "s16", "mono")
        frame.sample_rate, frame.time_base, frame.pts = _RATE, Fraction(1, _RATE), at
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))
