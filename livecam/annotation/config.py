"""What `livecam label` is told, how far it is, and what came out."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from livecam.annotation.prompts import Box, Point
from livecam.core.errors import UsageError
from livecam.core.geometry import Size


class PersonSource(Enum):
    """Who draws the person: SAM, pointed at them by the compact model; that model itself; nobody."""

    SAM = "sam"
    MODEL = "model"
    NONE = "none"


def parse_person(words: str) -> PersonSource:
    """Who draws the person, by name.

    Raises:
        UsageError: nobody is called so.
    """
    try:
        return PersonSource(words.lower())
    except ValueError as error:
        raise UsageError(
            f"--person must be {', '.join(each.value for each in PersonSource)}, not {words!r}"
        ) from error


@dataclass(frozen=True)
class AnnotationSettings:
    """What `livecam label` is told.

    Attributes:
        sources: clips, pictures, folders of either.
        out: the data set's folder.
        preset: SAM: a KerasHub preset or a folder.
        keep: points on things to keep beside the person, in the first chosen frame of the only clip.
        drop: points on what is to go, likewise.
        boxes: around things to keep, likewise.
        prompts: a prompts file (see `livecam.annotation.prompt_file`).
        click: ask for points on a page in the browser.
        mattes: true mattes instead of SAM's.
        frames: labelled of each clip at most.
        model: the compact model that finds the person.
        person: who draws the person.
        camera: recorded for `seconds` as one source more.
        seconds: how long.
        size: asked of the camera; 1280x720 if None.
        again: throw away what no person decided, and label it anew.
    """

    sources: tuple[str, ...]
    out: Path
    preset: str = "sam_base_sa1b"
    keep: tuple[Point, ...] = ()
    drop: tuple[Point, ...] = ()
    boxes: tuple[Box, ...] = ()
    prompts: Path | None = None
    click: bool = False
    mattes: Path | None = None
    frames: int = 24
    model: str = "person"
    person: PersonSource = PersonSource.SAM
    camera: str | None = None
    seconds: float = 20.0
    size: Size | None = None
    again: bool = False

    def __post_init__(self) -> None:
        """Check what needs no file.

        Raises:
            UsageError: numbers that can't be, or choices that exclude each other.
        """
        if not 1 <= self.frames <= 10_000:
            raise UsageError(f"--frames {self.frames} can't be; choose 1 to 10000, for example 24")
        if not 0.5 <= self.seconds <= 3600:
            raise UsageError(f"--seconds {self.seconds:g} can't be; choose 0.5 to 3600, for example 20")
        if self.size and self.camera is None:
            raise UsageError("--size is asked of a camera, clips keep theirs; add --camera or leave it out")
        if self.mattes and (self.has_object_prompts or self.drop or self.person is not PersonSource.SAM):
            raise UsageError("--mattes says all that is kept; leave out --keep, --person and the like")
        if self.person is PersonSource.NONE and not (self.mattes or self.has_object_prompts):
            raise UsageError("--person none keeps nothing at all; say what to keep: --keep x,y or --box")

    @property
    def has_object_prompts(self) -> bool:
        """Whether anything is kept beside the person, as far as is known before clicks."""
        return bool(self.keep or self.boxes or self.prompts or self.click)

    @property
    def needs_sam(self) -> bool:
        """Whether SAM is asked for anything."""
        return not self.mattes and (self.person is PersonSource.SAM or self.has_object_prompts)


class Progress(NamedTuple):
    """How far a stage (``record``, ``choose`` or ``label``) is; `total` 0: nobody knows."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class LabelReport:
    """What came out: the data set, how many frames are kept and set aside, what could not be read.

    `note` says what was special about the split, `why` for what reason most were set aside.
    """

    folder: Path
    kept: int
    aside: int
    train: int
    test: int
    skipped: tuple[str, ...]
    note: str
    why: str = ""

    def __str__(self) -> str:
        why = f" ({self.why})" * bool(self.why)
        look = f", {self.aside} set aside{why} to look at: livecam label --review {self.folder}"
        aside = look * bool(self.aside)
        skipped = f"; {len(self.skipped)} could not be read" * bool(self.skipped)
        note = f" ({self.note})" * bool(self.note)
        lists = f"{self.train} to train with, {self.test} to test with"
        return f"{self.folder}: {self.kept} frames, {lists}{note}{aside}{skipped}"


def most_common_reason(reasons: Sequence[Sequence[str]]) -> str:
    """The reason that most frames have, of the `reasons` of each, whatever numbers it holds; "" for none."""
    kinds: dict[str, list[str]] = {}
    for said in reasons:
        for kind, words in {re.sub(r"[\d.,]+", "#", each): each for each in said}.items():
            kinds.setdefault(kind, []).append(words)
    if not kinds:
        return ""
    most = max(kinds.values(), key=len)
    return most[0] if len(reasons) == 1 else f"{len(most)} of them as: {most[0]}"


def to_dict(settings: AnnotationSettings) -> dict[str, Any]:
    """All that labels depend on, as plain JSON."""

    def whole(path: Path | str | None) -> str | None:
        return None if path is None else str(Path(path).expanduser().absolute())

    prompts = settings.prompts
    # Said only where it is not as it always was: older data sets are gone on with.
    more: dict[str, Any] = {"size": list(settings.size)} if settings.size else {}
    more |= {"person": settings.person.value} if settings.person is PersonSource.MODEL else {}
    return more | {
        "sources": [whole(source) for source in settings.sources],
        "camera": settings.camera,
        "seconds": settings.seconds if settings.camera is not None else None,
        "preset": None if settings.mattes else settings.preset,
        "keep": [list(point) for point in settings.keep],
        "drop": [list(point) for point in settings.drop],
        "boxes": [list(box) for box in settings.boxes],
        "prompts": hashlib.sha256(prompts.read_bytes()).hexdigest() if prompts else None,
        "click": settings.click,
        "mattes": whole(settings.mattes),
        "frames": settings.frames,
        "model": None if settings.mattes or settings.person is PersonSource.NONE else settings.model,
    }
