"""Sizes in pixels, and how an image fills a frame. Loads no NumPy."""

import re
from enum import Enum
from typing import NamedTuple, Protocol

from livecam.core.errors import UsageError


class HasShape(Protocol):
    """An array, of any library."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of its axes."""


class Size(NamedTuple):
    """Width and height in pixels, in that order."""

    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> "Size":
        """Read a size such as ``1280x720``.

        Raises:
            UsageError: the text is not WIDTHxHEIGHT with both between 16 and 16384.
        """
        match = re.fullmatch(r"\s*(\d{1,5})\s*[xX×*]\s*(\d{1,5})\s*", text)
        if not match or not all(16 <= int(side) <= 16384 for side in match.groups()):
            raise UsageError(f"size {text!r} is not WIDTHxHEIGHT, both 16 to 16384, for example 1280x720")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, image: HasShape) -> "Size":
        """Return the size of an array of shape (height, width, ...)."""
        return cls(int(image.shape[1]), int(image.shape[0]))

    def fit_within(self, longest: int) -> "Size":
        """Return the size scaled down, if needed, so that no side exceeds `longest` pixels."""
        scale = min(1.0, longest / max(self))
        return Size(max(1, round(self.width * scale)), max(1, round(self.height * scale)))

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class Crop(NamedTuple):
    """A rectangle of whole pixels in a frame.

    Attributes:
        left, top: its first column and row.
        size: its width and height, at least 1 each.
    """

    left: int
    top: int
    size: Size

    @classmethod
    def whole(cls, image: HasShape) -> "Crop":
        """Return the crop that is the whole image."""
        return cls(0, 0, Size.of(image))

    @property
    def right(self) -> int:
        """The first column on its right."""
        return self.left + self.size.width

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.top + self.size.height

    def rescaled(self, before: Size, after: Size) -> "Crop":
        """Return the same part of the frame at another size, expanded to whole pixels.

        Args:
            before: the size of the frame in which this crop lies.
            after: the size of the frame in which the result lies.
        """
        left, right = self.left * after.width // before.width, -(-self.right * after.width // before.width)
        top, bottom = (
            self.top * after.height // before.height,
            -(-self.bottom * after.height // before.height),
        )
        return Crop(left, top, Size(right - left, bottom - top))

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an array of the frame's size."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


class FitMode(Enum):
    """How an image fills a frame of another aspect ratio; values as on the command line."""

    COVER = "cover"  # fill the frame and crop what is left over on two sides
    CONTAIN = "contain"  # show the whole image over a blurred, darker copy of itself
    STRETCH = "stretch"  # show the whole image with another aspect ratio


class FramingMode(Enum):
    """Which part of a source frame is shown; values as on the command line."""

    WHOLE = "whole"  # the whole frame
    AUTO = "auto"  # the part around the person, followed smoothly
