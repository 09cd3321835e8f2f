import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from livecam.core.geometry import Crop, Size
from livecam.imaging import ops

PHOTO = astronaut()


SIZES = [Size(256, 144), Size(128, 128), Size(100, 37), Size(511, 300), Size(176, 96), Size(1, 1)]


def area_mean(image: np.ndarray, size: Size) -> np.ndarray:
    return cv2.resize(image.astype(np.float32), tuple(size), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("is_odd", [False, True])
def test_downscale_averages_areas(size: Size, is_odd: bool) -> None:
    image = np.ascontiguousarray(PHOTO[:-1, :-1] if is_odd else PHOTO)
    small = ops.downscale(image, size)
    assert Size.of(small) == size
    assert np.abs(small - area_mean(image, size)).mean() < 3.0


@pytest.mark.parametrize("size", SIZES[:-1])
def test_downscale_does_not_shift_the_image(size: Size) -> None:
    shifts, _ = cv2.phaseCorrelate(
        *(
            ops.to_gray(p).astype(np.float32)
            for p in (ops.downscale(PHOTO, size), area_mean(PHOTO, size).astype(np.uint8))
        )
    )
    assert np.abs(shifts).max() < 0.1


def test_downscale_by_powers_of_two_is_exact() -> None:
    for size in (Size(256, 256), Size(128, 128)):
        assert np.abs(ops.downscale(PHOTO, size) - area_mean(PHOTO, size)).max() < 1.1


def test_downscale_of_fine_lines_is_their_mean() -> None:
    lines = np.zeros((720, 1280, 3), np.uint8)
    lines[::2] = 255
    small = ops.downscale(lines, Size(176, 96)).astype(float)
    assert np.abs(small - 127.5).max() < 2


@pytest.mark.parametrize("shape", [(464, 464), (480, 400), (464, 464, 3)])
def test_downscale_of_a_tall_image_halves_the_rows_alone(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    size = Size(256, 144)
    assert ops.count_halvings(Size.of(image), size) == ops.Halvings(both=0, rows=1)
    # Single rows of black and white: what bilinear interpolation of 3 rows to 1 would leave out.
    image[::2] = 255 - image[1::2]
    assert np.abs(ops.downscale(image, size).astype(int) - 127).max() <= 1


def test_clip_to_unit_keeps_what_lies_between() -> None:
    values = np.random.default_rng(0).uniform(-1, 2, (40, 60)).astype(np.float32)
    expected = np.clip(values, 0.0, 1.0)
    expected[:, 50:] = values[:, 50:]
    ops.clip_to_unit(values[:, :50])
    assert np.array_equal(values, expected)


@pytest.mark.parametrize("window", [3, 5, 9])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_box_mean_is_the_mean_of_a_square(window: int, dtype: type) -> None:
    values = np.random.default_rng(0).integers(0, 256, (40, 60)).astype(dtype)
    radius = window // 2
    square = values[20 - radius : 21 + radius, 30 - radius : 31 + radius]
    tolerance = 0.51 if dtype == np.uint8 else 1e-3
    assert abs(float(ops.box_mean(values, window)[20, 30]) - square.mean()) < tolerance
    assert np.abs(ops.box_mean(np.full((9, 12), 7, dtype), window) - 7.0).max() < 1e-5


def test_downscale_by_far_is_close_to_area_mean() -> None:
    large = cv2.resize(PHOTO, (1920, 1080), interpolation=cv2.INTER_CUBIC)
    size = Size(256, 144)
    assert np.abs(ops.downscale(large, size) - area_mean(large, size)).mean() < 1.5


@pytest.mark.parametrize("size", [Size(512, 512), Size(64, 64), Size(700, 600)])
def test_resize_returns_a_new_array(size: Size) -> None:
    before = PHOTO.copy()
    resized = ops.resize(PHOTO, size)
    resized[:] = 0
    assert (before == PHOTO).all()
    assert Size.of(resized) == size


def test_resize_averages_down_and_interpolates_up() -> None:
    stripes = np.zeros((8, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    assert (ops.resize(stripes, Size(32, 8)) == 100).all()
    larger = ops.resize(stripes, Size(256, 8))
    assert {25, 75, 125, 175} <= set(np.unique(larger).tolist())


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_resize_of_uniform_matte_is_uniform(value: float) -> None:
    matte = np.full((36, 64), value, np.float32)
    assert (ops.resize_matte(matte, Size(641, 361)) == value).all()
    assert (ops.downscale_matte(matte, Size(17, 9)) == value).all()
    assert (ops.dilate3(matte) == value).all()


def test_dilate3_reaches_the_eight_neighbors() -> None:
    matte = np.zeros((5, 5), np.float32)
    matte[2, 2] = 0.5
    dilated = ops.dilate3(matte)
    assert (dilated[1:4, 1:4] == 0.5).all()
    assert dilated.sum() == 4.5


def test_swap_rb_exchanges_red_and_blue() -> None:
    assert (ops.swap_rb(PHOTO) == PHOTO[..., ::-1]).all()


def test_to_gray_has_bt601_weights() -> None:
    red, green, blue = (int(ops.to_gray(np.full((1, 1, 3), c, np.uint8))[0, 0]) for c in np.eye(3) * 255)
    assert (red, green, blue) == (76, 150, 29)


def test_cross_fade_goes_from_first_to_second() -> None:
    first, second = PHOTO, 255 - PHOTO
    assert (ops.cross_fade(first, second, 0.0) == first).all()
    assert (ops.cross_fade(first, second, 1.0) == second).all()
    assert np.abs(ops.cross_fade(first, second, 0.5).astype(int) - 127.5).max() <= 0.5


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("size", [Size(300, 100), Size(100, 300), Size(64, 64)])
def test_letterbox_shows_whole_image_between_bars(channels: int, size: Size) -> None:
    image = np.full((50, 80, channels), 200, np.uint8)
    fitted = ops.letterbox(image, size)
    assert fitted.shape == (size.height, size.width, channels)
    scale = min(size.width / 80, size.height / 50)
    assert (fitted == 200).all(axis=2).sum() == pytest.approx(scale * scale * 4000, rel=0.02)
    assert not fitted[[0, 0, -1, -1], [0, -1, 0, -1]].any()


def test_letterbox_of_same_size_is_the_image() -> None:
    assert ops.letterbox(PHOTO, Size(512, 512)) is PHOTO


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_decode_any_depth_returns_rgb(dtype: type) -> None:
    image = np.zeros((4, 6, 3), dtype)
    image[..., 0] = np.iinfo(dtype).max
    coded = cv2.imencode(".png", image[..., ::-1])[1]
    assert (ops.decode_any_depth(coded) == image).all()
    assert ops.decode_any_depth(np.zeros(20, np.uint8)) is None
    assert ops.decode_any_depth(np.zeros(0, np.uint8)) is None


def test_blur_and_resize_keep_the_mean() -> None:
    image = PHOTO.astype(np.float32)
    assert ops.gaussian_blur_float(image, 3.0).mean() == pytest.approx(image.mean(), rel=0.01)
    assert ops.gaussian_blur(PHOTO, 3.0).mean() == pytest.approx(image.mean(), rel=0.01)
    assert ops.resize_float(image, Size(100, 90)).mean() == pytest.approx(image.mean(), rel=0.01)
    assert ops.replicate_channels(image[..., 0]).shape == image.shape


@pytest.mark.parametrize("image", [PHOTO, PHOTO[..., 0].astype(np.float32) / 255])
def test_magnify_shows_a_part_at_the_size_of_the_whole(image: np.ndarray) -> None:
    height, width = image.shape[:2]
    shown = ops.magnify(image, 0.0, 0.0, 1.0)
    assert (shown == image).all()
    part = ops.magnify(image, width / 4, height / 4, 0.5)
    assert part.shape == image.shape
    assert part.dtype == image.dtype
    expected = image[height // 4 : height - height // 4, width // 4 : width - width // 4]
    halved = cv2.resize(part, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    assert np.abs(halved.astype(float) - expected).mean() < 0.02 * image.max()


def test_magnify_moves_by_parts_of_a_pixel() -> None:
    ramp = np.tile(np.arange(64, dtype=np.float32), (8, 1))
    inner = slice(2, -2)
    assert ops.magnify(ramp, 0.25, 0.0, 1.0)[:, inner] == pytest.approx(ramp[:, inner] + 0.25, abs=0.02)


@pytest.mark.parametrize("size", [Size(1280, 720), Size(640, 1), Size(1 << 17, 3), Size(3, 5)])
def test_strips_cover_every_row_once_and_the_first_is_the_tallest(size: Size) -> None:
    strips = ops.row_strips(size)
    rows = [row for strip in strips for row in range(strip.start, strip.stop)]
    assert rows == list(range(size.height))
    heights = [strip.stop - strip.start for strip in strips]
    assert heights[0] == max(heights)
    assert heights[0] * size.width <= max(1 << 16, size.width)


def test_transferred_values_stay_at_their_place_in_the_frame() -> None:
    frame = np.zeros((360, 640), np.float32)
    frame[100:200, 240:400] = 1.0
    before, after = Crop(160, 40, Size(320, 240)), Crop(200, 80, Size(240, 160))
    size = Size(160, 120)
    values = ops.downscale_matte(frame[before.slices], size)
    expected = ops.downscale_matte(frame[after.slices], size)
    moved = ops.transfer(values, before, after)
    assert np.abs(moved - expected).mean() < 0.02
    assert np.abs(moved - values).mean() > 0.1


def test_transfer_outside_the_first_crop_is_nothing() -> None:
    moved = ops.transfer(
        np.ones((20, 20), np.float32), Crop(0, 0, Size(100, 100)), Crop(50, 0, Size(100, 100))
    )
    assert (moved[:, :9] == 1).all()
    assert not moved[:, 11:].any()
