"""The size, rate and pixel format that a driver grants."""

from itertools import islice

import pytest
from images import shows_person
from kernel import CAMERA, FEED
from programs import feed_with_ffmpeg

from livecam.core.geometry import Size
from livecam.sources.webcam import WebcamSource

pytestmark = pytest.mark.device


@pytest.mark.parametrize(
    ("requested", "granted"),
    [
        (Size(640, 480), Size(640, 480)),
        (Size(1280, 720), Size(1280, 720)),
        (Size(1920, 1080), Size(1920, 1080)),
        (Size(321, 181), Size(320, 180)),
        (Size(640, 40), Size(640, 360)),
    ],
    ids=str,
)
def test_webcam_uses_granted_size_and_rate(webcam: str, requested: Size, granted: Size) -> None:
    with WebcamSource(webcam, requested, 5.0) as camera:
        frame = next(iter(camera))
        assert Size.of(frame) == camera.size == granted
        assert camera.format_description.startswith(f"{granted} at 5 fps, ")
        assert shows_person(frame)


def test_webcam_by_number_and_by_path_are_equal(webcam: str) -> None:
    with WebcamSource(0, Size(320, 180)) as by_number:
        assert by_number.size == Size(320, 180)
    with WebcamSource(CAMERA, Size(320, 180)) as by_path:
        assert by_path.format_description == by_number.format_description


@pytest.mark.parametrize(("pixel_format", "fourcc"), [("mjpeg", "MJPG"), ("yuyv422", "YUYV")])
def test_webcam_reports_pixel_format_with_right_colors(loopback: str, pixel_format: str, fourcc: str) -> None:
    with feed_with_ffmpeg(FEED, pixel_format, Size(640, 480)), WebcamSource(FEED, Size(1280, 720)) as camera:
        frame = list(islice(camera, 3))[-1]
    assert camera.format_description.startswith("640x480 at ")
    assert camera.format_description.endswith(fourcc)
    row = frame[160].astype(int)
    red, green, blue = row[320]  # the fourth of SMPTE's seven bars
    assert green > max(red, blue) + 80
    red, green, blue = row[411]  # the fifth
    assert min(red, blue) > green + 80
