import numpy as np

from livecam.backgrounds.static import Drawn, of_colour, of_picture
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.imaging.fit import Fit
from livecam.imaging.image_io import Picture


def blank(size: Size) -> Frame:
    return np.zeros((size.height, size.width, 3), np.uint8)


def test_it_is_drawn_once_a_size_and_never_writable() -> None:
    asked: list[Size] = []

    def draw(size: Size) -> Frame:
        asked.append(size)
        return blank(size)

    drawn, frame = Drawn(draw), blank(Size(8, 4))
    first = drawn.behind(frame, np.ones((4, 8), np.float32))
    assert drawn.behind(frame, np.zeros((4, 8), np.float32)) is first
    assert drawn.alone(Size(8, 4)) is first
    assert not first.flags.writeable
    assert asked == [Size(8, 4)]


def test_only_a_few_sizes_are_kept() -> None:
    asked: list[Size] = []

    def draw(size: Size) -> Frame:
        asked.append(size)
        return blank(size)

    drawn = Drawn(draw)
    for width in (*range(1, 30), 29, 28, 1):
        drawn.alone(Size(width, 1))
    assert len(asked) == 30


def test_a_colour_is_that_colour_everywhere() -> None:
    assert (of_colour(0, 177, 64).alone(Size(5, 3)) == (0, 177, 64)).all()


def test_a_picture_with_alpha_has_no_holes() -> None:
    frame = np.full((4, 4, 3), 255, np.uint8)
    picture = Picture(frame, np.zeros((4, 4), np.float32))
    assert (of_picture(picture, Fit.COVER).alone(Size(8, 8)) == 40).all()
