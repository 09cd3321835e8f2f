"""`livecam segment`: pictures and prompts to mattes, trimaps and overlays."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path

import numpy as np

from livecam.annotation.overlay import draw_overlay, draw_sheet, matte_to_uint8
from livecam.annotation.prompts import Box, Point, Prompt, group_prompts, validate_prompt
from livecam.annotation.sam.predictor import MaskCandidate, SamPredictor, union_mattes
from livecam.annotation.sam.presets import PRESETS
from livecam.core.errors import FileWriteError, UsageError
from livecam.core.fileio import os_error_reason
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.image_io import read_image, write_grayscale, write_image
from livecam.imaging.ops import to_gray
from livecam.imaging.trimap import trimap_from_matte

# Pictures are taken as they are: prompts are in their own pixels.
_LONGEST = 1 << 20


@dataclass(frozen=True)
class SegmentSettings:
    """What is segmented, and where the results go.

    Attributes:
        pictures: files; the same prompts are used on each.
        out: a folder, made if it isn't there.
        keep: points on what is kept.
        drop: points on what is not.
        boxes: around what is kept; each is a thing of its own.
        rough: a picture file of a rough matte, white = keep, for one thing.
        preset: SAM's name or folder.
        all_candidates: write all four candidates of each prompt instead of the best.
        overwrite: replace what lies in `out` under the same names.
    """

    pictures: tuple[Path, ...]
    out: Path
    keep: tuple[Point, ...] = ()
    drop: tuple[Point, ...] = ()
    boxes: tuple[Box, ...] = ()
    rough: Path | None = None
    preset: str = PRESETS[0]
    all_candidates: bool = False
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class SegmentationResult:
    """What came of one picture.

    Attributes:
        picture: its file.
        things: all candidates of each prompt, the best first.
        matte: the best of each thing, united.
        files: what was written.
    """

    picture: Path
    objects: tuple[tuple[MaskCandidate, ...], ...]
    matte: Matte
    files: tuple[Path, ...]


def segment(
    settings: SegmentSettings,
    load: Callable[[str], SamPredictor] = SamPredictor.load,
    progress: Callable[[int], None] = lambda done: None,
) -> list[SegmentationResult]:
    """Ask SAM about each picture and write what it says.

    Everything that can be wrong with pictures, prompts and names is found before SAM is loaded.

    Args:
        settings: what to do.
        load: gives SAM for a preset.
        progress: told how many pictures are done.

    Raises:
        UsageError: a prompt can't be used, two pictures have one name, or results are there already.
        ImageError: a picture can't be read.
        AnnotationError: SAM can't be loaded, or memory is too little.
        FileWriteError: the folder can't be written.
    """
    prompts = [_check(settings, picture) for picture in settings.pictures]
    _check_names(settings)
    sam = load(settings.preset)
    done: list[SegmentationResult] = []
    looked = sam.embed_many(_frame(picture) for picture in settings.pictures)
    for picture, asked, seen in zip(settings.pictures, prompts, looked, strict=True):
        things = tuple(seen.predict(prompt) for prompt in asked)
        done.append(_write(settings, picture, asked, things))
        progress(len(done))
    return done


def _frame(picture: Path) -> Frame:
    return read_image(picture, longest=_LONGEST).image


def _check(settings: SegmentSettings, picture: Path) -> tuple[Prompt, ...]:
    """The prompts for one picture, seen to be usable there."""
    size = Size.of(_frame(picture))
    prompts = group_prompts(settings.keep, settings.drop, settings.boxes) or (Prompt(),)
    if settings.rough is not None:
        if len(prompts) > 1:
            raise UsageError("a rough matte is of one thing; give one --box, or only points, with --rough")
        prompts = (replace(prompts[0], mask=_read_rough(settings.rough)),)
    for prompt in prompts:
        validate_prompt(prompt, size)
    return prompts


def _read_rough(path: Path) -> Matte:
    picture = read_image(path, longest=_LONGEST)
    if picture.alpha is not None:
        return picture.alpha
    return np.asarray(to_gray(picture.image) / np.float32(255), np.float32)


def _check_names(settings: SegmentSettings) -> None:
    stems = [picture.stem for picture in settings.pictures]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise UsageError(f"two pictures are called {twice}; segment them into two folders")
    try:
        settings.out.mkdir(parents=True, exist_ok=True)
        there = [path for stem in stems for path in _earlier(settings.out, stem)]
    except OSError as error:
        raise FileWriteError(
            f"can't write {settings.out} ({os_error_reason(error)})",
            "choose another folder",
            path=settings.out,
        ) from error
    if there and not settings.overwrite:
        raise UsageError(f"{there[0]} exists; choose another --out, or give --overwrite")


def _write(
    settings: SegmentSettings,
    picture: Path,
    prompts: Sequence[Prompt],
    things: tuple[tuple[MaskCandidate, ...], ...],
) -> SegmentationResult:
    """Write overlays, their sheet, the matte and its trimap."""
    frame, matte = _frame(picture), union_mattes([candidates[0] for candidates in things])
    for path in _earlier(settings.out, picture.stem):
        path.unlink(missing_ok=True)
    start, files, shown = settings.out / picture.stem, [], []
    for name, overlay in _overlays(settings, frame, matte, prompts, things):
        files.append(start.with_name(f"{start.name}.{name}.png"))
        shown.append(overlay)
        write_image(files[-1], overlay)
    sheet, soft, trimap = (
        start.with_name(f"{start.name}.{name}.png") for name in ("sheet", "matte", "trimap")
    )
    write_image(sheet, draw_sheet(shown))
    write_grayscale(soft, matte_to_uint8(matte))
    write_grayscale(trimap, trimap_from_matte(matte))
    return SegmentationResult(picture, things, matte, (*files, sheet, soft, trimap))


def _overlays(
    settings: SegmentSettings,
    frame: Frame,
    matte: Matte,
    prompts: Sequence[Prompt],
    things: Sequence[Sequence[MaskCandidate]],
) -> Iterator[tuple[str, Frame]]:
    """Names and pictures: of each thing its candidates, or the best of them; of several all together."""
    for number, (prompt, candidates) in enumerate(zip(prompts, things, strict=True), 1):
        for rank, candidate in enumerate(candidates if settings.all_candidates else candidates[:1], 1):
            which = f"thing {number}, " if len(things) > 1 else ""
            words = f"{which}rank {rank}: score {candidate.score:.3f} (mask {candidate.number})"
            yield f"thing{number}.rank{rank}", draw_overlay(frame, candidate.matte, [prompt], words)
    if len(things) > 1:
        yield "kept", draw_overlay(frame, matte, prompts, f"kept: the best of {len(things)} things")


def _earlier(folder: Path, stem: str) -> list[Path]:
    """What an earlier run has written for a picture of this name."""
    return list(folder.glob(f"{escape(stem)}.*.png"))
