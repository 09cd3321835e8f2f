"""Copies of encoded frames."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from livecam.core.errors import SinkError, VideoError
from livecam.core.geometry import Size
from livecam.sinks.recorder import Recorder
from livecam.video.packet_writer import read_encoded_frames
from livecam.video.video_reader import VideoReader
from tests.support.long_clip import SIZE, noisy_frame

TICK = {".mp4": Fraction(1, 90000), ".mov": Fraction(1, 90000), ".webm": Fraction(1, 1000)}


def record(path: Path, frames: range, size: Size = SIZE) -> Path:
    with Recorder(path, size, 30) as recorder:
        for number in frames:
            recorder.send(noisy_frame(number), (number - frames.start) / 30)
    return path


@pytest.mark.parametrize("suffix", TICK)
def test_copies_of_two_recordings_follow_each_other(tmp_path: Path, suffix: str) -> None:
    parts = [record(tmp_path / f"{at}{suffix}", range(at, at + 12)) for at in (0, 12)]
    joined, tick = tmp_path / f"joined{suffix}", TICK[suffix]
    starts = [0, round(0.6 / tick)]
    with Recorder(joined, SIZE, 30, copied_from=parts[0]) as recorder:
        assert recorder.time_base == tick
        for path, start in zip(parts, starts, strict=True):
            for frame in read_encoded_frames(path, tick, start):
                recorder.copy(frame)
        recorder.hold_until(1.5)
    assert (recorder.frames, recorder.seconds) == (24, 1.5)
    images, times = [], []
    for path, start in zip(parts, starts, strict=True):
        with VideoReader(path) as video:
            for frame in video.frames():
                images.append(frame.image)
                times.append(frame.timestamp + float(start * tick))
    with VideoReader(joined) as video:
        copied = list(video.frames())
        assert video.end_seconds == pytest.approx(1.5, abs=0.04)
    assert [frame.timestamp for frame in copied] == pytest.approx(times, abs=1e-6)
    assert all((frame.image == image).all() for frame, image in zip(copied, images, strict=True))


def test_first_frame_and_one_each_second_are_key_frames(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mp4", range(65))
    frames = read_encoded_frames(path, TICK[".mp4"], 9000)
    # The encoder adds some at scene cuts.
    assert {9000, 99000, 189000} <= {frame.tick for frame in frames if frame.is_key}


def test_frames_of_another_size_are_refused(tmp_path: Path) -> None:
    one = record(tmp_path / "a.mp4", range(3))
    other = record(tmp_path / "b.mp4", range(3), Size(64, 64))
    (frame, *_) = read_encoded_frames(other, TICK[".mp4"], 0)
    with (
        Recorder(tmp_path / "joined.mp4", SIZE, 30, copied_from=one) as recorder,
        pytest.raises(SinkError, match="other settings"),
    ):
        recorder.copy(frame)
    assert not (tmp_path / "joined.mp4").exists()


def test_recording_either_encodes_or_copies(tmp_path: Path) -> None:
    one = record(tmp_path / "a.mp4", range(3))
    (frame, *_) = read_encoded_frames(one, TICK[".mp4"], 0)
    with Recorder(tmp_path / "b.mp4", SIZE, 30) as recorder, pytest.raises(SinkError, match="encodes"):
        recorder.copy(frame)
    with (
        Recorder(tmp_path / "c.mp4", SIZE, 30, copied_from=one) as recorder,
        pytest.raises(SinkError, match="encoded frames"),
    ):
        recorder.send(noisy_frame(0), 0.0)


def test_recording_that_has_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no file"):
        list(read_encoded_frames(tmp_path / "gone.mp4", TICK[".mp4"], 0))
    with pytest.raises(SinkError, match="no file"):
        Recorder(tmp_path / "joined.mp4", SIZE, 30, copied_from=tmp_path / "gone.mp4").__enter__()
    assert list(tmp_path.iterdir()) == []


def test_prores_keeps_its_kind(tmp_path: Path) -> None:
    one = record(tmp_path / "a.mov", range(2))
    with Recorder(tmp_path / "joined.mov", SIZE, 30, copied_from=one) as recorder:
        for frame in read_encoded_frames(one, TICK[".mov"], 0):
            recorder.copy(frame)
    with av.open(str(tmp_path / "joined.mov")) as container:
        assert container.streams.video[0].codec_context.codec_tag == "ap4h"
