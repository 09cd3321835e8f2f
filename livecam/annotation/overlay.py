"""What SAM says, drawn over the picture: the matte's tint and outline, the prompts, rank and score."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from livecam.annotation.prompts import Point, Prompt
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import resize, resize_matte
from livecam.imaging.trimap import BACKGROUND, FOREGROUND, UNKNOWN, Trimap, resize_trimap

TINT = np.array([30, 144, 255], np.float32)
KEEP, DROP, OUTLINE = (40, 200, 80), (230, 50, 50), (255, 255, 255)
SHORTEST, LONGEST = 640, 1920
"""The longer side of an overlay in pixels: tiny pictures are enlarged, so that writing can be read."""
_GAP = 12
_PAPER = 24


@dataclass(frozen=True)
class OverlayScale:
    """How large a picture is shown."""

    size: Size
    shown: Size

    @classmethod
    def of(cls, size: Size) -> "OverlayScale":
        """Between `SHORTEST` and `LONGEST`, in the picture's shape."""
        scale = min(max(1.0, SHORTEST / max(size)), LONGEST / max(size))
        return cls(size, Size(max(1, round(size.width * scale)), max(1, round(size.height * scale))))

    def spot(self, x: float, y: float) -> tuple[float, float]:
        """A place in the picture as one in what is shown."""
        return (
            (x + 0.5) * self.shown.width / self.size.width - 0.5,
            (y + 0.5) * self.shown.height / self.size.height - 0.5,
        )

    @property
    def unit(self) -> float:
        """The thickness of a line in pixels, for this size."""
        return max(2.0, min(max(self.shown) / 400, min(self.shown) / 80))


def draw_overlay(frame: Frame, matte: Matte, prompts: Sequence[Prompt], words: str) -> Frame:
    """A picture with the matte over it, the prompts that were given, and `words` in its corner.

    Of pictures that are only a strip the words would hide much: they stand above those.

    Args:
        frame: the picture.
        matte: of its size.
        prompts: in its pixels: kept points are green, dropped ones red, boxes green.
        words: one line; empty for none.
    """
    view = OverlayScale.of(Size.of(frame))
    canvas = Image.fromarray(_tinted(resize(frame, view.shown), resize_matte(matte, view.shown), view.unit))
    pen = ImageDraw.Draw(canvas)
    for prompt in prompts:
        if prompt.box is not None:
            left, top, right, bottom = prompt.box
            corners = [view.spot(left, top), view.spot(right, bottom)]
            pen.rectangle(corners, outline=(0, 0, 0), width=round(2 * view.unit))
            pen.rectangle(corners, outline=KEEP, width=round(view.unit))
        for point in prompt.positive:
            _dot(pen, view, point, KEEP)
        for point in prompt.negative:
            _dot(pen, view, point, DROP)
    return _labelled(canvas, words) if words else np.array(canvas)


def draw_sheet(overlays: Sequence[Frame], cell: int = 640) -> Frame:
    """Overlays of one picture side by side on one sheet, in reading order.

    Args:
        overlays: at least one, all of one size.
        cell: the longer side of each in pixels.
    """
    have = Size.of(overlays[0])
    scale = cell / max(have)
    size = Size(max(1, round(have.width * scale)), max(1, round(have.height * scale)))
    # Wide pictures below each other, tall ones side by side: about as wide as high.
    columns = min(len(overlays), max(1, round(math.sqrt(len(overlays) * size.height / size.width))))
    rows = math.ceil(len(overlays) / columns)
    height, width = rows * (size.height + _GAP) + _GAP, columns * (size.width + _GAP) + _GAP
    sheet = np.full((height, width, 3), _PAPER, np.uint8)
    for number, overlay in enumerate(overlays):
        row, column = divmod(number, columns)
        top, left = _GAP + row * (size.height + _GAP), _GAP + column * (size.width + _GAP)
        sheet[top : top + size.height, left : left + size.width] = resize(overlay, size)
    return sheet


def _tinted(frame: Frame, matte: Matte, unit: float) -> Frame:
    share = (0.5 * matte)[..., None]
    # What isn't kept is darker, so that the tint is seen on blue pictures too.
    tinted = frame * (0.6 + 0.4 * matte)[..., None] * (1 - share) + TINT * share
    painted: Frame = np.rint(tinted).astype(np.uint8)
    found, _ = cv2.findContours((matte > 0.5).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(painted, found, -1, OUTLINE, max(1, round(0.7 * unit)), cv2.LINE_AA)
    return painted


def _dot(pen: ImageDraw.ImageDraw, view: OverlayScale, point: Point, colour: tuple[int, int, int]) -> None:
    x, y = view.spot(*point)
    for reach, fill in (
        (4.2 * view.unit, (0, 0, 0)),
        (3.6 * view.unit, (255, 255, 255)),
        (2.6 * view.unit, colour),
    ):
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=fill)


def _labelled(picture: Image.Image, words: str) -> Frame:
    letter = max(18.0, min(max(picture.size) / 36, min(picture.size) / 5))
    # Narrow pictures get smaller letters rather than half a line.
    letter *= min(1.0, 0.94 * picture.width / (_font(letter).getlength(words) + letter))
    font, edge = _font(letter), 0.4 * letter
    _, _, right, bottom = font.getbbox(words)
    width, height = math.ceil(right + 2 * edge), math.ceil(bottom + 2 * edge)
    if picture.height < 4 * height:
        above = Image.new("RGB", (picture.width, picture.height + height))
        above.paste(picture, (0, height))
        picture = above
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, width, height - 1), fill=(0, 0, 0))
    pen.text((edge, edge), words, font=font, fill=(255, 255, 255))
    return np.array(picture)


def _font(letter: float) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    try:
        return ImageFont.load_default(size=max(6.0, letter))
    except (OSError, TypeError):  # Pillow without FreeType, or before 10.1
        return ImageFont.load_default()


def matte_to_uint8(matte: Matte) -> NDArray[np.uint8]:
    """A matte as 0 to 255."""
    return np.asarray(np.rint(matte * 255), np.uint8)


_LONGEST = 960


_TINTS = {FOREGROUND: (30, 200, 90), UNKNOWN: (255, 190, 0)}


_DIM = 0.35


def draw_annotation(frame: Frame, trimap: Trimap, prompts: Sequence[Prompt] = ()) -> Frame:
    """What is kept as it is, with a green rim; the contour yellow, the rest dim; and what SAM was asked.

    At most 960 pixels long. A dot is a point to keep, a cross one to drop.
    """
    have = Size.of(frame)
    scale = min(1.0, _LONGEST / max(have))
    size = Size(max(1, round(have.width * scale)), max(1, round(have.height * scale)))
    small, labels = resize(frame, size), resize_trimap(trimap, size)
    shown = np.where((labels == BACKGROUND)[..., None], (small * _DIM).astype(np.uint8), small)
    shown[labels == UNKNOWN] = small[labels == UNKNOWN] // 3 + np.array(_TINTS[UNKNOWN], np.uint8) // 3 * 2
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
    for point in prompt.positive:
        cv2.circle(picture, place(*point), 5, (0, 0, 0), -1, cv2.LINE_AA)
        cv2.circle(picture, place(*point), 4, (60, 255, 120), -1, cv2.LINE_AA)
    for point in prompt.negative:
        for thickness, colour in ((4, (0, 0, 0)), (2, (255, 70, 70))):
            cv2.drawMarker(picture, place(*point), colour, cv2.MARKER_TILTED_CROSS, 10, thickness)


def draw_outline(frame: Frame, matte: Matte) -> Frame:
    """The frame with a thin green line around what a matte of its size keeps."""
    body = (matte > 0.5).astype(np.uint8)
    picture: Frame = frame.copy()
    picture[cv2.morphologyEx(body, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0] = _TINTS[FOREGROUND]
    return picture
