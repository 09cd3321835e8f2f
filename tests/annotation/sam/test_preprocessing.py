"""Images of all shapes are mapped to SAM's square and mattes are mapped back."""

import numpy as np
import pytest

from livecam.annotation.prompts import Point
from livecam.annotation.sam.preprocessing import MEAN, SIDE, ResizeLongestSide
from livecam.core.geometry import Size
from tests.support.synthetic_shapes import draw_shape, iou

SIZES = [
    Size(640, 480),
    Size(480, 640),
    Size(1024, 1024),
    Size(20, 12),
    Size(12000, 300),
    Size(7, 2000),
    Size(1, 1),
]
SCALE, OFFSET = np.float32(1 / 255), np.float32(0)
sizes = pytest.mark.parametrize("size", SIZES, ids=str)


@sizes
def test_the_longer_side_fills_the_square_and_the_shape_is_kept(size: Size) -> None:
    inner = ResizeLongestSide.of(size).inner
    assert max(inner) == SIDE
    assert min(inner) == max(1, round(min(size) * SIDE / max(size)))


@sizes
def test_image_corners_map_to_inner_corners(size: Size) -> None:
    transform = ResizeLongestSide.of(size)
    assert transform.apply_point(Point(-0.5, -0.5)) == pytest.approx((-0.5, -0.5))
    far = transform.apply_point(Point(size.width - 0.5, size.height - 0.5))
    assert far == pytest.approx((transform.inner.width - 0.5, transform.inner.height - 0.5))


def test_x_stays_x_and_y_stays_y() -> None:
    assert ResizeLongestSide.of(Size(512, 256)).apply_point(Point(100, 10)) == pytest.approx((200.5, 20.5))


@pytest.mark.parametrize("size", [Size(640, 480), Size(300, 900), Size(20, 12)], ids=str)
def test_point_and_image_are_transformed_alike(size: Size) -> None:
    frame = np.zeros((size.height, size.width, 3), np.uint8)
    spot = Point(size.width * 3 // 4, size.height // 4)
    frame[int(spot.y), int(spot.x)] = 255
    transform = ResizeLongestSide.of(size)
    square = transform.apply_image(frame, SCALE, OFFSET)[: transform.inner.height, : transform.inner.width, 0]
    weight = square / square.sum()
    down, across = np.mgrid[: transform.inner.height, : transform.inner.width]
    assert transform.apply_point(spot) == pytest.approx(
        ((across * weight).sum(), (down * weight).sum()), abs=0.6
    )


@sizes
def test_padding_is_what_the_encoder_takes_for_zero(size: Size) -> None:
    transform = ResizeLongestSide.of(size)
    square = transform.apply_image(np.full((size.height, size.width, 3), 255, np.uint8), SCALE, OFFSET)
    inside = np.zeros((SIDE, SIDE), bool)
    inside[: transform.inner.height, : transform.inner.width] = True
    np.testing.assert_allclose(square[inside], 1.0, rtol=1e-6)
    np.testing.assert_array_equal(square[~inside], np.broadcast_to(MEAN, square[~inside].shape))


def test_colors_are_scaled_and_shifted() -> None:
    frame = np.full((4, 4, 3), (0, 100, 200), np.uint8)
    square = ResizeLongestSide.of(Size(4, 4)).apply_image(
        frame, np.float32([0.01, 0.02, 0.03]), np.float32([1, 2, 3])
    )
    np.testing.assert_allclose(square[500, 500], [1, 4, 9], rtol=1e-5)


@sizes
def test_logits_to_matte_has_image_size_without_padding(size: Size) -> None:
    transform = ResizeLongestSide.of(size)
    width, height = (-(-length // 4) + 1 for length in transform.inner)
    logits = np.full((256, 256), 20, np.float32)
    logits[:height, :width] = -20
    # Only the padding is kept: none of it may reach the matte, except a trace at the border.
    matte = transform.logits_to_matte(logits)
    assert matte.shape == (size.height, size.width)
    assert matte.dtype == np.float32
    assert matte.max() < 0.01


@pytest.mark.parametrize("size", [Size(640, 480), Size(480, 640), Size(2000, 300)], ids=str)
def test_a_matte_goes_to_the_square_and_back(size: Size) -> None:
    centre, radius = Point(size.width * 0.7, size.height * 0.4), min(size) * 0.3
    matte = draw_shape("star", centre, radius, size)
    transform = ResizeLongestSide.of(size)
    assert iou(transform.logits_to_matte(transform.mask_to_logits(matte)), matte) > 0.9


def test_logits_to_matte_has_soft_edges() -> None:
    logits = np.where(np.arange(256) < 128, -3, 3).astype(np.float32) * np.ones((256, 1), np.float32)
    row = ResizeLongestSide.of(Size(4096, 4096)).logits_to_matte(logits)[2000]
    assert np.all(np.diff(row) >= -1e-6)
    between = (row > 0.1) & (row < 0.9)
    # One logit is 16 pixels here; a matte resized after thresholding would have only 0 and 1, or a ramp.
    assert 6 <= between.sum() <= 16
    assert len(np.unique(row[between])) == between.sum()
    edge = row[2040:2056]
    np.testing.assert_allclose(edge, 1 / (1 + np.exp(-np.linspace(-3, 3, 33)[1::2])), atol=0.06)


def test_nan_logits_give_a_finite_matte() -> None:
    logits = np.full((256, 256), np.nan, np.float32)
    logits[:10], logits[10:20] = np.inf, -np.inf
    matte = ResizeLongestSide.of(Size(64, 48)).logits_to_matte(logits)
    assert np.isfinite(matte).all()
    assert matte.min() >= 0
    assert matte.max() <= 1


def test_mask_to_logits_excludes_the_padding() -> None:
    logits = ResizeLongestSide.of(Size(400, 100)).mask_to_logits(np.ones((100, 400), np.float32))
    assert logits.shape == (256, 256)
    assert (logits[:64] > 0).all()
    assert (logits[65:] < 0).all()
    assert logits.max() == -logits.min()
