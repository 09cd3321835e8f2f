import numpy as np
import pytest
from skimage.data import astronaut

from livecam.core.geometry import Size
from livecam.core.types import check_frame
from livecam.imaging.fit import FitMode, fit_image, flatten_alpha

# Red, green and blue thirds, side by side, 3:1.
THIRDS = np.repeat(np.repeat(np.uint8([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]), 60, axis=0), 60, axis=1)


@pytest.mark.parametrize("fit", list(FitMode))
@pytest.mark.parametrize("size", [Size(16, 16), Size(1, 1), Size(640, 360), Size(90, 400), Size(1000, 20)])
@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (300, 7), (512, 512)])
def test_any_picture_fills_any_size(fit: FitMode, size: Size, shape: tuple[int, int]) -> None:
    found = check_frame(fit_image(np.ascontiguousarray(astronaut()[: shape[0], : shape[1]]), size, fit))
    assert Size.of(found) == size


@pytest.mark.parametrize("fit", list(FitMode))
def test_a_picture_of_the_same_size_comes_back_as_a_copy(fit: FitMode) -> None:
    picture = astronaut()
    found = fit_image(picture, Size.of(picture), fit)
    assert np.array_equal(found, picture)
    assert not np.shares_memory(found, picture)


def test_cover_keeps_the_middle_in_shape() -> None:
    found = fit_image(THIRDS, Size(60, 60), FitMode.COVER)
    assert (found == (0, 255, 0)).all()


def test_stretch_keeps_everything_out_of_shape() -> None:
    found = fit_image(THIRDS, Size(60, 60), FitMode.STRETCH)
    assert [int(found[30, x].argmax()) for x in (5, 30, 55)] == [0, 1, 2]


def test_contain_keeps_everything_in_shape_over_a_dimmer_rim() -> None:
    found = fit_image(THIRDS, Size(180, 180), FitMode.CONTAIN)
    assert np.array_equal(found[60:120], THIRDS)
    assert int(found[:60].max()) < 140
    assert int(found[:60].max()) > 40


def test_alpha_is_laid_over_dark_grey() -> None:
    frame = np.full((2, 2, 3), 200, np.uint8)
    matte = np.float32([[0.0, 1.0], [0.5, 1.0]])
    assert flatten_alpha(frame, matte)[..., 0].tolist() == [[40, 200], [120, 200]]
    assert flatten_alpha(frame, None) is frame
