"""Labels a clip: follows what is wanted, asks SAM in the chosen frames, writes down what came out."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from livecam.annotation.config import LabelSettings, PersonBy
from livecam.annotation.frame_selection import Plan
from livecam.annotation.ground_truth import Truth, check_size
from livecam.annotation.media import Moment
from livecam.annotation.object_tracker import Things
from livecam.annotation.observation import Looked, Sighting, plain_score, read_last
from livecam.annotation.overlay import draw_label
from livecam.annotation.person import Drawn, draw_person, find_person, judge_scores, take_person, unite
from livecam.annotation.prompt_file import Wish
from livecam.annotation.prompts import Point, Prompt
from livecam.annotation.store import Label, Labelled
from livecam.core.types import Frame, Matte
from livecam.imaging.trimap import trimap_by_doubt, trimap_of
from livecam.models.base import Segments


class Looks(Protocol):
    """SAM, or a stand-in."""

    def look(self, frame: Frame) -> Looked: ...  # noqa: D102


class Clerk:
    """Labels with SAM and the compact model, as the settings say."""

    def __init__(
        self, made: Labelled, sam: Looks | None, segmenter: Segments | None, settings: LabelSettings
    ) -> None:
        """`segmenter` is the compact model: None where only things are kept. `sam`: None without things."""
        self._made, self._sam, self._segmenter = made, sam, segmenter
        self._preset, self._person_by = settings.preset, settings.person

    def work(self, plan: Plan, wishes: dict[int, Wish]) -> Iterator[Label]:
        """Label the chosen frames, each once; those that are done already come as they are.

        Args:
            plan: the clip and its chosen frames.
            wishes: what is kept and dropped, from a frame's number on.

        Raises:
            ClipError, PictureError: it can't be read any more.
            LabellingError: the labels can't be written.
        """
        material, things = plan.material, None
        areas: tuple[float, float] | None = None
        for moment in plan.moments():
            if moment.number in wishes:
                things = Things(wishes[moment.number], moment.frame)
            elif things is not None:
                things.follow(moment.frame)
            if moment.number not in plan.chosen:
                continue
            name = material.name(moment.number)
            if not self._made.is_done(name, str(material.path)):
                self._label(plan, moment, things, areas)
            label = self._made.labels[name]
            if things is not None:
                things.remember([read_last(plain) for plain in label.things])
            areas = _areas(label)
            yield label

    def _label(
        self, plan: Plan, moment: Moment, things: Things | None, areas: tuple[float, float] | None
    ) -> None:
        frame, seen = moment.frame, self._look(moment.frame, things)
        drops = things.drops() if things is not None else ()
        drawn = self._draw_person(frame, seen, drops, areas)
        sightings = things.find(seen, frame) if things is not None and seen is not None else []
        found = [sighting.answer for sighting in sightings if sighting.answer]
        mattes = [answer.matte for answer in found] + ([drawn.matte] if drawn else [])
        matte = unite(mattes, frame.shape[:2])
        answers = [*found, *(drawn.answers if drawn else ())]
        reasons = [*judge_scores(answers), *(drawn.reasons if drawn else ())]
        reasons += [reason for sighting in sightings for reason in sighting.reasons]
        reasons += _kept_drops(matte, drops)
        trimap = trimap_by_doubt(matte)
        asked = [*(drawn.prompts if drawn else ()), *(s.prompt for s in sightings if s.prompt)]
        label = _label(plan, moment, self._preset, reasons, drawn, sightings)
        self._made.add(label, frame, trimap, matte, draw_label(frame, trimap, asked))

    def _look(self, frame: Frame, things: Things | None) -> Looked | None:
        """Have SAM look at a frame, the slow part, if there is anything to ask it.

        One at a time: to look at several together, every frame of the clip between them would have to be
        kept, and 0.04 s of each saved.
        """
        asked = self._person_by is PersonBy.SAM or (things is not None and things.count)
        return self._sam.look(frame) if asked and self._sam is not None else None

    def _draw_person(
        self,
        frame: Frame,
        seen: Looked | None,
        drops: tuple[Point, ...],
        areas: tuple[float, float] | None,
    ) -> Drawn | None:
        if self._segmenter is None:
            return None
        person = find_person(self._segmenter, frame)
        if self._person_by is PersonBy.MODEL or seen is None:
            return take_person(person)
        return draw_person(person, seen, drops, areas)


def copy_truth(made: Labelled, plan: Plan, truth: Truth) -> Iterator[Label]:
    """Label the chosen frames with mattes that are known; like `Clerk.work`.

    Raises:
        ClipError, PictureError: frames or mattes can't be read.
        LabellingError: mattes of another size, or the labels can't be written.
    """
    material = plan.material
    for moment, matte in zip(plan.moments(), truth.mattes(material, plan.frames), strict=False):
        if moment.number not in plan.chosen:
            continue
        check_size(matte, moment.frame, truth.path)
        name = material.name(moment.number)
        if not made.is_done(name, str(material.path)):
            trimap = trimap_of(matte)
            overlay = draw_label(moment.frame, trimap)
            made.add(_label(plan, moment, "mattes", [], None, []), moment.frame, trimap, matte, overlay)
        yield made.labels[name]


def _label(
    plan: Plan,
    moment: Moment,
    preset: str,
    reasons: Sequence[str],
    drawn: Drawn | None,
    sightings: Sequence[Sighting],
) -> Label:
    material = plan.material
    return Label(
        name=material.name(moment.number),
        stem=material.stem,
        source=str(material.path),
        number=moment.number,
        seconds=round(moment.seconds, 4),
        preset=preset,
        reasons=tuple(reasons),
        person=_plain(drawn) if drawn else {},
        things=tuple(sighting.as_plain() for sighting in sightings),
    )


def _areas(label: Label) -> tuple[float, float] | None:
    areas = label.person.get("areas")
    return (float(areas[0]), float(areas[1])) if areas else None


def _plain(drawn: Drawn) -> dict[str, Any]:
    return {
        "scores": [plain_score(answer.score) for answer in drawn.answers],
        "candidates": [answer.number for answer in drawn.answers],
        "agreement": None if drawn.agreement is None else round(drawn.agreement, 4),
        "areas": [round(area, 6) for area in drawn.areas],
        "prompts": [_plain_prompt(prompt) for prompt in drawn.prompts],
    }


def _plain_prompt(prompt: Prompt) -> dict[str, Any]:
    return {
        "keep": [list(point) for point in prompt.keep],
        "drop": [list(point) for point in prompt.drop],
        "box": list(prompt.box) if prompt.box else None,
    }


def _kept_drops(matte: Matte, drops: Sequence[Point]) -> list[str]:
    inside = [point for point in drops if matte[round(point.y), round(point.x)] >= np.float32(0.5)]
    return [f"{_at(point)} was to be dropped, but is kept" for point in inside]


def _at(point: Point) -> str:
    return f"{point.x:.0f},{point.y:.0f}"
