"""Samples in Pets layout: one object for a picture and all that is known about it.

A folder X holds ``X/images``, ``X/annotations/trimaps`` (same stem), the lists
``X/annotations/trainval.txt`` and ``test.txt`` (one stem a line; further words on a line, as in the official
lists, are ignored) and, where soft mattes are known, ``X/annotations/mattes``. A plain folder of pictures
holds scenes with nothing to keep.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import ImageError, TrainingError
from livecam.core.fileio import os_error_reason
from livecam.core.geometry import Size
from livecam.core.media_types import IMAGE_SUFFIXES, is_image
from livecam.core.types import Frame
from livecam.imaging.compositing import estimate_foreground_color
from livecam.imaging.image_io import read_image as read_any_picture
from livecam.imaging.ops import resize, to_gray
from livecam.imaging.trimap import BACKGROUND, FOREGROUND, Trimap, read_trimap, resize_trimap

MAX_CROPPED_SHARE = 0.35
"""Of a picture's side: shoulders that end there may still be pasted, a person cut in half may not."""
_WHOLE = 1 << 20
"""Longer than any picture: read it at its own size."""


@dataclass(frozen=True)
class SamplePaths:
    """A labelled picture on disk; `matte` is None where no soft matte is known."""

    name: str
    image: Path
    trimap: Path
    matte: Path | None


@dataclass(frozen=True)
class Foreground:
    """A sample in memory, its longest side limited.

    `clean_image` is the frame with the old background taken out of its soft pixels, for pasting. `matte` is
    uint8 to save memory, 255 = keep; `has_exact_matte` tells whether it is known on the contour too.
    `pasteable` is
    False where the subject is cut by the picture's left or right side, `cropped_top` is True where its top
    is.
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
    """The samples of one split, ``trainval`` or ``test``.

    Raises:
        TrainingError: not in Pets layout, an empty list, or a listed picture without its files.
    """
    notes = folder / "annotations"
    listing = notes / f"{split}.txt"
    if not listing.is_file():
        raise TrainingError(
            f"{folder} is not in Pets layout: {listing} is missing (images/, annotations/trimaps/, "
            "annotations/trainval.txt and test.txt are needed)"
        )
    names = [line.split()[0] for line in _lines(listing) if not line.startswith("#")]
    if not names:
        raise TrainingError(f"{listing} lists no picture; write one picture's name without suffix a line")
    return [_sample(folder, notes, name) for name in names]


def _lines(listing: Path) -> list[str]:
    try:
        # Editors on Windows begin a file with a byte order mark.
        text = listing.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(
            f"{listing} can't be read ({os_error_reason(error)}); write it again as UTF-8 text"
        ) from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _sample(folder: Path, notes: Path, name: str) -> SamplePaths:
    picture = next((p for s in IMAGE_SUFFIXES if (p := folder / "images" / f"{name}{s}").is_file()), None)
    trimap, matte = notes / "trimaps" / f"{name}.png", notes / "mattes" / f"{name}.png"
    missing = f"images/{name}.jpg" if picture is None else f"annotations/trimaps/{name}.png"
    if picture is None or not trimap.is_file():
        raise TrainingError(f"{folder}: {name} is listed, but {missing} is missing; add it or mend the list")
    return SamplePaths(name, picture, trimap, matte if matte.is_file() else None)


def load_image(path: Path, longest: int) -> Frame:
    """Read a training picture, its longest side at most `longest` pixels.

    Raises:
        TrainingError: it can't be decoded, or it is cut off.
    """
    return _at_most(_decode(path), longest)


def _decode(path: Path) -> Frame:
    try:
        return read_any_picture(path, longest=_WHOLE).image
    except ImageError as error:
        raise TrainingError(f"{error}, or leave it out of the data") from error


def _decode_trimap(path: Path) -> Trimap:
    try:
        return read_trimap(path)
    except ImageError as error:
        raise TrainingError(error.problem, error.hint, path=path) from error


def _at_most(picture: Frame, longest: int) -> Frame:
    return resize(picture, Size.of(picture).fit_within(longest))


def list_images(folder: Path) -> list[Path]:
    """The pictures of a plain folder, by name.

    Raises:
        TrainingError: there is none.
    """
    try:
        paths = sorted(p for p in folder.iterdir() if is_image(p))
    except OSError as error:
        raise TrainingError(
            f"{folder} can't be opened ({os_error_reason(error)}); name a folder of pictures"
        ) from error
    if not paths:
        raise TrainingError(f"{folder} holds no picture ({', '.join(IMAGE_SUFFIXES)}); name another folder")
    return paths


def load_images(folder: Path, longest: int) -> list[Frame]:
    """Every picture of a plain folder.

    Raises:
        TrainingError: there is none, or one can't be decoded.
    """
    return [load_image(path, longest) for path in list_images(folder)]


def load_foreground(sample: SamplePaths, longest: int) -> Foreground:
    """Decode a sample once for all.

    Raises:
        TrainingError: a file can't be decoded, or trimap, matte and picture differ in size.
    """
    picture, labels = _decode(sample.image), _decode_trimap(sample.trimap)
    _check_same_size(picture, sample.image, labels, sample.trimap)
    matte = to_gray(_decode(sample.matte)) if sample.matte else None
    if sample.matte and matte is not None:
        _check_same_size(picture, sample.image, matte, sample.matte)
    frame = _at_most(picture, longest)
    trimap = resize_trimap(labels, Size.of(frame))
    soft = matte_from_trimap(trimap) if matte is None else _at_most(matte, longest)
    return _subject(sample, frame, trimap, soft)


def _check_same_size(picture: Frame, path: Path, labels: NDArray[np.uint8], labels_path: Path) -> None:
    if Size.of(labels) != Size.of(picture):
        raise TrainingError(
            f"{labels_path} is {Size.of(labels)}, but {path} is {Size.of(picture)} "
            "(upright); make them the same size"
        )


def _subject(sample: SamplePaths, frame: Frame, trimap: Trimap, matte: NDArray[np.uint8]) -> Foreground:
    body = trimap == FOREGROUND
    cut = max(float(body[:, 0].mean()), float(body[:, -1].mean())) if body.any() else 1.0
    return Foreground(
        name=sample.name,
        image=frame,
        clean_image=decontaminate_colors(frame, matte),
        trimap=trimap,
        matte=matte,
        has_exact_matte=sample.matte is not None,
        pasteable=cut < MAX_CROPPED_SHARE,
        cropped_top=bool(body[:2].any()),
    )


def matte_from_trimap(trimap: Trimap) -> NDArray[np.uint8]:
    """A matte for pasting: a soft step inside the contour, nearer to the foreground.

    What it says of a contour in a real picture is neither taught nor scored (that is not known); only
    boundary F, which forgives a few pixels, takes its outline.
    """
    if not (trimap == FOREGROUND).any():
        return np.zeros(trimap.shape, np.uint8)
    to_foreground = cv2.distanceTransform((trimap != FOREGROUND).astype(np.uint8), cv2.DIST_L2, 3)
    to_background = cv2.distanceTransform((trimap != BACKGROUND).astype(np.uint8), cv2.DIST_L2, 3)
    share = to_background / np.maximum(to_foreground + to_background, 1e-3)
    step = np.clip((share - 0.6) * 2.5 + 0.5, 0, 1).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(step, (0, 0), 0.7) * 255).astype(np.uint8)


def decontaminate_colors(frame: Frame, matte: NDArray[np.uint8]) -> Frame:
    """Give soft pixels, and those just outside, the subject's colours: a paste carries no halo.

    Two passes, as a trimap says where colours are solid only roughly.
    """
    share = (matte.astype(np.float32) / np.float32(255))[..., None]
    picture = frame.astype(np.float32)
    weight = cv2.blur(share, (9, 9))[..., None]
    subject: NDArray[np.float32] = picture
    room: NDArray[np.float32] = picture
    for _ in range(2):
        inside = cv2.blur(subject * share, (9, 9)) / np.maximum(weight, 1e-4)
        room = cv2.blur(room * (1 - share), (9, 9)) / np.maximum(1 - weight, 1e-4)
        subject = np.clip(estimate_foreground_color(picture, share, inside, room), 0, 255)
    # Outside too, as drawing it larger or smaller mixes neighbours.
    near = (share < 0.98) & (weight > 1e-2)
    return cast(Frame, np.where(near, np.rint(subject), picture).astype(np.uint8))
