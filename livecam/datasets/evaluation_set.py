"""What a model is evaluated on: labelled pictures in Pets layout, or clips with mattes.

A folder of clips holds a folder a clip, and each of those two videos of the same size and length:
``frames.*`` (the picture) and ``matte.*`` (grey, white = keep; best lossless, such as FFV1 in ``matte.mkv``).
One such folder alone is a clip too.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import TrainingError
from livecam.core.fileio import os_error_reason
from livecam.core.types import Frame, Matte
from livecam.datasets.pets import SamplePaths, list_samples, load_foreground
from livecam.imaging.ops import to_gray
from livecam.imaging.trimap import UNKNOWN, Trimap
from livecam.video.video_reader import VideoReader

LAYOUT = (
    "it must be in Pets layout (images/, annotations/trimaps/, annotations/test.txt), or hold a folder a "
    "clip with the videos frames.* and matte.*"
)
_WHOLE = 1 << 20
"""Longer than any picture: judged at its own size."""
TALLEST = 0.8
"""Height over width: what is taller is no webcam's picture."""


@dataclass(frozen=True)
class LabeledFrame:
    """A frame and what is true of it.

    `matte` is float32 (height, width), right where `valid_mask`; `trimap` is None where only a matte is
    there.
    `has_soft_matte` tells whether the outline's softness is known. `seconds` is when the frame is shown.
    """

    frame: Frame
    matte: Matte
    valid_mask: NDArray[np.bool_]
    trimap: Trimap | None = None
    has_soft_matte: bool = True
    seconds: float = 0.0


@dataclass(frozen=True)
class EvaluationSample:
    """A picture or a clip: `frames` opens it and gives its shots; `count` is how many, None if not known."""

    name: str
    group: str
    frames: Callable[[], Iterator[LabeledFrame]]
    count: int | None = 1


def load_evaluation_set(
    folder: Path,
    split: str,
    frames: int | None = None,
    *,
    crop_tall: bool = False,
    skip_contour: bool = False,
) -> list[EvaluationSample]:
    """The cases of a folder, by name; pictures are opened only when asked for.

    Args:
        folder: pictures in Pets layout, or clips.
        split: of the pictures, ``test`` or ``trainval``.
        frames: of each clip at most; of pictures so many, spread evenly over the list. All if None.
        crop_tall: of pictures higher than `TALLEST` of their width, leave out what lies lower.
        skip_contour: the contour of pictures counts as not known even where a soft matte is.

    Raises:
        TrainingError: no such folder, neither layout, nothing in it, or a file missing.
    """
    if not folder.is_dir():
        raise TrainingError(f"there is no folder {folder}; {LAYOUT}")
    if (folder / "annotations").is_dir() or (folder / "images").is_dir():
        samples = _spread(list_samples(folder, split), frames)
        return [
            EvaluationSample(
                s.name, group_of(s.name), partial(_picture, s, crop_tall=crop_tall, skip_contour=skip_contour)
            )
            for s in samples
        ]
    return [
        EvaluationSample(clip.name, clip.name, partial(_clip, *_videos(clip), frames), frames)
        for clip in _clips(folder)
    ]


def group_of(stem: str) -> str:
    """A picture's group: its stem before the first "_" or digit; the whole stem if that is nothing."""
    return re.split(r"[_\d]", stem, maxsplit=1)[0].rstrip("- .") or stem


def _spread(samples: list[SamplePaths], most: int | None) -> list[SamplePaths]:
    if most is None or most >= len(samples):
        return samples
    return [samples[i * len(samples) // most] for i in range(most)]


def _picture(sample: SamplePaths, *, crop_tall: bool, skip_contour: bool) -> Iterator[LabeledFrame]:
    subject = load_foreground(sample, _WHOLE)
    height, width = subject.trimap.shape
    rows = slice(int(width * TALLEST) if crop_tall and height > TALLEST * width else height)
    trimap = subject.trimap[rows]
    matte = subject.matte[rows].astype(np.float32) / np.float32(255)
    soft = subject.has_exact_matte and not skip_contour
    known = np.ones(trimap.shape, bool) if soft else trimap != UNKNOWN
    yield LabeledFrame(np.ascontiguousarray(subject.image[rows]), matte, known, trimap, soft)


def _clips(folder: Path) -> list[Path]:
    try:
        inside = sorted(p for p in [folder, *folder.iterdir()] if p.is_dir())
        clips = [p for p in inside if any(p.glob("frames.*")) or any(p.glob("matte.*"))]
    except OSError as error:
        raise TrainingError(f"{folder} can't be opened ({os_error_reason(error)}); {LAYOUT}") from error
    if not clips:
        raise TrainingError(f"{folder} holds nothing to evaluate on; {LAYOUT}")
    return clips


def _videos(clip: Path) -> tuple[Path, Path]:
    """The two videos of a clip's folder."""
    found = []
    for part in ("frames", "matte"):
        videos = sorted(p for p in clip.glob(f"{part}.*") if p.is_file())
        if len(videos) != 1:
            have = f"{len(videos)} of them ({', '.join(p.name for p in videos)})" if videos else "none"
            raise TrainingError(f"{clip} needs one video {part}.*, there is {have}; {LAYOUT}")
        found += videos
    return found[0], found[1]


def _clip(frames: Path, mattes: Path, most: int | None) -> Iterator[LabeledFrame]:
    with ExitStack() as opened:
        picture, truth = (opened.enter_context(VideoReader(path)) for path in (frames, mattes))
        if picture.size != truth.size:
            raise TrainingError(
                f"{mattes} is {truth.size}, but {frames} is {picture.size}; make them the same size"
            )
        for number, (frame, shade) in enumerate(islice(zip_longest(picture.frames(), truth.frames()), most)):
            if frame is None or shade is None:
                shorter, longer = (frames, mattes) if frame is None else (mattes, frames)
                raise TrainingError(
                    f"{shorter} ends after {number} frames, {longer} goes on; make them the same length, "
                    f"or look at less with --frames {max(1, number)}"
                )
            matte = to_gray(shade.image).astype(np.float32) / np.float32(255)
            yield LabeledFrame(frame.image, matte, np.ones(matte.shape, bool), seconds=frame.timestamp)
