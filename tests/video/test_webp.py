"""Animated WebP, PNG and GIF files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from livecam.core.errors import VideoError
from livecam.sinks.recorder import Recorder
from livecam.video import webp
from livecam.video.video_reader import VideoReader
from livecam.video.webp import is_animated_webp


def write_webp(path: Path, durations: list[int]) -> Path:
    images = [
        Image.fromarray(np.full((48, 64, 3), 40 + 60 * (number % 3), np.uint8))
        for number in range(len(durations))
    ]
    images[0].save(
        path, format="WEBP", save_all=True, append_images=images[1:], duration=durations, lossless=True
    )
    return path


def test_animated_webp_keeps_images_times_and_its_end(tmp_path: Path) -> None:
    path = write_webp(tmp_path / "a.webp", [100, 500, 3000])
    with VideoReader(path) as reader:
        frames = list(reader.frames())
        assert reader.end_seconds == pytest.approx(3.6, abs=0.01)
        assert reader.broken_off_at is None
    assert [frame.timestamp for frame in frames] == pytest.approx([0, 0.1, 0.6])
    assert [frame.image.mean() for frame in frames] == pytest.approx([40, 100, 160], abs=1)


def test_still_webp_is_not_animated(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    Image.new("RGB", (64, 48)).save(path)
    assert not is_animated_webp(path)


def test_damaged_webp_is_an_error_with_a_hint(tmp_path: Path) -> None:
    path = write_webp(tmp_path / "a.webp", [100, 100])
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(VideoError, match="save it as"), VideoReader(path):
        pass


def test_webp_too_large_as_a_video_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webp, "_MAX_BYTES", 100)
    path = write_webp(tmp_path / "a.webp", [100] * 20)
    with pytest.raises(VideoError, match="too long"), VideoReader(path):
        pass


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.webp", "a.png"])
def test_moving_image_is_upright_by_its_exif_orientation(tmp_path: Path, orientation: int, name: str) -> None:
    stored = np.zeros((48, 64, 3), np.uint8)
    stored[:24, :32], stored[24:, 32:] = (250, 0, 0), (0, 0, 250)
    exif = Image.Exif()
    exif[0x0112] = orientation
    images = [Image.fromarray(stored), Image.fromarray(255 - stored)]
    images[0].save(
        tmp_path / name, save_all=True, append_images=images[1:], duration=100, exif=exif, lossless=True
    )
    with VideoReader(tmp_path / name) as reader:
        frames = [frame.image for frame in reader.frames()]
        assert reader.fps == pytest.approx(10)
    for frame, image in zip(frames, images, strict=True):
        image.getexif().update(exif)
        upright = np.asarray(ImageOps.exif_transpose(image))
        assert frame.shape == upright.shape
        assert np.abs(frame.astype(int) - upright).max() <= 2


def test_moving_png_has_the_rate_of_its_images_in_a_file_of_constant_rate(tmp_path: Path) -> None:
    images = [Image.new("RGB", (64, 48), color) for color in ("red", "lime", "blue", "white")]
    images[0].save(tmp_path / "a.png", save_all=True, append_images=images[1:], duration=200)
    with (
        VideoReader(tmp_path / "a.png") as reader,
        Recorder(tmp_path / "a.y4m", reader.size, reader.fps) as out,
    ):
        for frame in reader.frames():
            out.send(frame.image, frame.timestamp)
    with VideoReader(tmp_path / "a.y4m") as reader:
        assert reader.fps == pytest.approx(5)
        assert [frame.timestamp for frame in reader.frames()] == pytest.approx([0, 0.2, 0.4, 0.6])


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
@pytest.mark.parametrize(
    ("written", "shown"),
    [(0, [100, 100, 100]), (10, [100, 100, 100]), (20, [20, 20, 20]), ([10, 500, 30], [100, 500, 30])],
)
def test_frames_without_a_duration_are_shown_as_in_browsers(
    tmp_path: Path, name: str, written: int | list[int], shown: list[int]
) -> None:
    images = [Image.new("RGB", (64, 48), color) for color in ("red", "lime", "blue")]
    images[0].save(tmp_path / name, save_all=True, append_images=images[1:], duration=written)
    with VideoReader(tmp_path / name) as reader:
        times = [frame.timestamp for frame in reader.frames()]
        end = reader.end_seconds
        assert reader.fps == pytest.approx(1000 / shown[0])
    starts = [sum(shown[:number]) / 1000 for number in range(4)]
    assert [*times, end] == pytest.approx(starts, abs=0.002)
