"""Overlays for people: mattes, trimaps, outlines and prompts drawn over the image."""

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
POSITIVE, NEGATIVE, OUTLINE = (40, 200, 80), (230, 50, 50), (255, 255, 255)
SHORTEST, LONGEST = 640, 1920
"""Limits of an overlay's longer side in pixels; tiny images are enlarged, so that the caption is legible."""
_GAP = 12  # pixels between the overlays of a sheet
_SHEET_GRAY = 24
_MAX_ANNOTATION_SIDE = 960  # pixels
_TINTS = {FOREGROUND: (30, 200, 90), UNKNOWN: (255, 190, 0)}
_BOX_COLOR = (90, 170, 255)
_BACKGROUND_BRIGHTNESS = 0.35


@dataclass(frozen=True)
class OverlayScale:
    """Scale between an image and its overlay.

    Attributes:
        size: size of the image.
        shown: size of the overlay.
    """

    size: Size
    shown: Size

    @classmethod
    def of(cls, size: Size) -> "OverlayScale":
        """Return the scale for images of `size`: between `SHORTEST` and `LONGEST`, same aspect ratio."""
        scale = min(max(1.0, SHORTEST / max(size)), LONGEST / max(size))
        return cls(size, Size(max(1, round(size.width * scale)), max(1, round(size.height * scale))))

    def to_overlay(self, x: float, y: float) -> tuple[float, float]:
        """Convert a position in the image to one in the overlay."""
        return (
            (x + 0.5) * self.shown.width / self.size.width - 0.5,
            (y + 0.5) * self.shown.height / self.size.height - 0.5,
        )

    @property
    def unit(self) -> float:
        """Thickness of a line in pixels of the overlay."""
        return max(2.0, min(max(self.shown) / 400, min(self.shown) / 80))


def draw_overlay(frame: Frame, matte: Matte, prompts: Sequence[Prompt], caption: str) -> Frame:
    """Draw a matte, prompts and a caption over an image. Returns: a new array, larger or smaller.

    The caption is in the top left corner; above the image if that is so flat that it would hide too much.

    Args:
        frame: the image.
        matte: matte of the image's size.
        prompts: in the image's pixels: positive points and boxes are green, negative points red.
        caption: one line, or "".
    """
    scale_to = OverlayScale.of(Size.of(frame))
    image = Image.fromarray(
        _tinted(resize(frame, scale_to.shown), resize_matte(matte, scale_to.shown), scale_to.unit)
    )
    draw = ImageDraw.Draw(image)
    for prompt in prompts:
        if prompt.box is not None:
            left, top, right, bottom = prompt.box
            corners = [scale_to.to_overlay(left, top), scale_to.to_overlay(right, bottom)]
            draw.rectangle(corners, outline=(0, 0, 0), width=round(2 * scale_to.unit))
            draw.rectangle(corners, outline=POSITIVE, width=round(scale_to.unit))
        for point in prompt.positive:
            _dot(draw, scale_to, point, POSITIVE)
        for point in prompt.negative:
            _dot(draw, scale_to, point, NEGATIVE)
    return _with_caption(image, caption) if caption else np.array(image)


def draw_sheet(overlays: Sequence[Frame], cell: int = 640) -> Frame:
    """Arrange the overlays of one image on one sheet, in reading order.

    Args:
        overlays: at least one, all of one size.
        cell: longer side of each in pixels.
    """
    have = Size.of(overlays[0])
    scale = cell / max(have)
    size = Size(max(1, round(have.width * scale)), max(1, round(have.height * scale)))
    # As many columns as make the sheet about square.
    columns = min(len(overlays), max(1, round(math.sqrt(len(overlays) * size.height / size.width))))
    rows = math.ceil(len(overlays) / columns)
    height, width = rows * (size.height + _GAP) + _GAP, columns * (size.width + _GAP) + _GAP
    sheet = np.full((height, width, 3), _SHEET_GRAY, np.uint8)
    for number, overlay in enumerate(overlays):
        row, column = divmod(number, columns)
        top, left = _GAP + row * (size.height + _GAP), _GAP + column * (size.width + _GAP)
        sheet[top : top + size.height, left : left + size.width] = resize(overlay, size)
    return sheet


def _tinted(frame: Frame, matte: Matte, unit: float) -> Frame:
    opacity = (0.5 * matte)[..., None]
    # The rest is darker, so that the tint is visible on blue images too.
    tinted = frame * (0.6 + 0.4 * matte)[..., None] * (1 - opacity) + TINT * opacity
    painted: Frame = np.rint(tinted).astype(np.uint8)
    found, _ = cv2.findContours((matte > 0.5).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(painted, found, -1, OUTLINE, max(1, round(0.7 * unit)), cv2.LINE_AA)
    return painted


def _dot(
    draw: ImageDraw.ImageDraw, scale_to: OverlayScale, point: Point, color: tuple[int, int, int]
) -> None:
    x, y = scale_to.to_overlay(*point)
    for reach, fill in (
        (4.2 * scale_to.unit, (0, 0, 0)),
        (3.6 * scale_to.unit, (255, 255, 255)),
        (2.6 * scale_to.unit, color),
    ):
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=fill)


def _with_caption(image: Image.Image, caption: str) -> Frame:
    font_size = max(18.0, min(max(image.size) / 36, min(image.size) / 5))
    # Narrow images get smaller letters rather than half a line.
    font_size *= min(1.0, 0.94 * image.width / (_font(font_size).getlength(caption) + font_size))
    font, edge = _font(font_size), 0.4 * font_size
    _, _, right, bottom = font.getbbox(caption)
    width, height = math.ceil(right + 2 * edge), math.ceil(bottom + 2 * edge)
    if image.height < 4 * height:
        above = Image.new("RGB", (image.width, image.height + height))
        above.paste(image, (0, height))
        image = above
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width, height - 1), fill=(0, 0, 0))
    draw.text((edge, edge), caption, font=font, fill=(255, 255, 255))
    return np.array(image)


def _font(font_size: float) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    try:
        return ImageFont.load_default(size=max(6.0, font_size))
    except (OSError, TypeError):  # Pillow without FreeType, or before 10.1
        return ImageFont.load_default()


def matte_to_uint8(matte: Matte) -> NDArray[np.uint8]:
    """Return a matte as uint8, 0 to 255."""
    return np.asarray(np.rint(matte * 255), np.uint8)


def draw_annotation(frame: Frame, trimap: Trimap, prompts: Sequence[Prompt] = ()) -> Frame:
    """Draw a trimap and prompts over a frame. Returns: a new array, at most 960 pixels long.

    The foreground has a green outline, the unknown region is yellow, the background dim. A dot is a positive
    point, a cross a negative one.
    """
    have = Size.of(frame)
    scale = min(1.0, _MAX_ANNOTATION_SIDE / max(have))
    size = Size(max(1, round(have.width * scale)), max(1, round(have.height * scale)))
    small, labels = resize(frame, size), resize_trimap(trimap, size)
    shown = np.where(
        (labels == BACKGROUND)[..., None], (small * _BACKGROUND_BRIGHTNESS).astype(np.uint8), small
    )
    shown[labels == UNKNOWN] = small[labels == UNKNOWN] // 3 + np.array(_TINTS[UNKNOWN], np.uint8) // 3 * 2
    body = (labels == FOREGROUND).astype(np.uint8)
    rim = body - cv2.erode(body, np.ones((5, 5), np.uint8))
    shown[rim > 0] = _TINTS[FOREGROUND]
    image = np.ascontiguousarray(shown, np.uint8)
    for prompt in prompts:
        _draw_prompt(image, prompt, scale)
    return image


def _draw_prompt(image: Frame, prompt: Prompt, scale: float) -> None:
    def to_small(x: float, y: float) -> tuple[int, int]:
        return round((x + 0.5) * scale - 0.5), round((y + 0.5) * scale - 0.5)

    if prompt.box:
        left, top, right, bottom = prompt.box
        cv2.rectangle(image, to_small(left, top), to_small(right, bottom), _BOX_COLOR, 1, cv2.LINE_AA)
    for point in prompt.positive:
        cv2.circle(image, to_small(*point), 5, (0, 0, 0), -1, cv2.LINE_AA)
        cv2.circle(image, to_small(*point), 4, (60, 255, 120), -1, cv2.LINE_AA)
    for point in prompt.negative:
        for thickness, color in ((4, (0, 0, 0)), (2, (255, 70, 70))):
            cv2.drawMarker(image, to_small(*point), color, cv2.MARKER_TILTED_CROSS, 10, thickness)


def draw_outline(frame: Frame, matte: Matte) -> Frame:
    """Return a copy of the frame with a thin green outline of a matte of its size."""
    body = (matte > 0.5).astype(np.uint8)
    image: Frame = frame.copy()
    image[cv2.morphologyEx(body, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0] = _TINTS[FOREGROUND]
    return image
