"""Records of annotated frames: one line of JSON for each frame in ``annotations/labels.jsonl``.

The JSON keys are those of every earlier version; only the Python names differ.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecam.annotation.appearance import AppearanceDescriptor
from livecam.annotation.observation import Observation, TrackState, score_to_json
from livecam.annotation.person import PersonAnnotation
from livecam.annotation.prompts import Box, Point, Prompt
from livecam.core.errors import AnnotationError
from livecam.core.fileio import os_error_reason, write_atomic

READ_HINT = "mend it, or label into another folder"
"""Remedy for a file of the data set that can't be read."""


@dataclass(frozen=True)
class PromptRecord:
    """A prompt as it is stored: points and box in pixels."""

    positive: tuple[Point, ...] = ()
    negative: tuple[Point, ...] = ()
    box: Box | None = None

    @classmethod
    def of(cls, prompt: Prompt) -> "PromptRecord":
        """Return the record of a prompt, without its mask."""
        return cls(prompt.positive, prompt.negative, prompt.box)

    def to_dict(self) -> dict[str, Any]:
        """Return the record for JSON."""
        return {
            "keep": [list(point) for point in self.positive],
            "drop": [list(point) for point in self.negative],
            "box": list(self.box) if self.box else None,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PromptRecord":
        """Return the record of its JSON form."""
        positive, negative = (
            tuple(Point(*point) for point in values.get(key, ())) for key in ("keep", "drop")
        )
        return cls(positive, negative, _box(values.get("box")))


@dataclass(frozen=True)
class PersonRecord:
    """The person of one frame.

    Attributes:
        scores: SAM's predicted IoU of each mask; None for NaN. Empty if SAM was not used.
        candidates: SAM's index of each mask.
        agreement: IoU of SAM's and the compact model's matte; None without a person or without SAM.
        areas: fraction of the image covered by the person, for SAM and for the compact model.
        prompts: what SAM received.
    """

    scores: tuple[float | None, ...] = ()
    candidates: tuple[int, ...] = ()
    agreement: float | None = None
    areas: tuple[float, float] | None = None
    prompts: tuple[PromptRecord, ...] = ()

    @classmethod
    def of(cls, person: PersonAnnotation) -> "PersonRecord":
        """Return the record of a person, with rounded figures."""
        sam, model = person.areas
        return cls(
            tuple(score_to_json(candidate.iou_score) for candidate in person.candidates),
            tuple(candidate.index for candidate in person.candidates),
            None if person.agreement is None else round(person.agreement, 4),
            (round(sam, 6), round(model, 6)),
            tuple(map(PromptRecord.of, person.prompts)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the record for JSON."""
        return {
            "scores": list(self.scores),
            "candidates": list(self.candidates),
            "agreement": self.agreement,
            "areas": list(self.areas) if self.areas else None,
            "prompts": [prompt.to_dict() for prompt in self.prompts],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PersonRecord":
        """Return the record of its JSON form; missing keys get their defaults."""
        areas = values.get("areas")
        return cls(
            tuple(values.get("scores", ())),
            tuple(values.get("candidates", ())),
            values.get("agreement"),
            (float(areas[0]), float(areas[1])) if areas else None,
            tuple(map(PromptRecord.from_dict, values.get("prompts", ()))),
        )


@dataclass(frozen=True)
class ObjectRecord:
    """An object beside the person in one frame.

    Attributes:
        point: first positive point of the prompt.
        box: box of the prompt.
        score: SAM's predicted IoU of the selected mask; None for NaN, or without a mask.
        candidate: SAM's index of the selected mask.
        state: what the next frame is compared with.
    """

    point: Point | None = None
    box: Box | None = None
    score: float | None = None
    candidate: int | None = None
    state: TrackState | None = None

    @classmethod
    def of(cls, observation: Observation) -> "ObjectRecord":
        """Return the record of an observation."""
        prompt, candidate = observation.prompt, observation.candidate
        return cls(
            prompt.positive[0] if prompt and prompt.positive else None,
            prompt.box if prompt else None,
            score_to_json(candidate.iou_score) if candidate else None,
            candidate.index if candidate else None,
            observation.state,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the record for JSON."""
        state = self.state
        return {
            "point": list(self.point) if self.point else None,
            "box": list(self.box) if self.box else None,
            "score": self.score,
            "candidate": self.candidate,
            "last": [list(state.tracked_point), list(state.box), state.area, state.appearance.to_base64()]
            if state
            else None,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ObjectRecord":
        """Return the record of its JSON form; `state` is None if an earlier version stored less of it."""
        point = values.get("point")
        return cls(
            Point(*point) if point else None,
            _box(values.get("box")),
            values.get("score"),
            values.get("candidate"),
            _state(values.get("last")),
        )


@dataclass(frozen=True)
class AnnotationRecord:
    """One annotated frame.

    Attributes:
        name: the frame's name in the data set.
        stem: the stem of its clip or image.
        source: path of the clip or image, as it was given.
        number: frame number in the clip, from 0.
        seconds: time in the clip.
        preset: SAM's preset; ``mattes`` for ground truth.
        reasons: why the frame is flagged for review; empty if it is not.
        person: the person; None if only objects are annotated, or for ground truth.
        objects: the objects beside the person.
    """

    name: str
    stem: str
    source: str
    number: int
    seconds: float
    preset: str
    reasons: tuple[str, ...] = ()
    person: PersonRecord | None = None
    objects: tuple[ObjectRecord, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the record for JSON."""
        return {
            "name": self.name,
            "stem": self.stem,
            "source": self.source,
            "number": self.number,
            "seconds": self.seconds,
            "preset": self.preset,
            "reasons": list(self.reasons),
            "person": self.person.to_dict() if self.person else {},
            "things": [each.to_dict() for each in self.objects],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "AnnotationRecord":
        """Return the record of its JSON form.

        Raises:
            KeyError, TypeError, ValueError: the values are not those of a record.
        """
        person = values["person"]
        return cls(
            values["name"],
            values["stem"],
            values["source"],
            values["number"],
            values["seconds"],
            values["preset"],
            tuple(values["reasons"]),
            PersonRecord.from_dict(person) if person else None,
            tuple(map(ObjectRecord.from_dict, values["things"])),
        )


def load_records(path: Path) -> Iterator[AnnotationRecord]:
    """Read the records of a file; none if the file does not exist. An incomplete last line is removed.

    Raises:
        AnnotationError: the file can't be read.
    """
    try:
        content = path.read_bytes() if path.is_file() else b""
        complete = content[: content.rfind(b"\n") + 1]
        if complete != content:
            # The process was stopped while it wrote this line: the frame is annotated again.
            write_atomic(path, complete)
        for line in complete.decode().splitlines():
            yield AnnotationRecord.from_dict(json.loads(line))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        problem = f"{path} can't be read ({os_error_reason(error)})"
        raise AnnotationError(problem, READ_HINT, path=path) from error


def dump_records(records: Iterable[AnnotationRecord]) -> str:
    """Return the records as lines of JSON."""
    return "".join(json.dumps(record.to_dict(), ensure_ascii=False) + "\n" for record in records)


def _box(values: Any) -> Box | None:
    return Box(*values) if values else None


def _state(values: Any) -> TrackState | None:
    if not values or len(values) < len(TrackState._fields):
        return None
    tracked_point, box, area, appearance = values
    return TrackState(
        Point(*tracked_point), Box(*box), int(area), AppearanceDescriptor.from_base64(appearance)
    )
