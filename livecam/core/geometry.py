"""Sizes in pixels and how an image fills a frame. Imports no NumPy."""

import re
from enum import Enum
from typing import Any, NamedTuple

from numpy.typing import NDArray

from livecam.core.errors import UsageError


class Size(NamedTuple):
    """Width and height in pixels, in that order."""

    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> "Size":
        """Read ``1280x720``.

        Raises:
            UsageError: the text is not WIDTHxHEIGHT with both between 16 and 16384.
        """
        match = re.fullmatch(r"\s*(\d{1,5})\s*[xX×*]\s*(\d{1,5})\s*", text)
        if not match or not all(16 <= int(side) <= 16384 for side in match.groups()):
            raise UsageError(f"size {text!r} is not WIDTHxHEIGHT, both 16 to 16384, for example 1280x720")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, picture: NDArray[Any]) -> "Size":
        """The size of an array of shape (height, width, ...)."""
        return cls(int(picture.shape[1]), int(picture.shape[0]))

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def limit(size: Size, longest: int) -> Size:
    """`size` scaled down, if need be, so that no side is longer than `longest`."""
    scale = min(1.0, longest / max(size))
    return Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))


class FitMode(Enum):
    """What happens to a picture whose shape is not the frame's."""

    COVER = "cover"  # fills the frame, the middle of the picture remains
    CONTAIN = "contain"  # all of the picture, over a soft dark copy of itself
    STRETCH = "stretch"  # all of the picture, out of shape
