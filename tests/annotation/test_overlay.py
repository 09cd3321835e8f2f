"""Overlays show the matte, the prompts and the score, at any image size."""

import cv2
import numpy as np
import pytest

from livecam.annotation.overlay import (
    NEGATIVE,
    POSITIVE,
    OverlayScale,
    draw_annotation,
    draw_outline,
    draw_overlay,
    draw_sheet,
)
from livecam.annotation.prompts import Box, Point, Prompt
from livecam.core.geometry import Size
from livecam.imaging.trimap import BACKGROUND, FOREGROUND, UNKNOWN, trimap_from_uncertainty

SIZES = [Size(20, 12), Size(640, 480), Size(300, 900), Size(12000, 300), Size(4000, 3000)]
sizes = pytest.mark.parametrize("size", SIZES, ids=str)


def gray_frame(size: Size) -> np.ndarray:
    return np.full((size.height, size.width, 3), 128, np.uint8)


def left_half(size: Size) -> np.ndarray:
    matte = np.zeros((size.height, size.width), np.float32)
    matte[:, : size.width // 2] = 1
    return matte


@sizes
def test_overlay_size_is_limited_in_both_directions(size: Size) -> None:
    shown = OverlayScale.of(size).shown
    assert 640 <= max(shown) <= 1920
    assert shown.width / shown.height == pytest.approx(size.width / size.height, rel=0.05)


@sizes
def test_dots_are_where_the_points_are_green_kept_and_red_dropped(size: Size) -> None:
    keep, drop = Point(size.width // 4, size.height // 2), Point(size.width * 3 // 4, size.height // 2)
    overlay = draw_overlay(gray_frame(size), left_half(size), [Prompt((keep,), (drop,))], "")
    scale = OverlayScale.of(size)
    for point, color in ((keep, POSITIVE), (drop, NEGATIVE)):
        x, y = (round(place) for place in scale.to_overlay(*point))
        assert tuple(overlay[y, x]) == color


def test_what_is_kept_is_tinted_and_the_rest_is_darker() -> None:
    size = Size(640, 480)
    overlay = draw_overlay(gray_frame(size), left_half(size), [], "").astype(int)
    inside, outside = overlay[240, 100], overlay[240, 500]
    assert inside[2] > inside[0] + 40
    assert outside[0] == outside[1] == outside[2] < 128
    assert overlay[240, 318:321].min(axis=1).max() > 200  # the outline


def test_a_box_is_drawn_around_what_it_is_around() -> None:
    size = Size(640, 480)
    overlay = draw_overlay(gray_frame(size), left_half(size), [Prompt(box=Box(400, 100, 600, 300))], "")
    for x, y in ((400, 200), (600, 200), (500, 100), (500, 300)):
        assert (overlay[y - 3 : y + 4, x - 3 : x + 4] == POSITIVE).all(axis=2).any(), (x, y)
    assert not (overlay[150:250, 450:550] == POSITIVE).all(axis=2).any()


CAPTION = "rank 1: score 0.987 (mask 2)"


@sizes
def test_caption_is_complete_and_legible(size: Size) -> None:
    captioned = draw_overlay(gray_frame(size), left_half(size), [], CAPTION)
    uncaptioned = draw_overlay(gray_frame(size), left_half(size), [], "")
    above = captioned.shape[0] - uncaptioned.shape[0]
    changed = (captioned[:, :, 0] == 0) if above else (captioned != uncaptioned).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed[:18].any(0))
    assert (rows[0], columns[0]) == (0, 0)
    assert rows[-1] >= 14
    assert above or rows[-1] < 0.5 * len(captioned)
    white = np.flatnonzero((captioned[: rows[-1] + 1] > 240).all(axis=2).any(0))
    # Narrow images have smaller letters; none is cut off.
    assert len(white)
    if not above and size.width < 1000:
        assert columns[-1] < 0.99 * captioned.shape[1]


def test_caption_of_a_flat_image_hides_nothing() -> None:
    size = Size(12000, 300)
    uncaptioned = draw_overlay(gray_frame(size), left_half(size), [], "")
    captioned = draw_overlay(gray_frame(size), left_half(size), [], CAPTION)
    np.testing.assert_array_equal(captioned[-len(uncaptioned) :], uncaptioned)


def test_the_frame_itself_is_left_alone() -> None:
    frame = gray_frame(Size(640, 480))
    draw_overlay(frame, left_half(Size(640, 480)), [Prompt((Point(1, 1),))], "text")
    assert (frame == 128).all()


@pytest.mark.parametrize("count", [1, 2, 4, 5])
@pytest.mark.parametrize("size", [Size(640, 480), Size(300, 900), Size(1920, 48)], ids=str)
def test_a_sheet_holds_all_overlays_without_cutting(size: Size, count: int) -> None:
    overlays = [np.full((size.height, size.width, 3), 100 + number, np.uint8) for number in range(count)]
    sheet = draw_sheet(overlays, cell=160)
    areas = [(sheet == 100 + number).all(axis=2).sum() for number in range(count)]
    assert min(areas) == max(areas)
    assert areas[0] == 160 * round(160 * min(size) / max(size))


def ramp(width: float) -> np.ndarray:  # type: ignore[type-arg]
    """Return a matte that falls from left to right within `width` pixels around the middle."""
    x = np.arange(100, dtype=np.float32)
    return np.tile(np.clip((50 - x) / np.float32(width) + 0.5, 0, 1), (40, 1)).astype(np.float32)


def test_unknown_region_is_as_wide_as_the_uncertainty() -> None:
    widths = [int((trimap_from_uncertainty(ramp(w))[20] == UNKNOWN).sum()) for w in (0.01, 10, 30)]
    assert widths[0] in (2, 3)
    assert 8 <= widths[1] <= 12
    assert 24 <= widths[2] <= 28
    trimap = trimap_from_uncertainty(ramp(10))
    assert (trimap[20, :40] == FOREGROUND).all()
    assert (trimap[20, 60:] == BACKGROUND).all()


def test_certain_mattes_have_no_unknown_region() -> None:
    assert (trimap_from_uncertainty(np.zeros((8, 9), np.float32)) == BACKGROUND).all()
    assert (trimap_from_uncertainty(np.ones((8, 9), np.float32)) == FOREGROUND).all()


def test_an_overlay_dims_what_goes_and_shows_what_stays() -> None:
    frame = np.full((40, 100, 3), 200, np.uint8)
    shown = draw_annotation(frame, trimap_from_uncertainty(ramp(6)))
    assert (shown[20, 10] == 200).all()
    assert (shown[20, 90] < 100).all()
    assert (frame == 200).all()


def test_prompts_are_drawn_where_they_are_however_large_the_frame() -> None:
    frame = np.full((1080, 1920, 3), 200, np.uint8)
    trimap = np.full((1080, 1920), BACKGROUND, np.uint8)
    prompt = Prompt(positive=(Point(400, 200),), negative=(Point(1500, 900),), box=Box(300, 100, 600, 500))
    shown = draw_annotation(frame, trimap, [prompt]).astype(int)
    assert shown.shape == (540, 960, 3)
    assert shown[100, 200, 1] > 200
    assert shown[450, 750, 0] > 200
    assert shown[150, 150, 2] > shown[150, 150, 0] + 50


def test_outline_is_drawn_on_a_copy() -> None:
    frame = np.full((40, 100, 3), 90, np.uint8)
    rimmed = draw_outline(frame, ramp(1))
    assert (rimmed != frame).any(axis=2).any()
    assert (frame == 90).all()
    assert cv2.absdiff(rimmed, frame).max(axis=2)[:, :40].max() == 0
