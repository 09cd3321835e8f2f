"""What was found of a thing in a frame: what SAM was asked, which answer was taken, and why to look at it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from livecam.annotation.appearance import AppearanceDescriptor
from livecam.annotation.prompts import Box, Point, Prompt
from livecam.core.types import Matte


class MaskCandidateLike(Protocol):
    """What SAM says of a prompt: `MaskCandidate` of `livecam.annotation.sam.predictor`, or a stand-in."""

    @property
    def number(self) -> int: ...  # noqa: D102
    @property
    def score(self) -> float: ...  # noqa: D102
    @property
    def matte(self) -> Matte: ...  # noqa: D102


class EmbeddedImageLike(Protocol):
    """A picture that SAM has looked at."""

    def predict(self, prompt: Prompt) -> Sequence[MaskCandidateLike]: ...  # noqa: D102


class TrackState(NamedTuple):
    """Where a thing's anchor was in the frame before, and its box, pixels and looks when all was well."""

    place: Point
    box: Box
    area: int
    appearance: AppearanceDescriptor

    def translated_to(self, place: Point) -> "TrackState":
        """The same with its anchor elsewhere; the box may leave the picture."""
        x, y = place.x - self.place.x, place.y - self.place.y
        return self._replace(place=place, box=self.box.moved(x, y))


@dataclass(frozen=True)
class Observation:
    """A thing in a frame: what was asked, which answer was taken (None: lost, or nothing found).

    `state` is what the next frame is compared with; `reasons` says why it should be looked at, empty where
    all
    is well.
    """

    prompt: Prompt | None
    answer: MaskCandidateLike | None
    state: TrackState | None
    reasons: tuple[str, ...] = ()

    def as_plain(self) -> dict[str, Any]:
        """For labels.jsonl."""
        last = self.state
        return {
            "point": list(self.prompt.positive[0]) if self.prompt and self.prompt.positive else None,
            "box": list(self.prompt.box) if self.prompt and self.prompt.box else None,
            "score": score_to_json(self.answer.score) if self.answer else None,
            "candidate": self.answer.number if self.answer else None,
            "last": [list(last.place), list(last.box), last.area, last.appearance.as_plain()]
            if last
            else None,
        }


def score_to_json(score: float) -> float | None:
    """A score for JSON, which knows no NaN."""
    return round(float(score), 4) if math.isfinite(score) else None


def track_state_from_dict(plain: Mapping[str, Any]) -> TrackState | None:
    """The `state` of what `as_json` gave; None where an earlier version wrote less."""
    last = plain.get("last")
    if not last or len(last) < len(TrackState._fields):
        return None
    return TrackState(Point(*last[0]), Box(*last[1]), int(last[2]), AppearanceDescriptor.from_plain(last[3]))


def finite_score(score: float) -> float:
    """A score that can be compared: of damaged weights it may be no number."""
    return score if math.isfinite(score) else -1.0
