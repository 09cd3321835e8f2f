from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livecam.annotation.media import collect_media, is_clip
from livecam.backgrounds.factory import create_background
from livecam.backgrounds.procedural import PROCEDURAL_BACKGROUNDS
from livecam.backgrounds.slideshow import list_images as list_slides
from livecam.backgrounds.video import VideoBackground
from livecam.core.clock import ManualClock
from livecam.core.geometry import Size
from livecam.core.media_types import (
    IMAGE_SUFFIXES,
    PROCEDURAL_NAMES,
    VIDEO_SUFFIXES,
    is_image,
    is_video,
)
from livecam.datasets.pets import list_images as list_training_images
from livecam.sinks.recorder import Recorder
from livecam.sources.factory import open_source
from livecam.video.containers import CONTAINER_FORMATS
from livecam.video.video_reader import VideoReader


@pytest.mark.parametrize("suffix", [*IMAGE_SUFFIXES, ".JPG", ".Tiff"])
def test_image_suffix_is_an_image_and_no_video(suffix: str) -> None:
    assert is_image(f"a{suffix}")
    assert not is_video(Path(f"a{suffix}"))


@pytest.mark.parametrize("suffix", [*VIDEO_SUFFIXES, ".MOV", ".TS"])
def test_video_suffix_is_a_video_and_no_image(suffix: str) -> None:
    assert is_video(f"a{suffix}")
    assert not is_image(Path(f"a{suffix}"))


@pytest.mark.parametrize("name", ["a", "a.txt", ".mp4", "mp4", ""])
def test_other_names_are_neither(name: str) -> None:
    assert not is_image(name)
    assert not is_video(name)


def test_every_recording_is_a_video() -> None:
    assert all(is_video(f"a{suffix}") for suffix in CONTAINER_FORMATS)


def test_procedural_names_are_those_of_the_backgrounds() -> None:
    assert tuple(sorted(PROCEDURAL_BACKGROUNDS)) == PROCEDURAL_NAMES


@pytest.mark.parametrize("suffix", [".y4m", ".mp4", ".webm", ".mov"])
def test_own_recording_works_as_background_source_and_label_clip(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    with Recorder(path, Size(64, 48), 30, clock=ManualClock()) as recorder:
        for number in range(3):
            recorder.send(np.full((48, 64, 3), 80 * number, np.uint8), number / 30)

    background = create_background(str(path), clock=ManualClock())
    try:
        assert isinstance(background, VideoBackground)
    finally:
        background.close()
    assert isinstance(open_source(str(path), clock=ManualClock()), VideoReader)
    assert is_clip(path)
    assert [item.path for item in collect_media([str(tmp_path)])] == [path]


@pytest.mark.parametrize("suffix", [".bmp", ".tiff", ".avif", ".webp", ".png", ".gif", ".ppm", ".jp2"])
def test_image_works_as_slide_label_and_training_image(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    try:
        Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(path)
    except (KeyError, OSError, ValueError):
        pytest.skip(f"this Pillow writes no {suffix}")

    assert list_slides(tmp_path) == [path]
    assert list_training_images(tmp_path) == [path]
    assert [item.is_video for item in collect_media([str(tmp_path)])] == [False]
