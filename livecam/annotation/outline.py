"""A matte as a trimap whose contour is as wide as the doubt is, and as a picture for people."""

from collections.abc import Sequence

import cv2
import numpy as np

from livecam.annotation.prompts import Prompt
from livecam.core.types import Frame, Matte, Size
from livecam.imaging.ops import resize
from livecam.imaging.trimap import BACKGROUND, CONTOUR, FOREGROUND, Trimap, resize_trimap

SURELY_OUT, SURELY_IN = 0.1, 0.9
_LONGEST = 960
_TINTS = {FOREGROUND: (30, 200, 90), CONTOUR: (255, 190, 0)}
_DIM = 0.35


def trimap_by_doubt(matte: Matte) -> Trimap:
    """Contour is what the matte isn't sure of, and one pixel more; never less than the outline itself."""
    square = np.ones((3, 3), np.uint8)
    doubt = ((matte > SURELY_OUT) & (matte < SURELY_IN)).astype(np.uint8)
    outline = cv2.morphologyEx((matte > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, square)
    trimap = np.where(matte > 0.5, FOREGROUND, BACKGROUND).astype(np.uint8)
    trimap[(cv2.dilate(doubt, square) > 0) | (outline > 0)] = CONTOUR
    return trimap


def draw_label(frame: Frame, trimap: Trimap, prompts: Sequence[Prompt] = ()) -> Frame:
    """What is kept as it is, with a green rim; the contour yellow, the rest dim; and what SAM was asked.

    At most 960 pixels long. A dot is a point to keep, a cross one to drop.
    """
    have = Size.of(frame)
    scale = min(1.0, _LONGEST / max(have))
    size = Size(max(1, round(have.width * scale)), max(1, round(have.height * scale)))
    small, labels = resize(frame, size), resize_trimap(trimap, size)
    shown = np.where((labels == BACKGROUND)[..., None], (small * _DIM).astype(np.uint8), small)
    shown[labels == CONTOUR] = small[labels == CONTOUR] // 3 + np.array(_TINTS[CONTOUR], np.uint8) // 3 * 2
    body = (labels == FOREGROUND).astype(np.uint8)
    rim = body - cv2.erode(body, np.ones((5, 5), np.uint8))
    shown[rim > 0] = _TINTS[FOREGROUND]
    picture = np.ascontiguousarray(shown, np.uint8)
    for prompt in prompts:
        _draw_prompt(picture, prompt, scale)
    return picture


def _draw_prompt(picture: Frame, prompt: Prompt, scale: float) -> None:
    def place(x: float, y: float) -> tuple[int, int]:
        return round((x + 0.5) * scale - 0.5), round((y + 0.5) * scale - 0.5)

    if prompt.box:
        left, top, right, bottom = prompt.box
        cv2.rectangle(picture, place(left, top), place(right, bottom), (90, 170, 255), 1, cv2.LINE_AA)
    for point in prompt.keep:
        cv2.circle(picture, place(*point), 5, (0, 0, 0), -1, cv2.LINE_AA)
        cv2.circle(picture, place(*point), 4, (60, 255, 120), -1, cv2.LINE_AA)
    for point in prompt.drop:
        for thickness, colour in ((4, (0, 0, 0)), (2, (255, 70, 70))):
            cv2.drawMarker(picture, place(*point), colour, cv2.MARKER_TILTED_CROSS, 10, thickness)


def draw_rim(frame: Frame, matte: Matte) -> Frame:
    """The frame with a thin green line around what a matte of its size keeps."""
    body = (matte > 0.5).astype(np.uint8)
    picture: Frame = frame.copy()
    picture[cv2.morphologyEx(body, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0] = _TINTS[FOREGROUND]
    return picture
