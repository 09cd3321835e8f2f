"""Samples in Pets layout: one object for a picture and all that is known about it.

A folder X holds ``X/images``, ``X/annotations/trimaps`` (same stem), the lists ``X/annotations/trainval.txt`` and
``test.txt`` (one stem a line; further words on a line, as in the official lists, are ignored) and, where soft mattes
are known, ``X/annotations/mattes``. A plain folder of pictures holds scenes with nothing to keep.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.errors import TrainingError
from livecam.frames import Frame, Size
from livecam.images import resize, swap_red_and_blue
from livecam.trimaps import BACKGROUND, FOREGROUND, Trimap, read_trimap, resize_trimap

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class Sample:
    """A labelled picture on disk; `matte` is None where no soft matte is known."""

    name: str
    picture: Path
    trimap: Path
    matte: Path | None


@dataclass(frozen=True)
class Subject:
    """A sample in memory, its longest side limited.

    `colours` is the frame with the old background taken out of its soft pixels, for pasting. `matte` is uint8 to save
    memory, 255 = keep; `exact` tells whether it is known on the contour too. `pasteable` is False where the subject is
    cut by the picture's left or right side, `headless` is True where its top is.
    """

    name: str
    frame: Frame
    colours: Frame
    trimap: Trimap
    matte: NDArray[np.uint8]
    exact: bool
    pasteable: bool
    headless: bool


def read_samples(folder: Path, split: str) -> list[Sample]:
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
    names = [line.split()[0] for line in listing.read_text().splitlines() if line.strip() and line[0] != "#"]
    if not names:
        raise TrainingError(f"{listing} lists no picture")
    return [_sample(folder, notes, name) for name in names]


def _sample(folder: Path, notes: Path, name: str) -> Sample:
    picture = next((p for s in SUFFIXES if (p := folder / "images" / f"{name}{s}").is_file()), None)
    trimap, matte = notes / "trimaps" / f"{name}.png", notes / "mattes" / f"{name}.png"
    if picture is None or not trimap.is_file():
        raise TrainingError(f"{folder}: {name} is listed, but its picture or trimap is missing; mend the list")
    return Sample(name, picture, trimap, matte if matte.is_file() else None)


def read_picture(path: Path, longest: int) -> Frame:
    """Read a training picture, its longest side at most `longest` pixels.

    Raises:
        TrainingError: it can't be decoded.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise TrainingError(f"{path} can't be read as a picture; remove it from the data")
    frame = swap_red_and_blue(cast(Frame, picture))
    return resize(frame, limit(Size.of(frame), longest))


def read_rooms(folder: Path, longest: int) -> list[Frame]:
    """Every picture of a plain folder.

    Raises:
        TrainingError: there is none.
    """
    paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise TrainingError(f"{folder} holds no picture ({', '.join(SUFFIXES)})")
    return [read_picture(path, longest) for path in paths]


def read_subject(sample: Sample, longest: int) -> Subject:
    """Decode a sample once for all.

    Raises:
        TrainingError: a file can't be decoded, or trimap and picture differ in shape.
    """
    frame = read_picture(sample.picture, longest)
    trimap = resize_trimap(read_trimap(sample.trimap), Size.of(frame))
    matte = _read_matte(sample, trimap)
    body = trimap == FOREGROUND
    cut = max(float(body[:, 0].mean()), float(body[:, -1].mean())) if body.any() else 1.0
    return Subject(
        name=sample.name,
        frame=frame,
        colours=clean_colours(frame, matte),
        trimap=trimap,
        matte=matte,
        exact=sample.matte is not None,
        pasteable=cut < 0.02,
        headless=bool(body[:2].any()),
    )


def _read_matte(sample: Sample, trimap: Trimap) -> NDArray[np.uint8]:
    size = Size.of(trimap)
    if sample.matte:
        matte = cv2.imread(str(sample.matte), cv2.IMREAD_GRAYSCALE)
        if matte is None:
            raise TrainingError(f"{sample.matte} can't be read as a matte; remove it")
        return resize(cast(Frame, matte), size)
    return guess_matte(trimap)


def guess_matte(trimap: Trimap) -> NDArray[np.uint8]:
    """A matte for pasting, never for scoring: a soft step inside the contour, nearer to the foreground."""
    if not (trimap == FOREGROUND).any():
        return np.zeros(trimap.shape, np.uint8)
    to_foreground = cv2.distanceTransform((trimap != FOREGROUND).astype(np.uint8), cv2.DIST_L2, 3)
    to_background = cv2.distanceTransform((trimap != BACKGROUND).astype(np.uint8), cv2.DIST_L2, 3)
    share = to_background / np.maximum(to_foreground + to_background, 1e-3)
    step = np.clip((share - 0.6) * 2.5 + 0.5, 0, 1).astype(np.float32)
    return (cv2.GaussianBlur(step, (0, 0), 0.7) * 255).astype(np.uint8)


def clean_colours(frame: Frame, matte: NDArray[np.uint8]) -> Frame:
    """Replace the colours of soft pixels by those of the subject near them, so that a paste carries no old halo.

    Blur fusion, one pass: Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021.
    """
    share = (matte.astype(np.float32) / 255)[..., None]
    picture = frame.astype(np.float32)
    weight = cv2.blur(share, (9, 9))[..., None]
    inside = cv2.blur(picture * share, (9, 9)) / np.maximum(weight, 1e-4)
    outside = cv2.blur(picture * (1 - share), (9, 9)) / np.maximum(1 - weight, 1e-4)
    cleaned = inside + share * (picture - share * inside - (1 - share) * outside)
    soft = (share > 0.02) & (share < 0.98)
    return cast(Frame, np.where(soft, np.clip(cleaned, 0, 255), picture).astype(np.uint8))


def limit(size: Size, longest: int) -> Size:
    """`size` scaled down, if need be, so that no side is longer than `longest`."""
    scale = min(1.0, longest / max(size))
    return Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))
