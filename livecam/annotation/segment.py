"""`livecam segment`: pictures and prompts to mattes, trimaps and overlays."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path

import numpy as np

from livecam.annotation.overlay import draw_overlay, draw_sheet, levels
from livecam.annotation.prompts import Box, Point, Prompt, check_prompt, gather
from livecam.annotation.sam.predictor import Candidate, Sam, unite
from livecam.annotation.sam.presets import PRESETS
from livecam.core.errors import SinkError, UsageError
from livecam.core.fileio import reason
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.image_io import read_picture, write_levels, write_picture
from livecam.imaging.ops import grey
from livecam.imaging.trimap import trimap_of

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
        every: write all four candidates of each prompt instead of the best.
        overwrite: replace what lies in `out` under the same names.
    """

    pictures: tuple[Path, ...]
    out: Path
    keep: tuple[Point, ...] = ()
    drop: tuple[Point, ...] = ()
    boxes: tuple[Box, ...] = ()
    rough: Path | None = None
    preset: str = PRESETS[0]
    every: bool = False
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class Segmented:
    """What came of one picture.

    Attributes:
        picture: its file.
        things: all candidates of each prompt, the best first.
        matte: the best of each thing, united.
        files: what was written.
    """

    picture: Path
    things: tuple[tuple[Candidate, ...], ...]
    matte: Matte
    files: tuple[Path, ...]


def segment(
    settings: SegmentSettings,
    load: Callable[[str], Sam] = Sam.load,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Segmented]:
    """Ask SAM about each picture and write what it says.

    Everything that can be wrong with pictures, prompts and names is found before SAM is loaded.

    Args:
        settings: what to do.
        load: gives SAM for a preset.
        progress: told how many pictures are done.

    Raises:
        UsageError: a prompt can't be used, two pictures have one name, or results are there already.
        PictureError: a picture can't be read.
        LabellingError: SAM can't be loaded, or memory is too little.
        SinkError: the folder can't be written.
    """
    prompts = [_check(settings, picture) for picture in settings.pictures]
    _check_names(settings)
    sam = load(settings.preset)
    done: list[Segmented] = []
    looked = sam.look_all(_frame(picture) for picture in settings.pictures)
    for picture, asked, seen in zip(settings.pictures, prompts, looked, strict=True):
        things = tuple(seen.segment(prompt) for prompt in asked)
        done.append(_write(settings, picture, asked, things))
        progress(len(done))
    return done


def _frame(picture: Path) -> Frame:
    return read_picture(picture, longest=_LONGEST).frame


def _check(settings: SegmentSettings, picture: Path) -> tuple[Prompt, ...]:
    """The prompts for one picture, seen to be usable there."""
    size = Size.of(_frame(picture))
    prompts = gather(settings.keep, settings.drop, settings.boxes) or (Prompt(),)
    if settings.rough is not None:
        if len(prompts) > 1:
            raise UsageError("a rough matte is of one thing; give one --box, or only points, with --rough")
        prompts = (replace(prompts[0], rough=_read_rough(settings.rough)),)
    for prompt in prompts:
        check_prompt(prompt, size)
    return prompts


def _read_rough(path: Path) -> Matte:
    picture = read_picture(path, longest=_LONGEST)
    if picture.matte is not None:
        return picture.matte
    return np.asarray(grey(picture.frame) / np.float32(255), np.float32)


def _check_names(settings: SegmentSettings) -> None:
    stems = [picture.stem for picture in settings.pictures]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise UsageError(f"two pictures are called {twice}; segment them into two folders")
    try:
        settings.out.mkdir(parents=True, exist_ok=True)
        there = [path for stem in stems for path in _earlier(settings.out, stem)]
    except OSError as error:
        raise SinkError(f"can't write {settings.out} ({reason(error)}); choose another folder") from error
    if there and not settings.overwrite:
        raise UsageError(f"{there[0]} exists; choose another --out, or give --overwrite")


def _write(
    settings: SegmentSettings,
    picture: Path,
    prompts: Sequence[Prompt],
    things: tuple[tuple[Candidate, ...], ...],
) -> Segmented:
    """Write overlays, their sheet, the matte and its trimap."""
    frame, matte = _frame(picture), unite([candidates[0] for candidates in things])
    for path in _earlier(settings.out, picture.stem):
        path.unlink(missing_ok=True)
    start, files, shown = settings.out / picture.stem, [], []
    for name, overlay in _overlays(settings, frame, matte, prompts, things):
        files.append(start.with_name(f"{start.name}.{name}.png"))
        shown.append(overlay)
        write_picture(files[-1], overlay)
    sheet, soft, trimap = (
        start.with_name(f"{start.name}.{name}.png") for name in ("sheet", "matte", "trimap")
    )
    write_picture(sheet, draw_sheet(shown))
    write_levels(soft, levels(matte))
    write_levels(trimap, trimap_of(matte))
    return Segmented(picture, things, matte, (*files, sheet, soft, trimap))


def _overlays(
    settings: SegmentSettings,
    frame: Frame,
    matte: Matte,
    prompts: Sequence[Prompt],
    things: Sequence[Sequence[Candidate]],
) -> Iterator[tuple[str, Frame]]:
    """Names and pictures: of each thing its candidates, or the best of them; of several all together."""
    for number, (prompt, candidates) in enumerate(zip(prompts, things, strict=True), 1):
        for rank, candidate in enumerate(candidates if settings.every else candidates[:1], 1):
            which = f"thing {number}, " if len(things) > 1 else ""
            words = f"{which}rank {rank}: score {candidate.score:.3f} (mask {candidate.number})"
            yield f"thing{number}.rank{rank}", draw_overlay(frame, candidate.matte, [prompt], words)
    if len(things) > 1:
        yield "kept", draw_overlay(frame, matte, prompts, f"kept: the best of {len(things)} things")


def _earlier(folder: Path, stem: str) -> list[Path]:
    """What an earlier run has written for a picture of this name."""
    return list(folder.glob(f"{escape(stem)}.*.png"))
