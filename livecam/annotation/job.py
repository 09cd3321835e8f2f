"""Clips and pictures to a data set in Pets layout: SAM draws, the compact model and people point.

The way of a clip: look through it and choose frames; learn what is wanted; go through it again, following
what is kept, and label the chosen frames. One full frame is in memory at a time.
"""

from collections.abc import Callable, Iterator

from livecam.annotation.annotator import Clerk, Looks, copy_truth
from livecam.annotation.config import (
    LabelReport,
    LabelSettings,
    PersonBy,
    Progress,
    as_plain,
    commonest,
)
from livecam.annotation.frame_selection import Plan, make_plan
from livecam.annotation.ground_truth import Truth
from livecam.annotation.media import Material, find_materials
from livecam.annotation.prompt_file import Wish, Wishes, check_wish, read_wishes
from livecam.annotation.recording import record
from livecam.annotation.store import Label, Labelled, claim
from livecam.annotation.web.click_page import CLICKS, Ask, ask_clicks
from livecam.annotation.web.review_page import write_review
from livecam.core.errors import ClipError, LabellingError, PictureError, UsageError
from livecam.core.locking import alone_in
from livecam.models.base import Segments
from livecam.models.segmenter import Segmenter

__all__ = ["LabelReport", "LabelSettings", "PersonBy", "Progress", "label"]

Tell = Callable[[str], None]


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
        LabellingError: SAM can't be loaded, mattes don't fit, nothing can be read, or nothing written, or
            another livecam is at work in the folder.
        LivecamError: whatever camera, model and clips raise.
    """
    # What can be wrong is found before anything takes long, and before the folder is there.
    materials = find_materials(settings.sources) if settings.sources else []
    if not materials and settings.camera is None:
        find_materials(())
    _check_prompts(settings, materials)
    claim(settings.out)
    with alone_in(settings.out):
        made = Labelled.begin(settings.out, as_plain(settings), again=settings.again)
        if settings.camera is not None:
            materials = _with_camera(settings, materials, progress)
        run = _Run(settings, made, materials, tell, progress)
        if settings.mattes:
            run.choose()
            return run.finish(run.copy())
        sam = (sam or _load_sam(settings.preset)) if settings.sam else None
        asked = settings.person is not PersonBy.NONE
        model = (segmenter or Segmenter.load(settings.model)) if asked else None
        run.choose()
        return run.finish(run.draw(sam, model, ask))


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
        """Label with SAM, or where it isn't needed with the compact model alone."""
        wishes = self._wishes(segmenter, ask)
        for plan in self._plans:
            _check_wishes(plan, wishes[plan.material.stem], self._settings)
        clerk = Clerk(self._made, sam, segmenter, self._settings)
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
        undecided = [label for name, label in self._made.labels.items() if name not in self._made.decisions]
        aside = [label.reasons for label in undecided if label.reasons]
        return LabelReport(
            self._settings.out,
            kept,
            len(aside),
            len(split.train),
            len(split.test),
            tuple(self._skipped),
            split.note,
            commonest(aside),
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
        if settings.person is PersonBy.NONE and wish.drop and not (wish.keep or wish.boxes):
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
    record(settings.camera or "", settings.seconds, path, progress=show, size=settings.size)
    return find_materials([*settings.sources, str(path)])


def _load_sam(preset: str) -> Looks:
    from livecam.annotation.sam.predictor import Sam

    return Sam.load(preset)
