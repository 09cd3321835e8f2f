"""Settings, progress and report of `livecam label`."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from livecam.annotation.prompts import Box, Point
from livecam.core.config import json_values, parse_choice
from livecam.core.errors import UsageError
from livecam.core.geometry import Size

if TYPE_CHECKING:
    from livecam.annotation.media import MediaItem


LABELLING_MODEL = "person-large"
"""Compact model that finds the person for SAM: nothing has to be live here, so the best one."""
PERSON_TEXTS = frozenset(["person", "a person", "people", "human"])
"""Texts that need no SAM 3: the compact model finds the person, and SAM draws it."""


def check_texts(texts: Sequence[str], option: str) -> None:
    """Check that each text has words.

    Raises:
        UsageError: one is empty.
    """
    if not all(text.strip() for text in texts):
        raise UsageError(f"{option} has no words", "name a thing, for example chair")


class PersonSource(Enum):
    """Where the person's matte comes from."""

    SAM = "sam"  # SAM, with prompts from the compact model's matte
    MODEL = "model"  # the compact model's matte
    NONE = "none"  # no person


def parse_person(text: str) -> PersonSource:
    """Parse the name of a person source.

    Raises:
        UsageError: there is no such source.
    """
    return parse_choice("--person", PersonSource, text)


@dataclass(frozen=True)
class AnnotationSettings:
    """Settings of `livecam label`. The constructor calls `validate`; `annotate` calls `resolve`.

    Attributes:
        sources: clips, images, directories of either.
        out: directory of the data set.
        preset: name of a SAM (`livecam.annotation.sam.presets.PRESETS`), or a directory.
        keep: points on objects to keep beside the person, in the first selected frame of the only clip.
        drop: points on what must not be kept, in the same frame.
        boxes: boxes around objects to keep, in the same frame.
        prompts: a prompts file (see `livecam.annotation.prompt_file`).
        keep_text: what to keep, in words; SAM 3 finds it in the first selected frame of a clip that has it.
            The word person needs no SAM 3.
        text_preset: name or directory of a SAM 3.
        click: ask for prompts on a page in the browser.
        mattes: ground truth instead of SAM: a video, or a directory of images.
        frames: maximum number of annotated frames of each clip.
        model: the compact model that finds the person.
        person: source of the person's matte.
        camera: camera to record for `seconds` as one more source.
        seconds: length of the recording.
        size: requested size of the camera; 1280x720 if None.
        again: discard all frames without a decision, and annotate them anew.
    """

    sources: tuple[str, ...]
    out: Path
    preset: str = "mobile_sam"
    keep: tuple[Point, ...] = ()
    drop: tuple[Point, ...] = ()
    boxes: tuple[Box, ...] = ()
    prompts: Path | None = None
    keep_text: tuple[str, ...] = ()
    text_preset: str = "sam3_pcs"
    click: bool = False
    mattes: Path | None = None
    frames: int = 24
    model: str = LABELLING_MODEL
    person: PersonSource = PersonSource.SAM
    camera: str | None = None
    seconds: float = 20.0
    size: Size | None = None
    again: bool = False

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """Check values and combinations, without touching the disk.

        Raises:
            UsageError: a number is out of range, or options exclude each other.
        """
        if not 1 <= self.frames <= 10_000:
            raise UsageError(f"--frames {self.frames} can't be; choose 1 to 10000, for example 24")
        if not 0.5 <= self.seconds <= 3600:
            raise UsageError(f"--seconds {self.seconds:g} can't be; choose 0.5 to 3600, for example 20")
        if self.size and self.camera is None:
            raise UsageError("--size is asked of a camera, clips keep theirs; add --camera or leave it out")
        if self.mattes and (self.has_object_prompts or self.drop or self.person is not PersonSource.SAM):
            raise UsageError("--mattes says all that is kept; leave out --keep, --person and the like")
        check_texts(self.keep_text, "--keep-text")
        if self.person is PersonSource.NONE and len(self.object_texts) < len(self.keep_text):
            raise UsageError("--person none and --keep-text person contradict each other; leave one out")
        if self.person is PersonSource.NONE and not (self.mattes or self.has_object_prompts):
            raise UsageError("--person none keeps nothing at all; say what to keep: --keep x,y or --box")

    def resolve(self) -> "list[MediaItem]":
        """Find the media items of `sources`, and check the prompts file and the mattes against them.

        Raises:
            UsageError: a source, the prompts file or the mattes can't be used.
        """
        # Imported here: these modules load PyAV and OpenCV, which `livecam label --help` does not need.
        from livecam.annotation.ground_truth import GroundTruthMattes
        from livecam.annotation.media import collect_media
        from livecam.annotation.prompt_file import load_prompt_file

        media = collect_media(self.sources) if self.sources or self.camera is None else []
        count = len(media) + (self.camera is not None)
        if count > 1 and (self.keep or self.drop or self.boxes):
            raise UsageError(
                f"--keep, --drop and --box mean places in one clip or image, not in {count}; "
                "say them for each in a file: --prompts FILE.json, or with --click"
            )
        if self.prompts and self.camera is None:
            load_prompt_file(self.prompts, media)
        if self.mattes and self.camera is not None:
            raise UsageError("--mattes can't know what the camera will see; label a clip")
        if self.mattes:
            GroundTruthMattes(self.mattes, media)
        return media

    @property
    def has_object_prompts(self) -> bool:
        """Whether objects beside the person are kept, as far as this is known before clicks."""
        return bool(self.keep or self.boxes or self.prompts or self.click or self.object_texts)

    @property
    def object_texts(self) -> tuple[str, ...]:
        """The texts that do not name the person."""
        return tuple(text for text in self.keep_text if text.strip().casefold() not in PERSON_TEXTS)

    @property
    def needs_sam(self) -> bool:
        """Whether SAM is needed."""
        return not self.mattes and (self.person is PersonSource.SAM or self.has_object_prompts)

    def to_dict(self) -> dict[str, Any]:
        """Return all values that annotations depend on, for label.json.

        Raises:
            OSError: the prompts file can't be read.
        """
        # Imported here: OpenSSL takes 5 ms that a usage error of `livecam label` does not need.
        import hashlib

        # Stored only if not default: data sets of versions without these settings can be continued.
        values: dict[str, Any] = {"size": self.size} if self.size else {}
        values |= {"person": self.person} if self.person is PersonSource.MODEL else {}
        values |= {"keep_text": self.keep_text, "text_preset": self.text_preset} if self.keep_text else {}
        return json_values(
            values
            | {
                "sources": [Path(source) for source in self.sources],
                "camera": self.camera,
                "seconds": self.seconds if self.camera is not None else None,
                "preset": None if self.mattes else self.preset,
                "keep": self.keep,
                "drop": self.drop,
                "boxes": self.boxes,
                "prompts": hashlib.sha256(self.prompts.read_bytes()).hexdigest() if self.prompts else None,
                "click": self.click,
                "mattes": self.mattes,
                "frames": self.frames,
                "model": None if self.mattes or self.person is PersonSource.NONE else self.model,
            }
        )


class Progress(NamedTuple):
    """Progress of a stage (``record``, ``choose`` or ``label``); a `total` of 0 is unknown."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class AnnotationReport:
    """Result of `annotate`.

    Attributes:
        folder: directory of the data set.
        kept: number of accepted frames.
        flagged: number of frames that wait for a review.
        train: frames in the training list.
        test: frames in the test list.
        skipped: sources that can't be read.
        note: what is special about the split.
        main_reason: the most common reason of the flagged frames.
        failed: sources that can be read, but machines failed while they were annotated; a next run does them.
    """

    folder: Path
    kept: int
    flagged: int
    train: int
    test: int
    skipped: tuple[str, ...]
    note: str
    main_reason: str = ""
    failed: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return json_values(asdict(self))

    def __str__(self) -> str:
        reason = f" ({self.main_reason})" * bool(self.main_reason)
        review = f", {self.flagged} set aside{reason} to look at: livecam label --review {self.folder}"
        flagged = review * bool(self.flagged)
        skipped = f"; {len(self.skipped)} could not be read" * bool(self.skipped)
        skipped += f"; {len(self.failed)} failed, the same command tries them again" * bool(self.failed)
        note = f" ({self.note})" * bool(self.note)
        lists = f"{self.train} to train with, {self.test} to test with"
        return f"{self.folder}: {self.kept} frames, {lists}{note}{flagged}{skipped}"


def most_common_reason(reasons: Sequence[Sequence[str]]) -> str:
    """Return the reason that most frames have, whatever numbers it contains.

    Args:
        reasons: the reasons of each frame.

    Returns:
        The first such reason, with its count if there are several frames; "" without any reason.
    """
    by_kind: dict[str, list[str]] = {}
    for frame_reasons in reasons:
        kinds = {re.sub(r"[\d.,]+", "#", reason): reason for reason in frame_reasons}
        for kind, reason in kinds.items():
            by_kind.setdefault(kind, []).append(reason)
    if not by_kind:
        return ""
    largest = max(by_kind.values(), key=len)
    return largest[0] if len(reasons) == 1 else f"{len(largest)} of them as: {largest[0]}"
