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


def open_spec(spec):
    return open_source(spec, size=Size(320, 180), fps=25.0, clock=ManualClock())


@pytest.mark.parametrize("spec", ["demo", " Demo "])
def test_open_source_demo_has_requested_size_and_rate(spec):
    source = open_spec(spec)
    assert isinstance(source, DemoSource)
    assert (source.size, source.fps) == (Size(320, 180), 25.0)


def test_open_source_number_is_a_webcam():
    source = open_spec("1")
    assert isinstance(source, WebcamSource)
    assert source.device == 1


@pytest.mark.parametrize("spec", ["/dev/video2", "/dev/v4l/by-id/usb-046d_C920-video-index0"])
def test_open_source_missing_device_file_is_a_webcam(spec):
    assert open_spec(spec).device == spec


@pytest.mark.usefixtures("cameras")
def test_open_source_part_of_a_name_is_that_webcam():
    assert open_spec("c920").device == "/dev/video2"


def test_resolve_camera_ambiguous_lists_candidates():
    with pytest.raises(UsageError, match=r"/dev/video2.*/dev/video4"):
        resolve_camera("webcam", lambda: [BUILT_IN, C920, C922])


def test_resolve_camera_exact_name_wins():
    longer = VideoDevice("/dev/video6", "Integrated Camera: infrared")
    assert resolve_camera("integrated camera", lambda: [longer, BUILT_IN]) == BUILT_IN.path


@pytest.mark.usefixtures("cameras")
@pytest.mark.parametrize(("typo", "meant"), [("dmeo", "demo"), ("Integrated Camra", "Integrated Camera")])
def test_open_source_typo_gets_a_suggestion(typo, meant):
    with pytest.raises(UsageError, match=f"did you mean '{meant}'"):
        open_spec(typo)


def test_open_source_file_typo_suggests_a_file(tmp_path):
    (tmp_path / "holiday.mp4").touch()
    with pytest.raises(UsageError, match=r"holiday\.mp4"):
        open_spec(str(tmp_path / "holidy.mp4"))


@pytest.mark.usefixtures("cameras")
@pytest.mark.parametrize("spec", ["xyzzy", ""])
def test_open_source_unknown_name_lists_the_cameras(spec):
    with pytest.raises(UsageError, match=r"is no camera.*/dev/video2 \(HD Pro Webcam C920\)"):
        open_spec(spec)


def test_resolve_camera_without_names_advises_a_number(monkeypatch):
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(UsageError, match="number"):
        resolve_camera("xyzzy", list)


def test_open_source_image_is_an_image_source(tmp_path):
    path = tmp_path / "desk.png"
    Image.fromarray(np.full((90, 160, 3), (200, 100, 50), np.uint8)).save(path)
    source = open_spec(str(path))
    assert isinstance(source, ImageSource)
    assert next(iter(source))[0, 0].tolist() == [200, 100, 50]


def test_open_source_image_without_suffix_is_decoded(tmp_path):
    path = tmp_path / "desk"
    Image.fromarray(np.zeros((90, 160, 3), np.uint8)).save(path, "PNG")
    assert isinstance(open_spec(str(path)), ImageSource)


def test_open_source_animated_image_is_a_video(tmp_path):
    path = tmp_path / "wave.gif"
    images = [Image.fromarray(np.full((90, 160, 3), value, np.uint8)) for value in (0, 255)]
    images[0].save(path, save_all=True, append_images=images[1:])
    assert type(open_spec(str(path))).__name__ == "VideoReader"


def test_open_source_other_file_is_an_error_of_one_line(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("neither an image nor a video")

    def read_first():
        with open_spec(str(path)) as source:
            next(iter(source))

    with pytest.raises(LivecamError) as caught:
        read_first()
    assert "\n" not in str(caught.value)


def test_open_source_folder_is_refused(tmp_path):
    with pytest.raises(UsageError, match="not a file"):
        open_spec(str(tmp_path))


def test_open_source_without_clock_uses_the_system_clock():
    source = open_source("demo", size=Size(64, 36))
    with source:
        assert next(iter(source)).shape == (36, 64, 3)
