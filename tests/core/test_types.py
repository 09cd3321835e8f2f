import numpy as np
import pytest

from livecam.core.errors import FrameError, MatteError, UsageError
from livecam.core.geometry import Size
from livecam.core.types import check_frame, check_matte


@pytest.mark.parametrize("words", ["1280x720", " 1280 x 720 ", "1280X720", "1280×720", "1280*720"])
def test_a_size_is_read_and_written(words: str) -> None:
    assert Size.parse(words) == Size(1280, 720)
    assert str(Size.parse(words)) == "1280x720"


@pytest.mark.parametrize(
    "words", ["", "x", "1280", "1280x", "15x20", "20x15", "16385x20", "-20x20", "20x20x20", "wide"]
)
def test_what_is_no_size_is_refused_with_an_example(words: str) -> None:
    with pytest.raises(UsageError, match="1280x720"):
        Size.parse(words)


def test_a_pictures_size_has_its_width_first() -> None:
    assert Size.of(np.zeros((2, 5, 3))) == Size(width=5, height=2)


def test_a_frame_is_given_back_as_it_is() -> None:
    frame = np.zeros((2, 5, 3), np.uint8)
    assert check_frame(frame) is frame


@pytest.mark.parametrize(
    "frame",
    [
        None,
        [[[0, 0, 0]]],
        np.zeros((2, 5), np.uint8),
        np.zeros((2, 5, 4), np.uint8),
        np.zeros((2, 5, 3)),
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((2, 0, 3), np.uint8),
    ],
)
def test_what_is_no_frame_is_refused(frame: object) -> None:
    with pytest.raises(FrameError):
        check_frame(frame)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_matte_is_given_back_as_it_is(value: float) -> None:
    matte = np.full((2, 5), value, np.float32)
    assert check_matte(matte, (2, 5)) is matte


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1e-6, 1.00001])
def test_one_value_that_cannot_be_spoils_a_matte(value: float) -> None:
    matte = np.full((2, 5), 0.5, np.float32)
    matte[1, 3] = value
    with pytest.raises(MatteError, match=r"\[0, 1\]"):
        check_matte(matte, (2, 5))


@pytest.mark.parametrize("matte", [None, np.zeros((2, 5)), np.zeros((5, 2), np.float32), 0.5])
def test_what_is_no_matte_is_refused(matte: object) -> None:
    with pytest.raises(MatteError, match=r"\(2, 5\)"):
        check_matte(matte, (2, 5))
