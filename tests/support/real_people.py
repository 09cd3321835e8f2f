"""Clips of two real people: cut-outs of scikit-image's photograph, one in front and one who walks behind."""

from functools import cache

import cv2
import numpy as np
from skimage.data import astronaut

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.pipeline import Pipeline
from tests.support.two_people import TwoPeople

FRAME = Size(640, 360)


@cache
def cut_out() -> tuple[Frame, Matte]:
    """Return the photograph and the matte of the person, without the flag and the helmet beside her."""
    photograph = astronaut()
    outline = np.zeros(photograph.shape[:2], np.float32)
    points = [
        (60, 511),
        (70, 380),
        (120, 290),
        (180, 240),
        (160, 120),
        (160, 40),
        (220, 5),
        (275, 30),
        (290, 110),
    ]
    points += [(275, 240), (330, 280), (300, 345), (285, 511)]
    cv2.fillPoly(outline, [np.array(points, np.int32)], 1.0)
    pipeline = Pipeline.load("person", "#000000", threads=1)
    matte = pipeline.matte(photograph) * cv2.GaussianBlur(outline, (0, 0), 1)
    pipeline.close()
    return photograph, matte


def place(height: int, x: int, *, mirrored: bool = False) -> tuple[Frame, Matte]:
    """Return the person `height` pixels high on an empty frame, the middle at column `x`."""
    image, matte = cut_out()
    size = (height, height)
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    matte = cv2.resize(matte, size, interpolation=cv2.INTER_AREA)
    if mirrored:
        # Another person: other clothes and hair.
        image, matte = np.ascontiguousarray(image[:, ::-1, ::-1]), np.ascontiguousarray(matte[:, ::-1])
    shift = np.array([[1, 0, x - height / 2], [0, 1, FRAME.height - height]], np.float64)
    return cv2.warpAffine(image, shift, tuple(FRAME)), cv2.warpAffine(matte, shift, tuple(FRAME))


@cache
def room() -> Frame:
    """Draw a wall with some texture, a shelf and the light of a window."""
    texture = np.random.default_rng(4).normal(0, 6, (45, 80, 3)).astype(np.float32)
    wall = cv2.resize(texture, tuple(FRAME), interpolation=cv2.INTER_CUBIC)
    wall += np.array((188, 184, 176), np.float32)
    wall *= np.linspace(1.08, 0.85, FRAME.width, dtype=np.float32)[None, :, None]
    wall[90:104, 30:200] = (120, 92, 70)
    return np.clip(wall, 0, 255).astype(np.uint8)


def real_walk(number: int, count: int) -> TwoPeople:
    """Draw frame `number` of `count`: the other comes in on the left and leaves on the right."""
    front, person = place(300, round(FRAME.width / 2 + 10 * np.sin(number / 6)))
    walker, other = place(250, round(-90 + (FRAME.width + 180) * number / count), mirrored=True)
    frame = room().astype(np.float32)
    for image, matte in ((walker, other), (front, person)):
        frame += matte[..., None] * (image - frame)
    return TwoPeople(frame.astype(np.uint8), person, other * (1 - person))
