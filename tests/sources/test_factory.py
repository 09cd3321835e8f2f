import numpy as np
import pytest
from PIL import Image

from livecam.core.clock import ManualClock
from livecam.core.errors import LivecamError, UsageError
from livecam.core.geometry import Size
from livecam.devices.discovery import VideoDevice, resolve_camera
from livecam.sources import factory
from livecam.sources.demo import DemoSource
from livecam.sources.factory import open_source
from livecam.sources.image import ImageSource
from livecam.sources.webcam import WebcamSource

C920 = VideoDevice("/dev/video2", "HD Pro Webcam C920")
C922 = VideoDevice("/dev/video4", "C922 Pro Stream Webcam")
BUILT_IN = VideoDevice("/dev/video0", "Integrated Camera")


@pytest.fixture
def cameras(monkeypatch):
    monkeypatch.setattr(factory, "list_cameras", lambda: [BUILT_IN, C920, C922])


def opened(words):
    return open_source(words, size=Size(320, 180), fps=25.0, clock=ManualClock())


@pytest.mark.parametrize("words", ["demo", " Demo "])
def test_demo_is_the_demo_at_the_asked_size_and_rate(words):
    source = opened(words)
    assert isinstance(source, DemoSource)
    assert (source.size, source.fps) == (Size(320, 180), 25.0)


def test_a_number_is_a_webcam():
    source = opened("1")
    assert isinstance(source, WebcamSource)
    assert source.device == 1


@pytest.mark.parametrize("words", ["/dev/video2", "/dev/v4l/by-id/usb-046d_C920-video-index0"])
def test_a_device_file_is_a_webcam_even_before_it_is_there(words):
    assert opened(words).device == words


@pytest.mark.usefixtures("cameras")
def test_a_part_of_a_name_is_that_webcam():
    assert opened("c920").device == "/dev/video2"


def test_several_cameras_of_that_name_are_listed():
    with pytest.raises(UsageError, match=r"/dev/video2.*/dev/video4"):
        resolve_camera("webcam", lambda: [BUILT_IN, C920, C922])


def test_a_camera_of_just_that_name_goes_before_longer_names():
    longer = VideoDevice("/dev/video6", "Integrated Camera: infrared")
    assert resolve_camera("integrated camera", lambda: [longer, BUILT_IN]) == BUILT_IN.path


@pytest.mark.usefixtures("cameras")
@pytest.mark.parametrize(("typo", "meant"), [("dmeo", "demo"), ("Integrated Camra", "Integrated Camera")])
def test_a_typo_is_answered_with_what_is_nearest(typo, meant):
    with pytest.raises(UsageError, match=f"did you mean '{meant}'"):
        opened(typo)


def test_a_typo_in_a_file_is_answered_with_the_nearest_file(tmp_path):
    (tmp_path / "holiday.mp4").touch()
    with pytest.raises(UsageError, match=r"holiday\.mp4"):
        opened(str(tmp_path / "holidy.mp4"))


@pytest.mark.usefixtures("cameras")
@pytest.mark.parametrize("words", ["xyzzy", ""])
def test_words_that_mean_nothing_are_answered_with_the_cameras_there_are(words):
    with pytest.raises(UsageError, match=r"is no camera.*/dev/video2 \(HD Pro Webcam C920\)"):
        opened(words)


def test_where_cameras_have_no_names_a_number_is_advised(monkeypatch):
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(UsageError, match="number"):
        resolve_camera("xyzzy", list)


def test_a_picture_is_a_still(tmp_path):
    path = tmp_path / "desk.png"
    Image.fromarray(np.full((90, 160, 3), (200, 100, 50), np.uint8)).save(path)
    source = opened(str(path))
    assert isinstance(source, ImageSource)
    assert next(iter(source))[0, 0].tolist() == [200, 100, 50]


def test_a_picture_without_a_suffix_is_found_by_trying(tmp_path):
    path = tmp_path / "desk"
    Image.fromarray(np.zeros((90, 160, 3), np.uint8)).save(path, "PNG")
    assert isinstance(opened(str(path)), ImageSource)


def test_an_animated_picture_is_a_clip(tmp_path):
    path = tmp_path / "wave.gif"
    pictures = [Image.fromarray(np.full((90, 160, 3), value, np.uint8)) for value in (0, 255)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:])
    assert type(opened(str(path))).__name__ == "VideoReader"


def test_a_file_that_is_neither_says_so_in_one_line(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("neither a picture nor a video")

    def read():
        with opened(str(path)) as source:
            next(iter(source))

    with pytest.raises(LivecamError) as caught:
        read()
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_source(tmp_path):
    with pytest.raises(UsageError, match="not a file"):
        opened(str(tmp_path))


def test_open_source_without_clock_uses_the_system_clock():
    source = open_source("demo", size=Size(64, 36))
    with source:
        assert next(iter(source)).shape == (36, 64, 3)
