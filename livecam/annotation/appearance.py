"""What a thing looked like when it was found last, small enough for a line of JSON."""

import base64
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.annotation.prompts import Box
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import resize_float

_SIDE = 16
_HALF = 128
_OTHER_COLOUR = 48.0
"""Levels of 255 that colours differ by on average where it is another thing; a lamp switched on makes 30."""


@dataclass(frozen=True, eq=False)
class AppearanceDescriptor:
    """A thing within its box.

    Attributes:
        picture: uint8 (16, 16, 4): the colour of what of the thing is in each cell, and × 255 how much is.
    """

    picture: NDArray[np.uint8]

    @classmethod
    def of(cls, frame: Frame, matte: Matte, box: Box) -> "AppearanceDescriptor":
        """Of a thing by its matte, both (height, width, ...); `box` lies in the picture."""
        left, top, right, bottom = (round(side) for side in box)
        rows, columns = slice(top, bottom + 1), slice(left, right + 1)
        share = np.asarray(matte[rows, columns] > 0.5, np.float32)[..., None]
        both = np.concatenate([frame[rows, columns] * share, share], axis=-1)
        small = resize_float(np.ascontiguousarray(both, np.float32), Size(_SIDE, _SIDE))
        small[..., :3] /= np.maximum(small[..., 3:], np.float32(1e-3))
        small[..., 3] *= 255
        return cls(np.clip(np.rint(small), 0, 255).astype(np.uint8))

    def shape_iou(self, matte: Matte, box: Box) -> float:
        """The IoU of a matte (height, width) and this shape put at `box`, which may leave the picture."""
        wide, high = (box.right - box.left + 1) / _SIDE, (box.bottom - box.top + 1) / _SIDE
        place = np.array([[wide, 0, box.left + wide / 2 - 0.5], [0, high, box.top + high / 2 - 0.5]])
        shares = np.ascontiguousarray(self.picture[..., 3])
        there = cv2.warpAffine(shares, place, tuple(Size.of(matte))) >= _HALF
        said = matte > 0.5
        whole = int((there | said).sum())
        return int((there & said).sum()) / whole if whole else 0.0

    def similar_color(self, other: "AppearanceDescriptor") -> bool:
        """Whether two likenesses have about the same colours in the same places."""
        both = self.picture[..., 3].astype(np.float32) * other.picture[..., 3]
        apart = np.abs(self.picture[..., :3].astype(np.float32) - other.picture[..., :3]).mean(axis=-1)
        weight = float(both.sum())
        return weight > 0 and float((apart * both).sum()) / weight < _OTHER_COLOUR

    def as_plain(self) -> str:
        """For JSON."""
        return base64.b64encode(self.picture.tobytes()).decode()

    @classmethod
    def from_plain(cls, plain: str) -> "AppearanceDescriptor":
        """What `as_json` gave.

        Raises:
            ValueError: it is something else.
        """
        return cls(np.frombuffer(base64.b64decode(plain), np.uint8).reshape(_SIDE, _SIDE, 4))
