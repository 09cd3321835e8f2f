import tracemalloc

import numpy as np
import pytest

from livecam.backgrounds import placeholder as notice
from livecam.backgrounds.placeholder import placeholder_frame, with_caption
from livecam.core.geometry import Size
from livecam.core.types import check_frame


@pytest.mark.parametrize(
    "size", [Size(16, 16), Size(17, 900), Size(900, 17), Size(161, 121), Size(1920, 1080)]
)
@pytest.mark.parametrize("spec", ["back soon", "", "gleich zurück", "日本 😀\nzwei", "\ud800\0", "x" * 3000])
def test_the_card_can_be_drawn_at_any_size_with_any_words(size: Size, spec: str) -> None:
    card = check_frame(placeholder_frame(size, spec))
    assert Size.of(card) == size
    assert not card.flags.writeable


def test_the_words_are_on_it_and_centred() -> None:
    size = Size(640, 360)
    wordless, worded = placeholder_frame(size, ""), placeholder_frame(size, "back soon")
    below = worded[200:].max(axis=(0, 2)) > 150  # columns with ink, under the cup
    assert not (wordless[240:] > 150).any()
    assert below.sum() > 60
    assert abs(float(np.flatnonzero(below).mean()) - size.width / 2) < 12
    assert not np.array_equal(worded, placeholder_frame(size, "camera lost"))


def test_long_words_are_made_to_fit() -> None:
    ink = (placeholder_frame(Size(640, 360), "the camera is busy, close the other program first") > 150).any(
        axis=(0, 2)
    )
    assert ink[64:-64].any()
    assert not ink[:48].any()
    assert not ink[-48:].any()


def test_the_same_card_is_drawn_only_once() -> None:
    assert placeholder_frame(Size(64, 64), "a") is placeholder_frame(Size(64, 64), "a")


BLUE = np.full((180, 320, 3), (20, 40, 160), np.uint8)


def test_words_stand_on_a_darker_strip_below_the_middle():
    shown = with_caption(BLUE, "camera lost")
    changed = (shown != BLUE).any(axis=2)
    rows = np.flatnonzero(changed.any(axis=1))
    assert rows.min() > 90
    assert changed[rows.min() : rows.max() + 1].all()
    assert (shown[rows].max(axis=(0, 1)) > 220).all()
    assert (shown[: rows.min()] == BLUE[0]).all()


def test_the_image_itself_stays_as_it_is_and_the_notice_is_never_written_again():
    before = BLUE.copy()
    shown = with_caption(BLUE, "camera lost")
    assert (before == BLUE).all()
    assert not shown.flags.writeable


def test_other_words_make_another_notice():
    assert (with_caption(BLUE, "camera lost") != with_caption(BLUE, "paused")).any()


@pytest.mark.parametrize("shape", [(180, 320, 4), (16, 16, 3), (1, 1, 3), (40, 2000, 3)])
def test_cutouts_and_small_images_have_room_for_no_words_and_come_back_all_the_same(shape):
    image = np.zeros(shape, np.uint8)
    shown = with_caption(image, "camera lost")
    assert shown.shape == shape
    assert (shape[1] == 2000) or (shown == image).all()


def test_a_notice_that_cannot_be_drawn_does_not_cost_the_image(monkeypatch):
    def fail(*_):
        raise OSError("no font")

    monkeypatch.setattr(notice, "render_text_mask", fail)
    assert (with_caption(BLUE, "camera lost") == BLUE).all()


def test_drawing_takes_little_memory():
    tracemalloc.start()
    try:
        frame = placeholder_frame(Size(1280, 720), "a text that no other test draws")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * frame.nbytes
