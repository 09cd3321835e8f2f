"""Results of the stages of `livecam learn`, as they are stored in journal.json. Imports no Keras.

The JSON keys are those of every earlier version; only the Python names differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

MAX_MIOU_LOSS = 0.5
"""Points of mIoU that the regression set may lose."""


class StageResult(Protocol):
    """Result of one stage."""

    def to_dict(self) -> dict[str, Any]: ...  # noqa: D102
    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "StageResult": ...  # noqa: D102


@dataclass(frozen=True)
class Recording:
    """Result of the stage ``record``: absolute paths of the clips and images to annotate."""

    sources: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return {"sources": list(self.sources)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Recording":
        """Return the result of its JSON form."""
        return cls(tuple(values["sources"]))


@dataclass(frozen=True)
class AnnotationCounts:
    """Result of the stage ``label``: numbers of frames for training, for selecting alpha, and held out."""

    train: int
    select: int
    test: int

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return {"learnt": self.train, "chosen_by": self.select, "held_out": self.test}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "AnnotationCounts":
        """Return the result of its JSON form."""
        return cls(values["learnt"], values["chosen_by"], values["held_out"])


@dataclass(frozen=True)
class FinetuneResult:
    """Result of the stage ``tune``.

    Attributes:
        alpha: position of the selected weights between the base weights (0) and the fine-tuned ones (1).
        own: foreground IoU in % of the selection frames, before and after.
        regression: mIoU in % of the regression set, before and after.
    """

    alpha: float
    own: tuple[float, float]
    regression: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return {
            "share": self.alpha,
            "chosen_iou": list(self.own),
            "chosen_regression": list(self.regression),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "FinetuneResult":
        """Return the result of its JSON form."""
        return cls(values["share"], _pair(values["chosen_iou"]), _pair(values["chosen_regression"]))


@dataclass(frozen=True)
class ComparisonResult:
    """Result of the stage ``compare``.

    Attributes:
        held_out: foreground IoU in % of the user's held-out frames, before and after.
        regression: mIoU in % of the regression set, before and after.
        frames: number of held-out frames.
    """

    held_out: tuple[float, float]
    regression: tuple[float, float]
    frames: int

    @property
    def reason(self) -> str:
        """Why the new model is not better; "" if it is. NaN is not better."""
        if not self.held_out[1] > self.held_out[0]:
            return "your held-out frames are not cut out better than before"
        if not self.regression[1] >= self.regression[0] - MAX_MIOU_LOSS:
            return f"other scenes became worse by more than {MAX_MIOU_LOSS} points of mIoU"
        return ""

    def __str__(self) -> str:
        (own, own_after), (other, other_after) = self.held_out, self.regression
        return (
            f"{'':34s}  before   after\n"
            f"{f'IoU, {self.frames} held-out frames of yours':34s}  {own:6.2f}  {own_after:6.2f} %\n"
            f"{'mIoU, other people and rooms':34s}  {other:6.2f}  {other_after:6.2f} %"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON, with its reason and its table for a reader of the file."""
        return {
            "held_out": list(self.held_out),
            "regression": list(self.regression),
            "frames": self.frames,
            "reason": self.reason,
            "figures": str(self),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ComparisonResult":
        """Return the result of its JSON form."""
        return cls(_pair(values["held_out"]), _pair(values["regression"]), values["frames"])


@dataclass(frozen=True)
class Installation:
    """Result of the stage ``install``: path of the installed model card."""

    card: str

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return {"card": self.card}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Installation":
        """Return the result of its JSON form."""
        return cls(values["card"])


RESULT_TYPES: dict[str, type[StageResult]] = {
    "record": Recording,
    "label": AnnotationCounts,
    "tune": FinetuneResult,
    "compare": ComparisonResult,
    "install": Installation,
}
"""Stages in their order, and the type of each stage's result."""


def _pair(values: Any) -> tuple[float, float]:
    before, after = values
    return before, after
