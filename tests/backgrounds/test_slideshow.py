import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livecam.backgrounds.slideshow import SlideshowBackground, list_images
from livecam.core.clock import ManualClock
from livecam.core.errors import ImageError, UsageError
from livecam.core.geometry import Size
from livecam.imaging.fit import FitMode
from livecam.imaging.image_io import LoadedImage, read_image

SIZE = Size(32, 18)
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def put(folder: Path, **colors: tuple[int, int, int]) -> None:
    for name, color in colors.items():
        Image.new("RGB", (8, 8), color).save(folder / f"{name}.png")


def settled_color(slides: SlideshowBackground) -> tuple[int, ...]:
    """Return the color that is shown once the next slide was read; no clock moves meanwhile."""
    deadline = time.monotonic() + 5.0
    while slides._prefetch_size is not None and not slides._prefetcher.output.is_ready:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    return tuple(int(value) for value in slides.render_standalone(SIZE)[9, 16])


def recorded(
    slides: SlideshowBackground, clock: ManualClock, rounds: int, seconds: float = 10.0
) -> list[tuple[int, ...]]:
    colors = [settled_color(slides)]
    for _ in range(rounds - 1):
        clock.sleep(seconds)
        settled_color(slides)
        clock.sleep(0.8)  # past the fade
        colors.append(settled_color(slides))
    return colors


def test_slides_follow_each_other_by_name_and_begin_again(tmp_path: Path) -> None:
    put(tmp_path, b10=BLUE, b2=GREEN, a=RED)
    (tmp_path / "notes.txt").write_text("not an image")
    put(tmp_path, **{".hidden": (9, 9, 9)})
    clock = ManualClock(1000.0)
    slides = SlideshowBackground(tmp_path, fit=FitMode.COVER, clock=clock)
    assert recorded(slides, clock, 5) == [RED, GREEN, BLUE, RED, GREEN]


def test_a_slide_stays_for_its_seconds_and_is_the_same_array(tmp_path: Path) -> None:
    put(tmp_path, a=RED, b=GREEN)
    clock = ManualClock()
    slides = SlideshowBackground(tmp_path, fit=FitMode.COVER, clock=clock, seconds=4.0)
    first = slides.render_standalone(SIZE)
    clock.sleep(3.9)
    assert settled_color(slides) == RED
    assert slides.render(np.zeros((18, 32, 3), np.uint8), np.zeros((18, 32), np.float32)) is first
    assert not first.flags.writeable


def test_one_fades_into_the_next(tmp_path: Path) -> None:
    put(tmp_path, a=RED, b=GREEN)
    clock = ManualClock()
    slides = SlideshowBackground(tmp_path, fit=FitMode.COVER, clock=clock, seconds=4.0)
    settled_color(slides)
    clock.sleep(4.0)
    greens = []
    for _ in range(9):
        red, green, _ = settled_color(slides)
        assert abs(red + green - 255) <= 1
        greens.append(green)
        assert not slides.render_standalone(SIZE).flags.writeable
        clock.sleep(0.1)
    assert greens == sorted(greens)
    assert (greens[0], greens[-1]) == (0, 255)
    assert sum(0 < green < 255 for green in greens) >= 4


def test_a_clock_that_jumps_changes_one_slide_only(tmp_path: Path) -> None:
    put(tmp_path, a=RED, b=GREEN, c=BLUE)
    clock = ManualClock()
    slides = SlideshowBackground(tmp_path, fit=FitMode.COVER, clock=clock)
    assert recorded(slides, clock, 2, seconds=3600.0) == [RED, GREEN]


def test_broken_and_vanished_images_are_left_out_and_new_ones_shown(tmp_path: Path) -> None:
    put(tmp_path, a=RED, c=GREEN, d=BLUE)
    (tmp_path / "b.png").write_bytes(b"broken")
    clock = ManualClock()
    slides = SlideshowBackground(tmp_path, fit=FitMode.COVER, clock=clock)
    (tmp_path / "d.png").unlink()
    put(tmp_path, e=(9, 9, 9))
    assert recorded(slides, clock, 4) == [RED, GREEN, (9, 9, 9), RED]


def test_when_all_are_gone_it_says_so_and_goes_on_when_one_is_back(tmp_path: Path) -> None:
    put(tmp_path, a=RED)
    clock = ManualClock()
    slides = SlideshowBackground(tmp_path, fit=FitMode.COVER, clock=clock)
    (tmp_path / "a.png").unlink()
    assert settled_color(slides) == RED
    clock.sleep(10.0)
    with pytest.raises(ImageError, match="no image in"):
        settled_color(slides)
    put(tmp_path, b=GREEN)
    assert settled_color(slides) == RED
    assert recorded(slides, clock, 2)[-1] == GREEN


def test_a_slow_disk_holds_no_thread_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, a=RED, b=GREEN)
    clock = ManualClock()
    slides = SlideshowBackground(tmp_path, fit=FitMode.COVER, clock=clock)
    answer = threading.Event()

    def slow(path: Path) -> LoadedImage:
        answer.wait(5.0)
        return read_image(path)

    monkeypatch.setattr("livecam.backgrounds.slideshow.read_image", slow)
    slides.render_standalone(SIZE)
    clock.sleep(10.0)
    began = time.perf_counter()
    assert tuple(slides.render_standalone(SIZE)[0, 0]) == RED
    assert time.perf_counter() - began < 1.0
    answer.set()
    settled_color(slides)
    clock.sleep(1.0)
    assert settled_color(slides) == GREEN


def test_a_folder_without_a_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no image in"):
        SlideshowBackground(tmp_path, fit=FitMode.COVER, clock=ManualClock())
    (tmp_path / "a.png").touch()
    with pytest.raises(ImageError, match="can be read"):
        SlideshowBackground(tmp_path, fit=FitMode.COVER, clock=ManualClock())
    for seconds in (0.0, -1.0, float("nan")):
        with pytest.raises(UsageError, match="above 0"):
            SlideshowBackground(tmp_path, fit=FitMode.COVER, clock=ManualClock(), seconds=seconds)
    with pytest.raises(ImageError, match="still there"):
        list_images(tmp_path / "gone")
