"""Animated WebP files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livecam.core.errors import VideoError
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
