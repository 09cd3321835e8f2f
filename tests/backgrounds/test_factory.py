from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from livecam.backgrounds.base import Background
from livecam.backgrounds.blur import BlurredBackground
from livecam.backgrounds.factory import FitMode, create_background, is_still
from livecam.backgrounds.procedural import PROCEDURAL_BACKGROUNDS
from livecam.backgrounds.slideshow import SlideshowBackground
from livecam.backgrounds.static import TransparentBackground
from livecam.backgrounds.video import VideoBackground
from livecam.core.clock import ManualClock
from livecam.core.errors import ImageError, UsageError, VideoError
from livecam.core.geometry import Size
from livecam.core.types import check_frame

SIZE = Size(64, 36)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def chosen(spec: str) -> Background:
    return create_background(spec, clock=ManualClock())


def tone(spec: str) -> tuple[int, ...]:
    return tuple(int(value) for value in chosen(spec).render_standalone(SIZE)[18, 32])


def paint(name: str, color: str = "red") -> None:
    Image.new("RGB", (32, 18), color).save(name)


@pytest.mark.parametrize(
    ("spec", "color"),
    [
        ("#00b140", (0, 177, 64)),
        ("#0B4", (0, 187, 68)),
        ("Teal", (0, 128, 128)),
        (" rebeccapurple ", (102, 51, 153)),
    ],
)
def test_colors_go_by_number_and_by_name(spec: str, color: tuple[int, int, int]) -> None:
    assert tone(spec) == color


@pytest.mark.parametrize("spec", ["blur", "blur:25", "BLUR:7.5", "blur:1", "blur:100"])
def test_blur_takes_a_strength(spec: str) -> None:
    found = chosen(spec)
    assert isinstance(found, BlurredBackground)
    assert found.strength == float(spec.partition(":")[2] or 25)


@pytest.mark.parametrize("spec", ["blur:0", "blur:101", "blur:", "blur:much", "blur:nan"])
def test_a_wrong_strength_is_reported(spec: str) -> None:
    with pytest.raises(UsageError, match="1 to 100"):
        chosen(spec)


def test_every_kind_gives_frames_of_the_size_and_shows_no_source_alone() -> None:
    paint("a.png")
    Path("slides").mkdir()
    paint("slides/a.jpg")
    images = [Image.new("L", (32, 18), level) for level in (0, 200)]
    images[0].save("a.gif", save_all=True, append_images=images[1:], duration=100)
    frame = np.ascontiguousarray(astronaut()[:180, :320])
    matte = np.zeros((180, 320), np.float32)
    for spec in ("a.png", "a.gif", "slides", "blur", "transparent", "teal", *PROCEDURAL_BACKGROUNDS):
        background = chosen(spec)
        before = background.render_standalone(Size.of(frame)).copy()
        rendered = background.render(frame, matte)
        assert background.is_transparent == (rendered is None) == (spec == "transparent")
        if rendered is not None:
            assert check_frame(rendered).shape == frame.shape
            assert not rendered.flags.writeable
        assert np.array_equal(background.render_standalone(Size.of(frame)), before)
        background.close()
        background.close()


def test_transparent_is_black_and_known_by_its_class() -> None:
    assert isinstance(chosen("transparent"), TransparentBackground)
    assert tone("transparent") == (0, 0, 0)


def test_files_and_folders_are_known_by_what_they_are() -> None:
    paint("photo.jpg")
    paint("one.gif")
    Path("my images").mkdir()
    paint("my images/a.png", "blue")
    images = [Image.new("L", (32, 18), level) for level in (0, 200)]
    images[0].save("two.GIF", save_all=True, append_images=images[1:], duration=100)
    video_background = chosen("two.GIF")
    assert isinstance(video_background, VideoBackground)
    video_background.close()
    assert not isinstance(chosen("one.gif"), VideoBackground)
    assert isinstance(chosen("my images"), SlideshowBackground)
    assert tone("my images") == (0, 0, 255)
    assert tone("photo.jpg")[0] > 240


def test_home_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    paint("a.png", "lime")
    assert tone("~/a.png") == (0, 255, 0)


def test_our_names_win_over_bare_file_names_but_not_over_paths() -> None:
    for name in ("teal", "blur", "dusk"):
        Path(name).mkdir()
        paint(f"{name}/a.png", "red")
    assert tone("teal") == (0, 128, 128)
    assert isinstance(chosen("blur"), BlurredBackground)
    assert not isinstance(chosen("dusk"), SlideshowBackground)
    for name in ("./teal", "blur/", "./dusk"):
        assert isinstance(chosen(name), SlideshowBackground)


def test_fit_is_handed_on() -> None:
    Image.fromarray(
        np.repeat(np.uint8([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]), 20, axis=1).repeat(20, 0)
    ).save("a.png")
    left = [
        create_background("a.png", fit=fit, clock=ManualClock()).render_standalone(Size(20, 20))[10, 2]
        for fit in FitMode
    ]
    assert [int(color.argmax()) for color in left] == [1, 0, 0]


@pytest.mark.parametrize(
    ("spec", "near"),
    [
        ("dsuk", "dusk"),
        ("blurr", "blur"),
        ("teel", "teal"),
        ("transparant", "transparent"),
        ("holidays", "holiday"),
    ],
)
def test_an_unknown_word_names_the_nearest_and_the_kinds(spec: str, near: str) -> None:
    Path("holiday").mkdir()
    with pytest.raises(UsageError) as error:
        chosen(spec)
    text = str(error.value)
    assert f"did you mean {near}?" in text
    assert "\n" not in text
    assert all(
        word in text
        for word in ("image", "video", "folder", "#00b140", "blur", "transparent", *PROCEDURAL_BACKGROUNDS)
    )


@pytest.mark.parametrize(
    "spec", ["", "  ", "0x00b140", "#00b14", "#00b140ff", "rgb(1,2,3)", "a\0b", "x" * 5000]
)
def test_what_is_nothing_is_refused_in_one_line(spec: str) -> None:
    with pytest.raises(UsageError) as error:
        chosen(spec)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_a_missing_path_names_the_nearest_file() -> None:
    paint("beach.jpg")
    for spec in ("beech.jpg", "./beech.jpg"):
        with pytest.raises(UsageError, match=r"did you mean beach\.jpg"):
            chosen(spec)


def test_files_that_cannot_be_read_say_so_at_once() -> None:
    Path("a.png").write_bytes(b"nonsense")
    Path("a.mp4").write_bytes(b"nonsense")
    Path("empty").mkdir()
    for spec, kind in (("a.png", ImageError), ("a.mp4", VideoError), ("empty", UsageError)):
        with pytest.raises(kind):
            chosen(spec)


def test_is_still_unless_it_is_a_video_or_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (8, 8)).save("still.png")
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    frames[0].save("moving.gif", save_all=True, append_images=frames[1:])
    (tmp_path / "dusk").mkdir()
    still = ["blur", "blur:30", " Dusk ", "teal", "transparent", "still.png"]
    assert [spec for spec in (*still, "moving.gif", ".", "./dusk") if is_still(spec)] == still
