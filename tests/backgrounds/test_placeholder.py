import numpy as np
import pytest

from livecam.backgrounds.placeholder import back_soon
from livecam.core.types import Size, check_frame


@pytest.mark.parametrize(
    "size", [Size(16, 16), Size(17, 900), Size(900, 17), Size(161, 121), Size(1920, 1080)]
)
@pytest.mark.parametrize("words", ["back soon", "", "gleich zurück", "日本 😀\nzwei", "\ud800\0", "x" * 3000])
def test_the_card_can_be_drawn_at_any_size_with_any_words(size: Size, words: str) -> None:
    card = check_frame(back_soon(size, words))
    assert Size.of(card) == size
    assert not card.flags.writeable


def test_the_words_are_on_it_and_centred() -> None:
    size = Size(640, 360)
    wordless, worded = back_soon(size, ""), back_soon(size, "back soon")
    below = worded[200:].max(axis=(0, 2)) > 150  # columns with ink, under the cup
    assert not (wordless[240:] > 150).any()
    assert below.sum() > 60
    assert abs(float(np.flatnonzero(below).mean()) - size.width / 2) < 12
    assert not np.array_equal(worded, back_soon(size, "camera lost"))


def test_long_words_are_made_to_fit() -> None:
    ink = (back_soon(Size(640, 360), "the camera is busy, close the other program first") > 150).any(
        axis=(0, 2)
    )
    assert ink[64:-64].any()
    assert not ink[:48].any()
    assert not ink[-48:].any()


def test_the_same_card_is_drawn_only_once() -> None:
    assert back_soon(Size(64, 64), "a") is back_soon(Size(64, 64), "a")
