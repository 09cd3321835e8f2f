"""Limit on the threads of decoders and encoders."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from livecam.core.geometry import Size
from livecam.sinks.recorder import Recorder
from livecam.video.codec_threads import limit_codec_threads, limited
from livecam.video.video_reader import VideoReader
from tests.support.fakes import secret_frame

SIZE = Size(64, 48)


@pytest.fixture(autouse=True)
def _no_limit_afterwards() -> Iterator[None]:
    yield
    limit_codec_threads(0)


@pytest.mark.parametrize(
    ("limit", "threads", "expected"), [(0, 0, 0), (0, 2, 2), (1, 0, 1), (1, 2, 1), (4, 2, 2)]
)
def test_limit_is_not_exceeded(limit: int, threads: int, expected: int) -> None:
    limit_codec_threads(limit)
    assert limited(threads) == expected


@pytest.mark.parametrize(("limit", "encoder_threads"), [(0, 2), (1, 1)])
def test_codecs_are_opened_within_the_limit(tmp_path: Path, limit: int, encoder_threads: int) -> None:
    limit_codec_threads(limit)
    with Recorder(tmp_path / "a.mp4", SIZE, 30) as recorder:
        recorder.send(secret_frame(0, SIZE), 0.0)
        assert recorder._writer._stream.codec_context.thread_count == encoder_threads
    with VideoReader(tmp_path / "a.mp4") as video:
        if limit:  # otherwise FFmpeg decides by the number of processors
            assert video._stream.codec_context.thread_count == limit
        assert len(list(video.frames())) == 1
