"""What a person points at: points to keep and to drop, boxes, a rough matte; in the picture's own pixels.

x runs to the right, y down; whole numbers are the centres of pixels, so that a picture of 640x480 spans
-0.5 to 639.5 and -0.5 to 479.5.
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
    """A place in the picture."""

    x: float
    y: float

    def __str__(self) -> str:
        return f"{self.x:g},{self.y:g}"


class Box(NamedTuple):
    """A rectangle, by its top-left and its bottom-right corner."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, point: Point) -> bool:
        """Whether a point lies in it, or on its border."""
        return self.left <= point.x <= self.right and self.top <= point.y <= self.bottom

    def moved(self, x: float, y: float) -> "Box":
        """The box so many pixels further right and down, be it out of the picture."""
        return Box(self.left + x, self.top + y, self.right + x, self.bottom + y)

    def __str__(self) -> str:
        return ",".join(f"{side:g}" for side in self)


@dataclass(frozen=True, eq=False)
class Prompt:
    """What says which one thing is meant.

    Attributes:
        keep: points on it.
        drop: points beside it, on what must not be part of it.
        box: around it.
        rough: a rough matte of it, of the picture's size.
    """

    positive: tuple[Point, ...] = ()
    negative: tuple[Point, ...] = ()
    box: Box | None = None
    mask: "Matte | None" = None


def parse_point(words: str) -> Point:
    """Read ``x,y``.

    Raises:
        UsageError: something else.
    """
    numbers = _numbers(words)
    if len(numbers) != 2:
        raise UsageError(f"point {words!r} is not x,y in pixels from the top left, for example 320,180")
    return Point(*numbers)


def parse_box(words: str) -> Box:
    """Read ``x0,y0,x1,y1``: the left, upper, right and lower side.

    Raises:
        UsageError: something else, or without area.
    """
    numbers = _numbers(words)
    if len(numbers) != 4:
        raise UsageError(
            f"box {words!r} is not x0,y0,x1,y1 (left, top, right, bottom) in pixels, as in 40,30,300,240"
        )
    box = Box(*numbers)
    _check_sides(box)
    return box


def group_prompts(keep: Sequence[Point], drop: Sequence[Point], boxes: Sequence[Box]) -> tuple[Prompt, ...]:
    """Sort what was said into prompts, one for each thing; their mattes are meant to be united.

    Each box is a thing, and the points in it are its. Points to keep outside every box are one thing more.
    Points to drop outside every box go with those; without any such they have nothing to drop from, unless
    nothing else was said (which `validate_prompt` refuses).
    """
    prompts = [Prompt(tuple(filter(box.holds, keep)), tuple(filter(box.holds, drop)), box) for box in boxes]
    loose = tuple(point for point in keep if not any(box.holds(point) for box in boxes))
    away = tuple(point for point in drop if not any(box.holds(point) for box in boxes))
    if loose or (away and not boxes):
        prompts.append(Prompt(loose, away))
    return tuple(prompts)


def validate_prompt(prompt: Prompt, size: Size) -> None:
    """See that a prompt can be used on a picture of `size`.

    Raises:
        UsageError: nothing in it, only points to drop, a box without area, something outside the picture, or
            a rough matte of another size.
    """
    if not (prompt.positive or prompt.negative or prompt.box or prompt.mask is not None):
        raise UsageError("nothing says what to keep; give --point x,y or --box x0,y0,x1,y1")
    if prompt.negative and not (prompt.positive or prompt.box or prompt.mask is not None):
        raise UsageError("points to drop alone select nothing; add --point x,y or --box x0,y0,x1,y1")
    for point in (*prompt.positive, *prompt.negative):
        _check_point(point, size)
    if prompt.box is not None:
        _check_sides(prompt.box)
        _check_box(prompt.box, size)
    if prompt.mask is not None and prompt.mask.shape != (size.height, size.width):
        found = Size.of(prompt.mask)
        raise UsageError(f"the rough matte is {found}, the picture {size}; make it the picture's size")


def _numbers(words: str) -> list[float]:
    try:
        numbers = [float(word) for word in words.split(",")]
    except ValueError:
        return []
    return numbers if all(math.isfinite(number) for number in numbers) else []


def _check_point(point: Point, size: Size) -> None:
    if not (-0.5 <= point.x <= size.width - 0.5 and -0.5 <= point.y <= size.height - 0.5):
        swapped = 0 <= point.y < size.width and 0 <= point.x < size.height
        hint = ", are they swapped?" if swapped else ""
        raise UsageError(
            f"point {point} is outside the picture of {size}; "
            f"x is 0 to {size.width - 1}, y 0 to {size.height - 1}{hint}"
        )


def _check_box(box: Box, size: Size) -> None:
    # As far as the size itself, as people write 0,0,640,480 for all of the picture.
    if min(box.left, box.top) < -0.5 or box.right > size.width or box.bottom > size.height:
        raise UsageError(
            f"box {box} is outside the picture of {size}; x is 0 to {size.width}, y 0 to {size.height}"
        )


def _check_sides(box: Box) -> None:
    if not (box.left < box.right and box.top < box.bottom):
        raise UsageError(f"box {box} has no area; give its top left corner first: x0,y0,x1,y1")
