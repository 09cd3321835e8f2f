"""The contract of a source, for each kind."""

from pathlib import Path

import numpy as np
import pytest

from livecam.core.clock import ManualClock
from livecam.core.geometry import Size
from livecam.sources.base import Source, describe_format
from livecam.sources.demo import DemoSource
from livecam.sources.image import ImageSource
from livecam.sources.on_demand import OnDemandSource
from livecam.sources.webcam import WebcamSource
from livecam.video.video_reader import VideoReader
from tests.support.tiny_clip import write_video

SIZE = Size(64, 48)


def sources(folder: Path) -> list[tuple[Source, str]]:
    """Return a source of each kind, typed by the contract, with its format description."""
    clock = ManualClock()
    image = np.zeros((48, 64, 3), np.uint8)
    write_video(folder / "video.mkv", [image] * 3)
    demo = DemoSource(SIZE, 25.0, clock=clock)
    return [
        (demo, "64x48 at 25 fps"),
        (ImageSource(image, fps=12.5, clock=clock), "64x48 at 12.5 fps"),
        (WebcamSource(0, SIZE, 30.0, clock=clock), "64x48 at 30 fps"),
        (VideoReader(folder / "video.mkv", realtime=True, clock=clock), "64x48 at 25 fps"),
        (OnDemandSource(lambda: demo, SIZE, 30.0, clock=clock), "on demand"),
    ]


def test_source_of_each_kind_has_size_fps_and_description(tmp_path: Path) -> None:
    for source, description in sources(tmp_path):
        if isinstance(source, VideoReader):
            source.__enter__()
        assert source.size == SIZE
        assert source.fps > 0
        assert source.format_description == description


@pytest.mark.parametrize(
    ("fourcc", "expected"), [("", "1280x720 at 29.97 fps"), ("MJPG", "1280x720 at 29.97 fps, MJPG")]
)
def test_describe_format_appends_the_fourcc(fourcc: str, expected: str) -> None:
    assert describe_format(Size(1280, 720), 29.97, fourcc) == expected
