import numpy as np

from livecam.backgrounds.static import StaticBackground, color_background, image_background
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.imaging.fit import FitMode
from livecam.imaging.image_io import LoadedImage


def blank(size: Size) -> Frame:
    return np.zeros((size.height, size.width, 3), np.uint8)


def test_it_is_drawn_once_a_size_and_never_writable() -> None:
    requested: list[Size] = []

    def draw(size: Size) -> Frame:
        requested.append(size)
        return blank(size)

    drawn, frame = StaticBackground(draw), blank(Size(8, 4))
    first = drawn.render(frame, np.ones((4, 8), np.float32))
    assert drawn.render(frame, np.zeros((4, 8), np.float32)) is first
    assert drawn.render_standalone(Size(8, 4)) is first
    assert not first.flags.writeable
    assert requested == [Size(8, 4)]


def test_only_a_few_sizes_are_kept() -> None:
    requested: list[Size] = []

    def draw(size: Size) -> Frame:
        requested.append(size)
        return blank(size)

    drawn = StaticBackground(draw)
    for width in (*range(1, 30), 29, 28, 1):
        drawn.render_standalone(Size(width, 1))
    assert len(requested) == 30


def test_a_color_is_that_color_everywhere() -> None:
    assert (color_background(0, 177, 64).render_standalone(Size(5, 3)) == (0, 177, 64)).all()


def test_a_image_with_alpha_has_no_holes() -> None:
    frame = np.full((4, 4, 3), 255, np.uint8)
    image = LoadedImage(frame, np.zeros((4, 4), np.float32))
    assert (image_background(image, FitMode.COVER).render_standalone(Size(8, 8)) == 40).all()
