import numpy as np
import pytest

from livecam.core.errors import FrameError, MatteError, UsageError
from livecam.core.geometry import Size
from livecam.core.types import check_frame, check_matte


@pytest.mark.parametrize("text", ["1280x720", " 1280 x 720 ", "1280X720", "1280×720", "1280*720"])
def test_parse_size_then_str_is_normalized(text: str) -> None:
    assert Size.parse(text) == Size(1280, 720)
    assert str(Size.parse(text)) == "1280x720"


@pytest.mark.parametrize(
    "text", ["", "x", "1280", "1280x", "15x20", "20x15", "16385x20", "-20x20", "20x20x20", "wide"]
)
def test_parse_invalid_size_names_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="1280x720"):
        Size.parse(text)


def test_size_of_array_has_width_first() -> None:
    assert Size.of(np.zeros((2, 5, 3))) == Size(width=5, height=2)


def test_check_frame_returns_the_frame() -> None:
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
def test_check_frame_of_invalid_array_raises(frame: object) -> None:
    with pytest.raises(FrameError):
        check_frame(frame)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_check_matte_returns_the_matte(value: float) -> None:
    matte = np.full((2, 5), value, np.float32)
    assert check_matte(matte, (2, 5)) is matte


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1e-6, 1.00001])
def test_check_matte_with_one_invalid_value_raises(value: float) -> None:
    matte = np.full((2, 5), 0.5, np.float32)
    matte[1, 3] = value
    with pytest.raises(MatteError, match=r"\[0, 1\]"):
        check_matte(matte, (2, 5))


@pytest.mark.parametrize("matte", [None, np.zeros((2, 5)), np.zeros((5, 2), np.float32), 0.5])
def test_check_matte_of_invalid_array_raises(matte: object) -> None:
    with pytest.raises(MatteError, match=r"\(2, 5\)"):
        check_matte(matte, (2, 5))
