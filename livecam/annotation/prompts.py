"""Prompts for Segment Anything: positive and negative points, boxes and rough mattes.

Coordinates are pixels of the image; x runs to the right, y down. Whole numbers are pixel centres, so an
image of 640x480 spans -0.5 to 639.5 and -0.5 to 479.5.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from livecam.core.errors import UsageError
from livecam.core.geometry import Size

if TYPE_CHECKING:  # `livecam label` reports a wrong option without loading NumPy
    from livecam.core.types import Matte


class Point(NamedTuple):
    """A position in the image, in pixels."""

    x: float
    y: float

    def __str__(self) -> str:
        return f"{self.x:g},{self.y:g}"


class Box(NamedTuple):
    """An axis-aligned rectangle in pixels, given by its top-left and bottom-right corners."""

    left: float
    top: float
    right: float
    bottom: float

    def contains(self, point: Point) -> bool:
        """Return whether a point is inside the box or on its border."""
        return self.left <= point.x <= self.right and self.top <= point.y <= self.bottom

    def translated(self, x: float, y: float) -> "Box":
        """Return the box moved by (x, y) pixels; it may leave the image."""
        return Box(self.left + x, self.top + y, self.right + x, self.bottom + y)

    def __str__(self) -> str:
        return ",".join(f"{side:g}" for side in self)


@dataclass(frozen=True, eq=False)
class Prompt:
    """Selects one object.

    Attributes:
        positive: points on the object (SAM's label 1).
        negative: points that must not be part of it (SAM's label 0).
        box: box around the object.
        mask: rough matte of the object, of the image's size.
    """

    positive: tuple[Point, ...] = ()
    negative: tuple[Point, ...] = ()
    box: Box | None = None
    mask: "Matte | None" = None


def parse_point(text: str) -> Point:
    """Parse ``x,y``.

    Raises:
        UsageError: the text is not two finite numbers.
    """
    numbers = _parse_numbers(text)
    if len(numbers) != 2:
        raise UsageError(f"point {text!r} is not x,y in pixels from the top left, for example 320,180")
    return Point(*numbers)


def parse_box(text: str) -> Box:
    """Parse ``x0,y0,x1,y1``: left, top, right, bottom.

    Raises:
        UsageError: the text is not four finite numbers, or the box has no area.
    """
    numbers = _parse_numbers(text)
    if len(numbers) != 4:
        raise UsageError(
            f"box {text!r} is not x0,y0,x1,y1 (left, top, right, bottom) in pixels, as in 40,30,300,240"
        )
    box = Box(*numbers)
    _check_area(box)
    return box


def group_prompts(
    positive: Sequence[Point], negative: Sequence[Point], boxes: Sequence[Box]
) -> tuple[Prompt, ...]:
    """Group points and boxes into prompts, one for each object; the caller unites their mattes.

    Each box is an object together with the points in it. Positive points outside every box are one more
    object, with the negative points outside every box. Negative points outside every box are ignored if
    there are boxes but no such object; without boxes they form a prompt that `validate_prompt` refuses.
    """
    prompts = [
        Prompt(tuple(filter(box.contains, positive)), tuple(filter(box.contains, negative)), box)
        for box in boxes
    ]
    loose = tuple(point for point in positive if not any(box.contains(point) for box in boxes))
    outside = tuple(point for point in negative if not any(box.contains(point) for box in boxes))
    if loose or (outside and not boxes):
        prompts.append(Prompt(loose, outside))
    return tuple(prompts)


def validate_prompt(prompt: Prompt, size: Size) -> None:
    """Check that a prompt can be used on an image of `size`.

    Raises:
        UsageError: the prompt is empty or has negative points only, a box has no area, a point or box is
            outside the image, or the rough matte has another size.
    """
    if not (prompt.positive or prompt.negative or prompt.box or prompt.mask is not None):
        raise UsageError("nothing says what to keep; give --point x,y or --box x0,y0,x1,y1")
    if prompt.negative and not (prompt.positive or prompt.box or prompt.mask is not None):
        raise UsageError("points to drop alone select nothing; add --point x,y or --box x0,y0,x1,y1")
    for point in (*prompt.positive, *prompt.negative):
        _check_point(point, size)
    if prompt.box is not None:
        _check_area(prompt.box)
        _check_box(prompt.box, size)
    if prompt.mask is not None and prompt.mask.shape != (size.height, size.width):
        found = Size.of(prompt.mask)
        raise UsageError(f"the rough matte is {found}, the image {size}; make it the image's size")


def _parse_numbers(text: str) -> list[float]:
    """Return the comma-separated numbers of `text`, or [] if one is missing, infinite or NaN."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return []
    return numbers if all(math.isfinite(number) for number in numbers) else []


def _check_point(point: Point, size: Size) -> None:
    if not (-0.5 <= point.x <= size.width - 0.5 and -0.5 <= point.y <= size.height - 0.5):
        swapped = 0 <= point.y < size.width and 0 <= point.x < size.height
        hint = ", are they swapped?" if swapped else ""
        raise UsageError(
            f"point {point} is outside the image of {size}; "
            f"x is 0 to {size.width - 1}, y 0 to {size.height - 1}{hint}"
        )


def _check_box(box: Box, size: Size) -> None:
    # Right and bottom may equal the size: users write 0,0,640,480 for the whole image.
    if min(box.left, box.top) < -0.5 or box.right > size.width or box.bottom > size.height:
        raise UsageError(
            f"box {box} is outside the image of {size}; x is 0 to {size.width}, y 0 to {size.height}"
        )


def _check_area(box: Box) -> None:
    if not (box.left < box.right and box.top < box.bottom):
        raise UsageError(f"box {box} has no area; give its top left corner first: x0,y0,x1,y1")
