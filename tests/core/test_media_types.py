import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageOps

from livecam.annotation.media import collect_media, is_clip
from livecam.backgrounds.factory import create_background
from livecam.backgrounds.procedural import PROCEDURAL_BACKGROUNDS
from livecam.backgrounds.slideshow import SlideshowBackground
from livecam.backgrounds.slideshow import list_images as list_slides
from livecam.backgrounds.video import VideoBackground
from livecam.core.clock import ManualClock
from livecam.core.errors import ImageError, VideoError
from livecam.core.geometry import FitMode, Size
from livecam.core.media_types import (
    IMAGE_SUFFIXES,
    PROCEDURAL_NAMES,
    VIDEO_SUFFIXES,
    MediaType,
    detect_media_type,
    is_heic,
    is_image,
    is_video,
    is_video_file,
)
from livecam.datasets.pets import list_images as list_training_images
from livecam.imaging.image_io import read_image
from livecam.sinks.recorder import Recorder
from livecam.sources.factory import open_source
from livecam.video.containers import CONTAINER_FORMATS
from livecam.video.probe import is_moving
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


@pytest.mark.parametrize(
    "suffix", [".bmp", ".tiff", ".avif", ".webp", ".png", ".gif", ".ppm", ".jp2", ".heic"]
)
def test_image_works_as_slide_label_and_training_image(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    if suffix == ".heic":
        register_heic()
    try:
        Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(path)
    except (KeyError, OSError, ValueError):
        pytest.skip(f"this Pillow writes no {suffix}")

    assert list_slides(tmp_path) == [path]
    assert list_training_images(tmp_path) == [path]
    assert [item.is_video for item in collect_media([str(tmp_path)])] == [False]


def register_heic() -> None:
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif is missing: pip install 'livecam[heic]'")
    heif.register_heif_opener()


HEIC_START = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(400)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"heim", b"heis", b"heif", b"mif1"])
@pytest.mark.parametrize("name", ["photo", "photo.heic", "photo.jpg"])
def test_heic_without_its_package_is_refused_in_one_line_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, brand: bytes, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    path = tmp_path / name
    path.write_bytes(HEIC_START.replace(b"ftypheic", b"ftyp" + brand))
    assert detect_media_type(path) is MediaType.IMAGE
    places = [
        lambda: read_image(path),
        lambda: create_background(str(path), clock=ManualClock()),
        lambda: open_source(str(path), clock=ManualClock()),
    ]
    for place in places:
        with pytest.raises(ImageError, match=r"HEIC picture.*livecam\[heic\]"):
            place()
    with pytest.raises(VideoError, match="HEIC picture"), VideoReader(path):
        pass


def test_slide_that_can_not_be_read_is_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    (tmp_path / "1.heic").write_bytes(HEIC_START)
    for number in (2, 3):
        Image.new("RGB", (64, 48), "lime").save(tmp_path / f"{number}.png")
    clock = ManualClock()
    slides = SlideshowBackground(tmp_path, fit=FitMode.COVER, clock=clock, seconds=1.0)
    try:
        for _ in range(300):
            slides.render_standalone(Size(64, 48))
            clock.sleep(0.1)
            time.sleep(0.002)
    finally:
        slides.close()
    named = [record.getMessage() for record in caplog.records]
    assert len(named) == 1
    assert "1.heic" in named[0]
    assert "livecam[heic]" in named[0]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["photo", "photo.heic"])
def test_heic_is_read_upright_everywhere(tmp_path: Path, orientation: int, name: str) -> None:
    register_heic()
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:24, :32], pixels[24:, 32:] = 250, 120
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(pixels)
    # In `info`, pillow-heif turns it into the rotation and the mirror of HEIF, as phones write them.
    stored.info["exif"] = exif.tobytes()
    path = tmp_path / name
    stored.save(path, format="HEIF", quality=90)
    stored.getexif().update(exif)
    expected = np.asarray(ImageOps.exif_transpose(stored))
    upright = read_image(path).image
    assert upright.shape == expected.shape
    assert np.abs(upright.astype(int) - expected).mean() < 6
    background = create_background(str(path), clock=ManualClock())
    shown = background.render_standalone(Size(expected.shape[1], expected.shape[0]))
    background.close()
    assert np.array_equal(shown, upright)
    with open_source(str(path), clock=ManualClock()) as source:
        assert np.array_equal(next(iter(source)), upright)
    assert [item.is_video for item in collect_media([str(path)])] == [False]


def test_avif_of_a_general_brand_is_no_heic(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf" + bytes(400))
    assert not is_heic(path)
    assert not is_heic(tmp_path / "missing")
    assert detect_media_type(path) is MediaType.IMAGE


CONTAINERS = {
    "matroska": "libx264",
    "mp4": "libx264",
    "mov": "libx264",
    "avi": "mpeg4",
    "mpegts": "mpeg2video",
    "vob": "mpeg2video",
    "mxf": "mpeg2video",
    "nut": "libx264",
    "yuv4mpegpipe": "rawvideo",
    "flv": "libx264",
    "asf": "mpeg4",
    "webm": "libvpx-vp9",
    "ivf": "libvpx-vp9",
    "mpeg2video": "mpeg2video",
}


def write_clip(path: Path, container: str) -> Path:
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(CONTAINERS[container], rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 * number, np.uint8))
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ["clip", "clip.unknown", "clip.jpg"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_video_is_detected_by_its_content(tmp_path: Path, container: str, name: str) -> None:
    path = write_clip(tmp_path / name, container)
    assert detect_media_type(path) is MediaType.VIDEO
    assert is_moving(path)


@pytest.mark.parametrize("container", ["mxf", "nut", "vob", "mp4"])
def test_video_without_suffix_works_everywhere(tmp_path: Path, container: str) -> None:
    path = write_clip(tmp_path / "clip", container)
    background = create_background(str(path), clock=ManualClock())
    try:
        assert isinstance(background, VideoBackground)
    finally:
        background.close()
    assert isinstance(open_source(str(path), clock=ManualClock()), VideoReader)
    assert [(item.path, item.is_video) for item in collect_media([str(tmp_path)])] == [(path, True)]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
def test_image_without_suffix_works_everywhere(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "image"
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(path, format=kind)
    (tmp_path / "notes").write_text("P is not an image, and neither is this")
    assert not is_moving(path)
    assert list_slides(tmp_path) == [path]
    assert list_training_images(tmp_path) == [path]
    assert [(item.path, item.is_video) for item in collect_media([str(tmp_path)])] == [(path, False)]


@pytest.mark.parametrize(
    ("suffix", "kind"), [(".png", "PNG"), (".webp", "WEBP"), (".avif", "AVIF"), (".gif", "GIF"), ("", "GIF")]
)
def test_animated_image_moves_everywhere(tmp_path: Path, suffix: str, kind: str) -> None:
    images = [Image.new("RGB", (64, 48), color) for color in ("red", "lime", "blue")]
    path = tmp_path / f"moving{suffix}"
    try:
        images[0].save(path, format=kind, save_all=True, append_images=images[1:], duration=[100, 500, 300])
    except (KeyError, OSError, ValueError):
        pytest.skip(f"this Pillow writes no {kind}")
    background = create_background(str(path), clock=ManualClock())
    try:
        assert isinstance(background, VideoBackground)
    finally:
        background.close()
    assert is_clip(path)
    with VideoReader(path) as reader:
        frames = list(reader.frames())
    assert [frame.timestamp for frame in frames] == pytest.approx([0, 0.1, 0.6])
    assert [int(frame.image.mean(axis=(0, 1)).argmax()) for frame in frames] == [0, 1, 2]


@pytest.mark.parametrize("content", [b"", b"Dear all,\n", b"MZ" + bytes(400), b"%PDF-1.7"])
def test_other_content_is_neither(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "letter"
    path.write_bytes(content)
    assert detect_media_type(path) is None
    assert not is_moving(path)


@pytest.mark.parametrize("name", ["song.ogg", "song.mp3", "song.wav"])
def test_song_in_a_folder_is_no_video(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"OggS" + bytes(60))
    assert not is_video_file(tmp_path / name)
    (tmp_path / "song").write_bytes(b"OggS" + bytes(60))
    assert is_video_file(tmp_path / "song")
