import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from livecam.core.geometry import Size
from livecam.imaging import ops as images

PHOTO = astronaut()


SIZES = [Size(256, 144), Size(128, 128), Size(100, 37), Size(511, 300), Size(176, 96), Size(1, 1)]


def exact(picture: np.ndarray, size: Size) -> np.ndarray:
    return cv2.resize(picture.astype(np.float32), tuple(size), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("odd", [False, True])
def test_shrinking_averages_areas(size: Size, odd: bool) -> None:
    picture = np.ascontiguousarray(PHOTO[:-1, :-1] if odd else PHOTO)
    small = images.downscale(picture, size)
    assert Size.of(small) == size
    assert np.abs(small - exact(picture, size)).mean() < 3.0


@pytest.mark.parametrize("size", SIZES[:-1])
def test_shrinking_moves_nothing(size: Size) -> None:
    shifts, _ = cv2.phaseCorrelate(
        *(
            images.to_gray(p).astype(np.float32)
            for p in (images.downscale(PHOTO, size), exact(PHOTO, size).astype(np.uint8))
        )
    )
    assert np.abs(shifts).max() < 0.1


def test_halves_and_quarters_are_exact() -> None:
    for size in (Size(256, 256), Size(128, 128)):
        assert np.abs(images.downscale(PHOTO, size) - exact(PHOTO, size)).max() < 1.1


def test_no_pixel_of_a_fine_pattern_is_left_out() -> None:
    lines = np.zeros((720, 1280, 3), np.uint8)
    lines[::2] = 255
    small = images.downscale(lines, Size(176, 96)).astype(float)
    assert np.abs(small - 127.5).max() < 2


def test_shrinking_by_far_is_as_good_as_exact() -> None:
    large = cv2.resize(PHOTO, (1920, 1080), interpolation=cv2.INTER_CUBIC)
    size = Size(256, 144)
    assert np.abs(images.downscale(large, size) - exact(large, size)).mean() < 1.5


@pytest.mark.parametrize("size", [Size(512, 512), Size(64, 64), Size(700, 600)])
def test_what_is_resized_is_a_new_array(size: Size) -> None:
    before = PHOTO.copy()
    resized = images.resize(PHOTO, size)
    resized[:] = 0
    assert (before == PHOTO).all()
    assert Size.of(resized) == size


def test_resizing_averages_when_smaller_and_goes_straight_between_pixels_when_larger() -> None:
    stripes = np.zeros((8, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    assert (images.resize(stripes, Size(32, 8)) == 100).all()
    larger = images.resize(stripes, Size(256, 8))
    assert {25, 75, 125, 175} <= set(np.unique(larger).tolist())


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_solid_matte_stays_solid_whatever_its_size(value: float) -> None:
    matte = np.full((36, 64), value, np.float32)
    assert (images.resize_matte(matte, Size(641, 361)) == value).all()
    assert (images.downscale_matte(matte, Size(17, 9)) == value).all()
    assert (images.dilate3(matte) == value).all()


def test_widening_reaches_the_eight_neighbours() -> None:
    matte = np.zeros((5, 5), np.float32)
    matte[2, 2] = 0.5
    wide = images.dilate3(matte)
    assert (wide[1:4, 1:4] == 0.5).all()
    assert wide.sum() == 4.5


def test_red_and_blue_change_places() -> None:
    assert (images.swap_rb(PHOTO) == PHOTO[..., ::-1]).all()


def test_grey_weighs_red_first() -> None:
    red, green, blue = (int(images.to_gray(np.full((1, 1, 3), c, np.uint8))[0, 0]) for c in np.eye(3) * 255)
    assert (red, green, blue) == (76, 150, 29)


def test_blending_goes_from_one_to_the_other() -> None:
    first, second = PHOTO, 255 - PHOTO
    assert (images.cross_fade(first, second, 0.0) == first).all()
    assert (images.cross_fade(first, second, 1.0) == second).all()
    assert np.abs(images.cross_fade(first, second, 0.5).astype(int) - 127.5).max() <= 0.5


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("size", [Size(300, 100), Size(100, 300), Size(64, 64)])
def test_a_letterboxed_picture_is_whole_and_between_bars(channels: int, size: Size) -> None:
    picture = np.full((50, 80, channels), 200, np.uint8)
    fitted = images.letterbox(picture, size)
    assert fitted.shape == (size.height, size.width, channels)
    scale = min(size.width / 80, size.height / 50)
    assert (fitted == 200).all(axis=2).sum() == pytest.approx(scale * scale * 4000, rel=0.02)
    assert not fitted[[0, 0, -1, -1], [0, -1, 0, -1]].any()


def test_what_fits_is_not_touched() -> None:
    assert images.letterbox(PHOTO, Size(512, 512)) is PHOTO


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_deep_picture_is_decoded_as_rgb(kind: type) -> None:
    picture = np.zeros((4, 6, 3), kind)
    picture[..., 0] = np.iinfo(kind).max
    coded = cv2.imencode(".png", picture[..., ::-1])[1]
    assert (images.decode_any_depth(coded) == picture).all()
    assert images.decode_any_depth(np.zeros(20, np.uint8)) is None
    assert images.decode_any_depth(np.zeros(0, np.uint8)) is None


def test_light_keeps_its_sum_when_it_is_softened_or_resized() -> None:
    light = PHOTO.astype(np.float32)
    assert images.gaussian_blur_float(light, 3.0).mean() == pytest.approx(light.mean(), rel=0.01)
    assert images.gaussian_blur(PHOTO, 3.0).mean() == pytest.approx(light.mean(), rel=0.01)
    assert images.resize_float(light, Size(100, 90)).mean() == pytest.approx(light.mean(), rel=0.01)
    assert images.replicate_channels(light[..., 0]).shape == light.shape
