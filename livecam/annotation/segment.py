"""Implementation of `livecam segment`: images and prompts to mattes, trimaps and overlays."""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from livecam.annotation.concepts import ConceptFinder
from livecam.annotation.config import LABELLING_MODEL, check_texts
from livecam.annotation.overlay import draw_overlay, draw_sheet, matte_to_uint8
from livecam.annotation.prompts import Box, Point, Prompt, group_prompts, validate_prompt
from livecam.annotation.sam.predictor import MaskCandidate, SamPredictor, union_mattes
from livecam.annotation.sam.presets import PRESETS
from livecam.annotation.sam.text import TEXT_PRESET, InstanceFinder, TextSegmenter
from livecam.core.errors import AnnotationError, FileWriteError, UsageError
from livecam.core.fileio import os_error_reason
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.image_io import read_image, write_grayscale, write_image
from livecam.imaging.ops import to_gray
from livecam.imaging.trimap import trimap_from_matte
from livecam.models.base import MatteModel
from livecam.models.segmenter import LiteRTSegmenter

# Images are never scaled down on reading: prompts are in the image's own pixels.
_MAX_SIDE = 1 << 20
_CACHE_BYTES = 256 << 20
"""Decoded images kept between the checks and SAM, in bytes; what exceeds it is decoded a second time."""
_RESULT_SUFFIX = re.compile(r"\.(?:sheet|matte|trimap|kept|thing[1-9]\d*\.rank[1-4])\.png")
"""What follows the image's stem in the name of each result file."""


@dataclass(frozen=True)
class SegmentSettings:
    """What to segment, and where the results go.

    Attributes:
        images: image files; the same prompts apply to each.
        out: output directory, created if it does not exist.
        keep: positive points.
        drop: negative points.
        boxes: boxes around what to keep; each box is one object.
        mask: image file with a rough matte, white = keep, for one object.
        texts: what to keep, in words; each instance is one object.
        text_preset: name or directory of a SAM 3.
        preset: name or directory of a SAM preset.
        all_candidates: draw all four candidates of each prompt instead of the best one.
        overwrite: replace result files of an earlier run.
    """

    images: tuple[Path, ...]
    out: Path
    keep: tuple[Point, ...] = ()
    drop: tuple[Point, ...] = ()
    boxes: tuple[Box, ...] = ()
    mask: Path | None = None
    texts: tuple[str, ...] = ()
    text_preset: str = TEXT_PRESET
    preset: str = PRESETS[0]
    all_candidates: bool = False
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class SegmentationResult:
    """Result for one image.

    Attributes:
        image: the image file.
        objects: all candidates of each prompt, best first; the one mask of each instance of a text.
        matte: union of the best candidate of each object.
        files: files written.
    """

    image: Path
    objects: tuple[tuple[MaskCandidate, ...], ...]
    matte: Matte
    files: tuple[Path, ...]


@dataclass
class _Input:
    """An image that passed the checks. `frame` is None if it did not fit into the cache."""

    path: Path
    prompts: tuple[Prompt, ...]
    frame: Frame | None


def _load_labelling_model() -> MatteModel:
    return LiteRTSegmenter.load(LABELLING_MODEL)


def segment(
    settings: SegmentSettings,
    load: Callable[[str], SamPredictor] = SamPredictor.load,
    progress: Callable[[int], None] = lambda done: None,
    *,
    load_finder: Callable[[str], InstanceFinder] = TextSegmenter.load,
    load_model: Callable[[], MatteModel] = _load_labelling_model,
) -> list[SegmentationResult]:
    """Run SAM on each image and write the results.

    All errors in images, prompts and names are found before SAM is loaded.

    Args:
        settings: what to do.
        load: loads a SAM preset.
        progress: receives the number of finished images.
        load_finder: loads a SAM 3, for words.
        load_model: loads the compact model, for the word person.

    Raises:
        UsageError: a prompt is invalid, two images have the same stem, a result would replace an input, or
            results exist already.
        ImageError: an image can't be read.
        AnnotationError: SAM can't be loaded, there is not enough memory, or an image has nothing that the
            words name (the results of the others are written).
        FileWriteError: the output directory can't be written.
    """
    check_texts(settings.texts, "--text")
    inputs = _load_inputs(settings)
    _check_names(settings)
    finder = ConceptFinder.load(settings.texts, load_model, lambda: load_finder(settings.text_preset))
    # Words other than person need no SAM: SAM 3 draws its own masks.
    needs_sam = finder.model is not None or any(item.prompts for item in inputs)
    sam = load(settings.preset) if needs_sam else None
    waiting: deque[Frame] = deque()

    def frames() -> Iterator[Frame]:
        for item in inputs:
            waiting.append(_read(item.path) if item.frame is None else item.frame)
            item.frame = None
            yield waiting[-1]

    results: list[SegmentationResult] = []
    missing: list[str] = []
    embeddings = sam.embed_many(frames()) if sam else (None for _ in frames())
    for done, (item, embedding) in enumerate(zip(inputs, embeddings, strict=True), 1):
        frame = waiting.popleft()
        concepts = finder.find(frame, embedding)
        objects = tuple(embedding.predict(prompt) for prompt in item.prompts) if embedding else ()
        item.prompts += tuple(concept.prompt for concept in concepts)
        objects += tuple((concept.candidate,) for concept in concepts)
        if objects:
            results.append(_write(settings, item, frame, objects))
        if settings.texts and not concepts:
            missing.append(item.path.name)
        progress(done)
    if missing:
        what = f"no {' and no '.join(settings.texts)} was found in {', '.join(missing)}"
        raise AnnotationError(what, "name it in other words, or give --point x,y")
    return results


def _read(path: Path) -> Frame:
    return read_image(path, longest=_MAX_SIDE).image


def _load_inputs(settings: SegmentSettings) -> list[_Input]:
    """Decode and check each image; keep the first ones up to `_CACHE_BYTES`."""
    mask = None if settings.mask is None else _read_mask(settings.mask)
    inputs: list[_Input] = []
    cached = 0
    for path in settings.images:
        frame = _read(path)
        prompts = _prompts(settings, mask, Size.of(frame))
        # The first image is always kept, however large it is.
        keep = not inputs or cached + frame.nbytes <= _CACHE_BYTES
        cached += frame.nbytes if keep else 0
        inputs.append(_Input(path, prompts, frame if keep else None))
    return inputs


def _prompts(settings: SegmentSettings, mask: Matte | None, size: Size) -> tuple[Prompt, ...]:
    """Return the prompts for an image of `size`, checked."""
    prompts = group_prompts(settings.keep, settings.drop, settings.boxes)
    if not prompts and settings.mask is None and settings.texts:
        return ()
    prompts = prompts or (Prompt(),)
    if mask is not None:
        if len(prompts) > 1:
            raise UsageError("a rough matte is of one thing; give one --box, or only points, with --rough")
        prompts = (replace(prompts[0], mask=mask),)
    for prompt in prompts:
        validate_prompt(prompt, size)
    return prompts


def _read_mask(path: Path) -> Matte:
    loaded = read_image(path, longest=_MAX_SIDE)
    if loaded.alpha is not None:
        return loaded.alpha
    return np.asarray(to_gray(loaded.image) / np.float32(255), np.float32)


def _check_names(settings: SegmentSettings) -> None:
    stems = [path.stem for path in settings.images]
    duplicate = next((stem for stem in stems if stems.count(stem) > 1), None)
    if duplicate is not None:
        raise UsageError(f"two images are called {duplicate}; segment them into two folders")
    try:
        settings.out.mkdir(parents=True, exist_ok=True)
        existing = [path for stem in stems for path in _existing_results(settings.out, stem)]
    except OSError as error:
        problem = f"can't write {settings.out} ({os_error_reason(error)})"
        raise FileWriteError(problem, "choose another folder", path=settings.out) from error
    for source in (*settings.images, *([settings.mask] if settings.mask else [])):
        if any(path.samefile(source) for path in existing):
            raise UsageError(f"{source} would be replaced by a result; choose another --out")
    if existing and not settings.overwrite:
        raise UsageError(f"{existing[0]} exists; choose another --out, or give --overwrite")


def _write(
    settings: SegmentSettings, item: _Input, frame: Frame, objects: tuple[tuple[MaskCandidate, ...], ...]
) -> SegmentationResult:
    """Write the overlays, their sheet, the matte and its trimap; then delete stale results of this image."""
    matte, stem = union_mattes([candidates[0] for candidates in objects]), item.path.stem
    files, overlays = [], []
    for name, overlay in _overlays(settings, frame, matte, item.prompts, objects):
        files.append(settings.out / f"{stem}.{name}.png")
        overlays.append(overlay)
        write_image(files[-1], overlay)
    sheet, soft, trimap = (settings.out / f"{stem}.{name}.png" for name in ("sheet", "matte", "trimap"))
    write_image(sheet, draw_sheet(overlays))
    write_grayscale(soft, matte_to_uint8(matte))
    write_grayscale(trimap, trimap_from_matte(matte))
    files += [sheet, soft, trimap]
    for path in set(_existing_results(settings.out, stem)) - set(files):
        path.unlink(missing_ok=True)
    return SegmentationResult(item.path, objects, matte, tuple(files))


def _overlays(
    settings: SegmentSettings,
    frame: Frame,
    matte: Matte,
    prompts: Sequence[Prompt],
    objects: Sequence[Sequence[MaskCandidate]],
) -> Iterator[tuple[str, Frame]]:
    """Yield (name, overlay): the candidates of each object, then the union if there are several objects."""
    for number, (prompt, candidates) in enumerate(zip(prompts, objects, strict=True), 1):
        for rank, candidate in enumerate(candidates if settings.all_candidates else candidates[:1], 1):
            which = f"thing {number}, " if len(objects) > 1 else ""
            caption = f"{which}rank {rank}: score {candidate.iou_score:.3f} (mask {candidate.index})"
            yield f"thing{number}.rank{rank}", draw_overlay(frame, candidate.matte, [prompt], caption)
    if len(objects) > 1:
        yield "kept", draw_overlay(frame, matte, prompts, f"kept: the best of {len(objects)} things")


def _existing_results(folder: Path, stem: str) -> list[Path]:
    """List the files in `folder` that have an exact name of a result for an image called `stem`.

    A prefix is not enough: `room.left.matte.png` belongs to `room.left`, `room.holiday.png` to the user.
    """
    return sorted(
        path
        for path in folder.iterdir()
        if path.name.startswith(stem) and _RESULT_SUFFIX.fullmatch(path.name[len(stem) :])
    )
