"""Samples in Pets layout: an image with its trimap and, where one exists, its matte.

A folder X holds ``X/images``, ``X/annotations/trimaps`` (same stem), the lists
``X/annotations/trainval.txt`` and ``test.txt`` (one stem per line; further words on a line, as in the
official lists, are ignored) and, where soft mattes exist, ``X/annotations/mattes``. A plain folder of images
holds background or negative images.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import ImageError, TrainingError
from livecam.core.fileio import os_error_reason, read_text
from livecam.core.geometry import Size
from livecam.core.media_types import IMAGE_SUFFIXES, is_image_file
from livecam.core.types import Frame
from livecam.imaging.compositing import estimate_foreground_color
from livecam.imaging.image_io import read_image
from livecam.imaging.ops import resize, to_gray
from livecam.imaging.trimap import BACKGROUND, FOREGROUND, Trimap, read_trimap, resize_trimap

MAX_CROPPED_FRACTION = 0.35
"""Largest foreground part of the left or right image border, as a fraction, of a pasteable foreground."""
_FULL_SIZE = 1 << 20
"""Longest side in pixels, larger than any image: decode at the stored size."""


@dataclass(frozen=True)
class SamplePaths:
    """Paths of a labelled image; `matte` is None if there is no soft matte."""

    name: str
    image: Path
    trimap: Path
    matte: Path | None


@dataclass(frozen=True)
class Foreground:
    """A decoded sample with a limited longest side.

    `clean_image` is `image` without background color in its soft pixels, for pasting. `matte` is uint8 to
    save memory, 255 = keep; `has_exact_matte` is True if it is exact on the contour too. `pasteable` is False
    if the foreground is cut by the left or right border, `cropped_top` is True if it is cut by the top.
    """

    name: str
    image: Frame
    clean_image: Frame
    trimap: Trimap
    matte: NDArray[np.uint8]
    has_exact_matte: bool
    pasteable: bool
    cropped_top: bool


def list_samples(folder: Path, split: str) -> list[SamplePaths]:
    """List the samples of a split, ``trainval`` or ``test``.

    Raises:
        TrainingError: not in Pets layout, an empty list, or a listed image without its files.
    """
    annotations = folder / "annotations"
    listing = annotations / f"{split}.txt"
    if not listing.is_file():
        raise TrainingError(
            f"{folder} is not in Pets layout: {listing} is missing (images/, annotations/trimaps/, "
            "annotations/trainval.txt and test.txt are needed)"
        )
    names = [line.split()[0] for line in _lines(listing) if not line.startswith("#")]
    if not names:
        raise TrainingError(f"{listing} lists no image; write one image's name without suffix a line")
    images = _files_by_stem(folder / "images", IMAGE_SUFFIXES)
    trimaps, mattes = (_files_by_stem(annotations / part, (".png",)) for part in ("trimaps", "mattes"))
    return [_sample_paths(folder, name, images, trimaps, mattes) for name in names]


def _lines(listing: Path) -> list[str]:
    try:
        text = read_text(listing)
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"{listing} can't be read ({os_error_reason(error)}); write it again as UTF-8 text"
        ) from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _files_by_stem(folder: Path, suffixes: Collection[str]) -> dict[str, list[Path]]:
    """Return the files with one of the suffixes, in upper or lower case (cameras write ``IMG_1.JPG``)."""
    found: dict[str, list[Path]] = {}
    try:
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise TrainingError(f"{folder} can't be opened ({os_error_reason(error)}); allow it") from error
    for path in paths:
        if path.suffix.lower() in suffixes and path.is_file():
            found.setdefault(path.stem, []).append(path)
    return found


def _sample_paths(folder: Path, name: str, *files: dict[str, list[Path]]) -> SamplePaths:
    """Return the paths of a sample from the files by stem: images, trimaps and mattes."""
    for paths in (by_stem.get(name, []) for by_stem in files):
        if len(paths) > 1:
            raise TrainingError(f"{name} is listed and may be {paths[0]} or {paths[1]}; remove one")
    image, trimap, matte = (next(iter(by_stem.get(name, [])), None) for by_stem in files)
    if image is None or trimap is None:
        missing = f"images/{name}.jpg" if image is None else f"annotations/trimaps/{name}.png"
        raise TrainingError(f"{folder}: {name} is listed, but {missing} is missing; add it or mend the list")
    return SamplePaths(name, image, trimap, matte)


def load_image(path: Path, longest: int) -> Frame:
    """Read a training image, scaled down to a longest side of `longest` pixels.

    Raises:
        TrainingError: the file cannot be decoded, or is truncated.
    """
    return _limit_size(_decode(path), longest)


def _decode(path: Path) -> Frame:
    try:
        return read_image(path, longest=_FULL_SIZE).image
    except ImageError as error:
        raise TrainingError(f"{error}, or leave it out of the data") from error


def _decode_trimap(path: Path) -> Trimap:
    try:
        return read_trimap(path)
    except ImageError as error:
        raise TrainingError(error.problem, error.hint, path=path) from error


def _limit_size(image: Frame, longest: int) -> Frame:
    return resize(image, Size.of(image).fit_within(longest))


def list_images(folder: Path) -> list[Path]:
    """List the images of a plain folder, by name.

    Raises:
        TrainingError: there is none.
    """
    try:
        paths = sorted(p for p in folder.iterdir() if is_image_file(p))
    except OSError as error:
        raise TrainingError(
            f"{folder} can't be opened ({os_error_reason(error)}); name a folder of images"
        ) from error
    if not paths:
        raise TrainingError(f"{folder} holds no image ({', '.join(IMAGE_SUFFIXES)}); name another folder")
    return paths


def load_images(folder: Path, longest: int) -> list[Frame]:
    """Read all images of a plain folder.

    Raises:
        TrainingError: there is none, or one cannot be decoded.
    """
    return [load_image(path, longest) for path in list_images(folder)]


def load_foreground(sample: SamplePaths, longest: int) -> Foreground:
    """Decode a sample.

    Raises:
        TrainingError: a file cannot be decoded, or trimap, matte and image differ in size.
    """
    full_image, full_trimap = _decode(sample.image), _decode_trimap(sample.trimap)
    _check_same_size(full_image, sample.image, full_trimap, sample.trimap)
    matte = to_gray(_decode(sample.matte)) if sample.matte else None
    if sample.matte and matte is not None:
        _check_same_size(full_image, sample.image, matte, sample.matte)
    image = _limit_size(full_image, longest)
    trimap = resize_trimap(full_trimap, Size.of(image))
    small_matte = matte_from_trimap(trimap) if matte is None else _limit_size(matte, longest)
    return _make_foreground(sample, image, trimap, small_matte)


def _check_same_size(image: Frame, path: Path, labels: NDArray[np.uint8], labels_path: Path) -> None:
    if Size.of(labels) != Size.of(image):
        raise TrainingError(
            f"{labels_path} is {Size.of(labels)}, but {path} is {Size.of(image)} "
            "(upright); make them the same size"
        )


def _make_foreground(
    sample: SamplePaths, image: Frame, trimap: Trimap, matte: NDArray[np.uint8]
) -> Foreground:
    mask = trimap == FOREGROUND
    cropped = max(float(mask[:, 0].mean()), float(mask[:, -1].mean())) if mask.any() else 1.0
    return Foreground(
        name=sample.name,
        image=image,
        clean_image=decontaminate_colors(image, matte),
        trimap=trimap,
        matte=matte,
        has_exact_matte=sample.matte is not None,
        pasteable=cropped < MAX_CROPPED_FRACTION,
        cropped_top=bool(mask[:2].any()),
    )


def matte_from_trimap(trimap: Trimap) -> NDArray[np.uint8]:
    """Estimate a matte for pasting: a soft step within the contour, closer to the foreground.

    Its values on the contour of a real image are neither trained nor scored, because they are not known. Only
    boundary F, which tolerates a few pixels, uses its outline.
    """
    if not (trimap == FOREGROUND).any():
        return np.zeros(trimap.shape, np.uint8)
    to_foreground = cv2.distanceTransform((trimap != FOREGROUND).astype(np.uint8), cv2.DIST_L2, 3)
    to_background = cv2.distanceTransform((trimap != BACKGROUND).astype(np.uint8), cv2.DIST_L2, 3)
    position = to_background / np.maximum(to_foreground + to_background, 1e-3)
    step = np.clip((position - 0.6) * 2.5 + 0.5, 0, 1).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(step, (0, 0), 0.7) * 255).astype(np.uint8)


def decontaminate_colors(frame: Frame, matte: NDArray[np.uint8]) -> Frame:
    """Replace soft pixels, and those just outside, by the foreground's colors, so that pasting adds no halo.

    Two passes, because a trimap gives the solid regions only roughly.
    """
    alpha = (matte.astype(np.float32) / np.float32(255))[..., None]
    image = frame.astype(np.float32)
    weight = cv2.blur(alpha, (9, 9))[..., None]
    foreground: NDArray[np.float32] = image
    background: NDArray[np.float32] = image
    for _ in range(2):
        mean_foreground = cv2.blur(foreground * alpha, (9, 9)) / np.maximum(weight, 1e-4)
        background = cv2.blur(background * (1 - alpha), (9, 9)) / np.maximum(1 - weight, 1e-4)
        foreground = np.clip(estimate_foreground_color(image, alpha, mean_foreground, background), 0, 255)
    # Outside the matte too, because scaling mixes neighbouring pixels.
    near = (alpha < 0.98) & (weight > 1e-2)
    return cast(Frame, np.where(near, np.rint(foreground), image).astype(np.uint8))
