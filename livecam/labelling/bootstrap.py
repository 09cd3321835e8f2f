"""Clips and pictures to a data set in Pets layout: SAM draws, the compact model and people point.

The way of a clip: look through it and choose frames; learn what is wanted; go through it again, following
what is kept, and label the chosen frames. One full frame is in memory at a time.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from livecam.errors import ClipError, LabellingError, PictureError, UsageError
from livecam.labelling.clerk import Clerk, Looks, copy_truth
from livecam.labelling.clicks import CLICKS, Ask, ask_clicks
from livecam.labelling.labelled import Label, Labelled
from livecam.labelling.materials import Material, find_materials
from livecam.labelling.plan import Plan, make_plan
from livecam.labelling.prompts import Box, Point
from livecam.labelling.recording import record
from livecam.labelling.review import write_review
from livecam.labelling.truth import Truth
from livecam.labelling.wishes import Wish, Wishes, check_wish, read_wishes
from livecam.pipeline import Segments
from livecam.segmenter import Segmenter

Tell = Callable[[str], None]


@dataclass(frozen=True)
class LabelSettings:
    """What `livecam label` is told.

    Attributes:
        sources: clips, pictures, folders of either.
        out: the data set's folder.
        preset: SAM: a KerasHub preset or a folder.
        keep: points on things to keep beside the person, in the first chosen frame of the only clip.
        drop: points on what is to go, likewise.
        boxes: around things to keep, likewise.
        prompts: a prompts file (see `livecam.labelling.wishes`).
        click: ask for points on a page in the browser.
        mattes: true mattes instead of SAM's.
        frames: labelled of each clip at most.
        model: the compact model that finds the person.
        person: whether it is asked at all.
        camera: recorded for `seconds` as one source more.
        seconds: how long.
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
    person: bool = True
    camera: str | None = None
    seconds: float = 20.0
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
        pointed = self.keep or self.drop or self.boxes or self.prompts or self.click
        if self.mattes and pointed:
            raise UsageError("--mattes says all that is kept; leave out --keep, --drop, --box and the like")
        if not (self.person or self.mattes or self.keep or self.boxes or self.prompts or self.click):
            raise UsageError("--no-person keeps nothing at all; say what to keep: --keep x,y or --box")


class Progress(NamedTuple):
    """How far a stage (``record``, ``choose`` or ``label``) is; `total` 0: nobody knows."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class LabelReport:
    """What came out: the data set, how many frames are kept and set aside, what could not be read."""

    folder: Path
    kept: int
    aside: int
    train: int
    test: int
    skipped: tuple[str, ...]
    note: str

    def __str__(self) -> str:
        aside = f", {self.aside} set aside to look at: livecam label --review {self.folder}" * bool(
            self.aside
        )
        skipped = f"; {len(self.skipped)} could not be read" * bool(self.skipped)
        note = f" ({self.note})" * bool(self.note)
        lists = f"{self.train} to train with, {self.test} to test with"
        return f"{self.folder}: {self.kept} frames, {lists}{note}{aside}{skipped}"


def label(
    settings: LabelSettings,
    sam: Looks | None = None,
    *,
    segmenter: Segments | None = None,
    tell: Tell = lambda words: None,
    progress: Callable[[Progress], None] = lambda progress: None,
    ask: Ask = ask_clicks,
) -> LabelReport:
    """Make a data set, or go on with one that was interrupted.

    Args:
        settings: what is wanted.
        sam: SAM; loaded from the settings' preset if None and needed.
        segmenter: the compact model; loaded by the settings' name if None and needed.
        tell: hears a line about what is left out.
        progress: hears how far it is.
        ask: asks a person for points, where clicks are wanted.

    Raises:
        UsageError: sources, points, prompts or mattes that can't be used, or a folder that is not ours.
        LabellingError: SAM can't be loaded, mattes don't fit, nothing can be read, or nothing written.
        LivecamError: whatever camera, model and clips raise.
    """
    # What can be wrong is found before anything takes long, and before the folder is there.
    materials = find_materials(settings.sources) if settings.sources else []
    if not materials and settings.camera is None:
        find_materials(())
    _check_prompts(settings, materials)
    made = Labelled.begin(settings.out, _plain(settings), again=settings.again)
    if not settings.mattes:
        sam = sam or _load_sam(settings.preset)
        segmenter = (segmenter or Segmenter.load(settings.model)) if settings.person else None
    if settings.camera is not None:
        materials = _with_camera(settings, materials, progress)
    run = _Run(settings, made, materials, tell, progress)
    run.choose()
    return run.finish(run.copy() if settings.mattes else run.draw(sam, segmenter, ask))


class _Run:
    """One run over all materials."""

    def __init__(
        self,
        settings: LabelSettings,
        made: Labelled,
        materials: list[Material],
        tell: Tell,
        progress: Callable[[Progress], None],
    ) -> None:
        self._settings, self._made, self._materials = settings, made, materials
        self._tell, self._progress = tell, progress
        self._plans: list[Plan] = []
        self._skipped: list[str] = []
        path = settings.prompts
        self._said = read_wishes(path, materials) if path else {}
        self._truth = Truth(settings.mattes, materials) if settings.mattes else None

    def choose(self) -> None:
        """Choose frames of every clip."""
        for material in self._materials:
            wanted = [number for number in self._said.get(material.stem, {}) if number is not None]
            try:
                plan = make_plan(
                    material,
                    self._settings.out,
                    self._settings.frames,
                    wanted,
                    lambda count: self._progress(Progress("choose", count, 0)),
                )
            except (ClipError, PictureError) as error:
                self._skip(material, error)
                continue
            if self._truth:
                self._truth.check_count(material, plan.frames)
            self._plans.append(plan)
        if not self._plans:
            raise LabellingError(f"none of {len(self._materials)} sources can be read; name others")

    def draw(self, sam: Looks | None, segmenter: Segments | None, ask: Ask) -> Iterator[Label]:
        """Label with SAM."""
        wishes = self._wishes(segmenter, ask)
        for plan in self._plans:
            _check_wishes(plan, wishes[plan.material.stem], self._settings)
        assert sam is not None  # label() saw to it
        clerk = Clerk(self._made, sam, segmenter, self._settings.preset)
        for plan in self._plans:
            yield from self._guarded(plan, clerk.work(plan, wishes[plan.material.stem]))

    def copy(self) -> Iterator[Label]:
        """Label with known mattes."""
        for plan in self._plans:
            if self._truth:
                yield from self._guarded(plan, copy_truth(self._made, plan, self._truth))

    def finish(self, labels: Iterator[Label]) -> LabelReport:
        """Label everything, then lists and the page to look at."""
        total = sum(len(plan.chosen) for plan in self._plans)
        for done, _ in enumerate(labels, 1):
            self._progress(Progress("label", done, total))
        split = self._made.settle()
        write_review(self._made)
        kept = sum(map(self._made.is_kept, self._made.labels.values()))
        undecided = [name for name in self._made.labels if name not in self._made.decisions]
        aside = sum(not self._made.is_kept(self._made.labels[name]) for name in undecided)
        return LabelReport(
            self._settings.out,
            kept,
            aside,
            len(split.train),
            len(split.test),
            tuple(self._skipped),
            split.note,
        )

    def _guarded(self, plan: Plan, labels: Iterator[Label]) -> Iterator[Label]:
        try:
            yield from labels
        except (ClipError, PictureError) as error:
            self._skip(plan.material, error)

    def _skip(self, material: Material, error: Exception) -> None:
        if len(self._materials) == 1:
            raise error
        self._skipped.append(str(material.path))
        self._tell(f"left out: {error}")

    def _wishes(self, segmenter: Segments | None, ask: Ask) -> dict[str, dict[int, Wish]]:
        """Whatever was said first: on the command line, in the file, by clicks."""
        said = dict(self._said)
        line = Wish(self._settings.keep, self._settings.drop, self._settings.boxes)
        if line:
            said = {plan.material.stem: Wishes({None: line}) for plan in self._plans}
        if self._settings.click:
            path = self._settings.out / CLICKS
            silent = [plan for plan in self._plans if plan.material.stem not in said]
            if silent and not path.exists():
                ask(silent, path, segmenter, self._tell)
            said = read_wishes(path, self._materials) | said if path.exists() else said
        return {plan.material.stem: _numbered(said.get(plan.material.stem, {}), plan) for plan in self._plans}


def _numbered(wishes: Wishes, plan: Plan) -> dict[int, Wish]:
    return {plan.chosen[0] if number is None else number: wish for number, wish in wishes.items()}


def _check_wishes(plan: Plan, wishes: dict[int, Wish], settings: LabelSettings) -> None:
    for number, wish in wishes.items():
        if number >= plan.frames:
            raise UsageError(f"{plan.material.path} has no frame {number}; its last is {plan.frames - 1}")
        check_wish(wish, plan.size)
        if not settings.person and wish.drop and not (wish.keep or wish.boxes):
            raise UsageError("points to drop alone keep nothing; add --keep x,y or --box, or the person")


def _check_prompts(settings: LabelSettings, materials: list[Material]) -> None:
    """What can be checked before anything is written."""
    count = len(materials) + (settings.camera is not None)
    if count > 1 and (settings.keep or settings.drop or settings.boxes):
        raise UsageError(
            f"--keep, --drop and --box mean places in one clip or picture, not in {count}; "
            "say them for each in a file: --prompts FILE.json, or with --click"
        )
    if settings.prompts and settings.camera is None:
        read_wishes(settings.prompts, materials)
    if settings.mattes and settings.camera is not None:
        raise UsageError("--mattes can't know what the camera will see; label a clip")
    if settings.mattes:
        Truth(settings.mattes, materials)


def _with_camera(
    settings: LabelSettings, materials: list[Material], progress: Callable[[Progress], None]
) -> list[Material]:
    def show(seconds: float) -> None:
        progress(Progress("record", int(seconds), round(settings.seconds)))

    path = settings.out / "recordings" / "camera.mp4"
    record(settings.camera or "", settings.seconds, path, progress=show)
    return find_materials([*settings.sources, str(path)])


def _load_sam(preset: str) -> Looks:
    from livecam.labelling.sam import Sam

    return Sam.load(preset)


def _plain(settings: LabelSettings) -> dict[str, Any]:
    """All that labels depend on, as plain JSON."""

    def whole(path: Path | str | None) -> str | None:
        return None if path is None else str(Path(path).expanduser().absolute())

    prompts = settings.prompts
    return {
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
        "model": settings.model if settings.person and not settings.mattes else None,
    }
