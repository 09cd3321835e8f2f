import numpy as np
import pytest
from skimage.data import astronaut

from livecam.core.geometry import Size
from livecam.core.types import check_frame
from livecam.imaging.fit import FitMode, fit_image

# Red, green and blue thirds, side by side, 3:1.
THIRDS = np.repeat(np.repeat(np.uint8([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]), 60, axis=0), 60, axis=1)


@pytest.mark.parametrize("fit", list(FitMode))
@pytest.mark.parametrize("size", [Size(16, 16), Size(1, 1), Size(640, 360), Size(90, 400), Size(1000, 20)])
@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (300, 7), (512, 512)])
def test_fit_image_fills_any_size(fit: FitMode, size: Size, shape: tuple[int, int]) -> None:
    result = check_frame(fit_image(np.ascontiguousarray(astronaut()[: shape[0], : shape[1]]), size, fit))
    assert Size.of(result) == size


@pytest.mark.parametrize("fit", list(FitMode))
def test_fit_image_of_same_size_is_a_copy(fit: FitMode) -> None:
    image = astronaut()
    result = fit_image(image, Size.of(image), fit)
    assert np.array_equal(result, image)
    assert not np.shares_memory(result, image)


def test_cover_keeps_the_center_undistorted() -> None:
    result = fit_image(THIRDS, Size(60, 60), FitMode.COVER)
    assert (result == (0, 255, 0)).all()


def test_stretch_shows_the_whole_image_distorted() -> None:
    result = fit_image(THIRDS, Size(60, 60), FitMode.STRETCH)
    assert [int(result[30, x].argmax()) for x in (5, 30, 55)] == [0, 1, 2]


def test_contain_shows_the_whole_image_over_dim_border() -> None:
    result = fit_image(THIRDS, Size(180, 180), FitMode.CONTAIN)
    assert np.array_equal(result[60:120], THIRDS)
    assert int(result[:60].max()) < 140
    assert int(result[:60].max()) > 40
