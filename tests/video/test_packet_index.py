"""The index of a video's packets, and the frames that are read from the middle by it."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from livecam.video.demux import decode_frames
from livecam.video.packet_index import FrameSpan, index_packets
from livecam.video.video_reader import VideoReader
from tests.support.long_clip import KEY_FRAME_DISTANCE, write_long_clip

TIMES = [number / 30 for number in range(90)]


@pytest.mark.parametrize("name", ["in.mp4", "in.mov", "in.mkv"])
@pytest.mark.parametrize("sound", ["", "aac"])
def test_index_has_the_times_of_all_frames(tmp_path: Path, name: str, sound: str) -> None:
    clip = write_long_clip(tmp_path / name, TIMES, sound=sound)
    index = index_packets(clip)
    with VideoReader(clip) as video:
        expected = [frame.timestamp for frame in video.frames()]
        assert [index.seconds(number) - video.start_seconds for number in range(90)] == expected
    assert index.problem == ""
    starts = [index.times.index(key) for key in index.keys]
    assert starts == list(range(0, 90, KEY_FRAME_DISTANCE))


@pytest.mark.parametrize("name", ["in.mp4", "in.mov", "in.mkv"])
@pytest.mark.parametrize(
    "options", [{}, {"x264-params": "open-gop=1"}, {"bf": "0"}], ids=["closed", "open", "no-b"]
)
def test_span_has_the_frames_that_are_read_from_the_start(
    tmp_path: Path, name: str, options: dict[str, str]
) -> None:
    clip = write_long_clip(tmp_path / name, TIMES, sound="aac", options=options)
    index = index_packets(clip)
    with VideoReader(clip) as video:
        expected = list(video.frames())
        for first, end in [(0, 90), (0, 20), (5, 41), (20, 30), (39, 40), (40, 90), (89, 90)]:
            frames = list(video.frames(index.span(first, end)))
            assert [frame.timestamp for frame in frames] == [each.timestamp for each in expected[first:end]]
            # The frames before an open key frame are not exact if the decoder begins at it.
            for frame, other in zip(frames, expected[first:end], strict=True):
                assert np.array_equal(frame.image, other.image)
            assert [frame.number for frame in frames] == list(range(end - first))


@pytest.mark.parametrize("name", ["in.mp4", "in.mov", "in.mkv"])
def test_frames_before_the_key_frame_are_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    clip = write_long_clip(tmp_path / name, TIMES)
    span = index_packets(clip).span(65, 90)
    decoded: list[int] = []

    def counted(*arguments):
        for frame in decode_frames(*arguments):
            decoded.append(frame.pts)
            yield frame

    monkeypatch.setattr("livecam.video.video_reader.decode_frames", counted)
    with VideoReader(clip) as video:
        decoded.clear()
        assert len(list(video.frames(span))) == 25
    assert span.key is not None
    assert decoded[0] == span.key
    assert len(decoded) == 30


def test_key_frame_that_is_not_found_is_read_from_the_start(tmp_path: Path) -> None:
    clip = write_long_clip(tmp_path / "in.mp4", TIMES)
    index = index_packets(clip)
    with VideoReader(clip) as video:
        expected = [frame.timestamp for frame in video.frames()][10:]
        frames = video.frames(FrameSpan(-1000, index.times[10], None))
        assert [frame.timestamp for frame in frames] == expected


def test_end_of_the_clip_is_known_after_the_last_span_only(tmp_path: Path) -> None:
    clip = write_long_clip(tmp_path / "in.mp4", TIMES)
    index = index_packets(clip)
    with VideoReader(clip) as video:
        list(video.frames(index.span(0, 60)))
        assert video.end_seconds is None
        list(video.frames(index.span(60, 90)))
        assert video.end_seconds == pytest.approx(3.0, abs=0.01)


def test_transparent_and_pq_clips_are_not_read_from_the_middle(tmp_path: Path) -> None:
    for name, codec, pixel_format, trc, problem in [
        ("alpha.mkv", "ffv1", "bgra", 2, "transparent"),
        ("alpha.webm", "libvpx-vp9", "yuva420p", 2, "transparent"),
        ("pq.mkv", "ffv1", "yuv420p10le", 16, "HDR"),
    ]:
        with av.open(str(tmp_path / name), "w") as output:
            stream = output.add_stream(codec, rate=30)
            stream.width, stream.height, stream.pix_fmt = 96, 64, pixel_format
            stream.codec_context.color_trc = trc
            if "webm" in name:
                stream.metadata["alpha_mode"] = "1"
            for number in range(3):
                frame = av.VideoFrame(96, 64, pixel_format)
                frame.pts, frame.time_base = number, Fraction(1, 30)
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        assert problem in index_packets(tmp_path / name).problem


def test_clip_without_an_index_is_not_read_from_the_middle(tmp_path: Path) -> None:
    clip = write_long_clip(tmp_path / "in.ts", TIMES)
    assert "key frames" in index_packets(clip).problem


def test_recording_put_together_with_itself_is_not_read_from_the_middle(tmp_path: Path) -> None:
    clip = write_long_clip(tmp_path / "in.mkv", TIMES)
    (tmp_path / "twice.mkv").write_bytes(clip.read_bytes() * 2)
    assert index_packets(tmp_path / "twice.mkv").problem
