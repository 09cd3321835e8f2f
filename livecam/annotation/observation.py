"""What was found of a thing in a frame: what SAM was asked, which answer was taken, and why to look at it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from livecam.annotation.appearance import Likeness
from livecam.annotation.prompts import Box, Point, Prompt
from livecam.core.types import Matte


class Answer(Protocol):
    """What SAM says of a prompt: `Candidate` of `livecam.annotation.sam.predictor`, or a stand-in."""

    @property
    def number(self) -> int: ...  # noqa: D102
    @property
    def score(self) -> float: ...  # noqa: D102
    @property
    def matte(self) -> Matte: ...  # noqa: D102


class Looked(Protocol):
    """A picture that SAM has looked at."""

    def segment(self, prompt: Prompt) -> Sequence[Answer]: ...  # noqa: D102


class Last(NamedTuple):
    """Where a thing's anchor was in the frame before, and its box, pixels and looks when all was well."""

    place: Point
    box: Box
    area: int
    likeness: Likeness

    def carried_to(self, place: Point) -> "Last":
        """The same with its anchor elsewhere; the box may leave the picture."""
        x, y = place.x - self.place.x, place.y - self.place.y
        return self._replace(place=place, box=self.box.moved(x, y))


@dataclass(frozen=True)
class Sighting:
    """A thing in a frame: what was asked, which answer was taken (None: lost, or nothing found).

    `last` is what the next frame is compared with; `reasons` says why it should be looked at, empty where all
    is well.
    """

    prompt: Prompt | None
    answer: Answer | None
    last: Last | None
    reasons: tuple[str, ...] = ()

    def as_plain(self) -> dict[str, Any]:
        """For labels.jsonl."""
        last = self.last
        return {
            "point": list(self.prompt.keep[0]) if self.prompt and self.prompt.keep else None,
            "box": list(self.prompt.box) if self.prompt and self.prompt.box else None,
            "score": plain_score(self.answer.score) if self.answer else None,
            "candidate": self.answer.number if self.answer else None,
            "last": [list(last.place), list(last.box), last.area, last.likeness.as_plain()] if last else None,
        }


def plain_score(score: float) -> float | None:
    """A score for JSON, which knows no NaN."""
    return round(float(score), 4) if math.isfinite(score) else None


def read_last(plain: Mapping[str, Any]) -> Last | None:
    """The `last` of what `as_plain` gave; None where an earlier version wrote less."""
    last = plain.get("last")
    if not last or len(last) < len(Last._fields):
        return None
    return Last(Point(*last[0]), Box(*last[1]), int(last[2]), Likeness.from_plain(last[3]))


def trust(score: float) -> float:
    """A score that can be compared: of damaged weights it may be no number."""
    return score if math.isfinite(score) else -1.0
