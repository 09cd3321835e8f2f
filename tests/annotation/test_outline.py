import cv2
import numpy as np

from livecam.annotation.outline import draw_label, draw_rim, trimap_by_doubt
from livecam.annotation.prompts import Box, Point, Prompt
from livecam.imaging.trimap import BACKGROUND, CONTOUR, FOREGROUND


def ramp(width: float) -> np.ndarray:  # type: ignore[type-arg]
    """A matte that falls from left to right within `width` pixels around the middle."""
    x = np.arange(100, dtype=np.float32)
    return np.tile(np.clip((50 - x) / np.float32(width) + 0.5, 0, 1), (40, 1)).astype(np.float32)


def test_the_contour_is_as_wide_as_the_doubt() -> None:
    widths = [int((trimap_by_doubt(ramp(w))[20] == CONTOUR).sum()) for w in (0.01, 10, 30)]
    assert widths[0] in (2, 3)
    assert 8 <= widths[1] <= 12
    assert 24 <= widths[2] <= 28
    trimap = trimap_by_doubt(ramp(10))
    assert (trimap[20, :40] == FOREGROUND).all()
    assert (trimap[20, 60:] == BACKGROUND).all()


def test_sure_mattes_have_no_contour() -> None:
    assert (trimap_by_doubt(np.zeros((8, 9), np.float32)) == BACKGROUND).all()
    assert (trimap_by_doubt(np.ones((8, 9), np.float32)) == FOREGROUND).all()


def test_an_overlay_dims_what_goes_and_shows_what_stays() -> None:
    frame = np.full((40, 100, 3), 200, np.uint8)
    shown = draw_label(frame, trimap_by_doubt(ramp(6)))
    assert (shown[20, 10] == 200).all()
    assert (shown[20, 90] < 100).all()
    assert (frame == 200).all()


def test_prompts_are_drawn_where_they_are_however_large_the_frame() -> None:
    frame = np.full((1080, 1920, 3), 200, np.uint8)
    trimap = np.full((1080, 1920), BACKGROUND, np.uint8)
    prompt = Prompt(keep=(Point(400, 200),), drop=(Point(1500, 900),), box=Box(300, 100, 600, 500))
    shown = draw_label(frame, trimap, [prompt]).astype(int)
    assert shown.shape == (540, 960, 3)
    assert shown[100, 200, 1] > 200
    assert shown[450, 750, 0] > 200
    assert shown[150, 150, 2] > shown[150, 150, 0] + 50


def test_a_rim_is_drawn_and_the_frame_left_alone() -> None:
    frame = np.full((40, 100, 3), 90, np.uint8)
    rimmed = draw_rim(frame, ramp(1))
    assert (rimmed != frame).any(axis=2).any()
    assert (frame == 90).all()
    assert cv2.absdiff(rimmed, frame).max(axis=2)[:, :40].max() == 0
