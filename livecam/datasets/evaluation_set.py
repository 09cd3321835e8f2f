"""Evaluation set: labelled images in Pets layout, or clips with mattes.

A folder of clips holds one folder per clip, each with two videos of the same size and length: ``frames.*``
and ``matte.*`` (gray, white = keep; preferably lossless, such as FFV1 in ``matte.mkv``). The folder of a
single clip is accepted too.
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
_FULL_SIZE = 1 << 20
"""Longest side in pixels, larger than any image: images keep their stored size."""
MAX_ASPECT = 0.8
"""Height over width of the tallest webcam format, 5:4."""


@dataclass(frozen=True)
class LabeledFrame:
    """A frame and its ground truth.

    `matte` is float32 (height, width), exact where `valid_mask`. `trimap` is None if only a matte exists.
    `has_soft_matte` is True if the matte is exact at the outline. `seconds` is the frame's timestamp.
    """

    frame: Frame
    matte: Matte
    valid_mask: NDArray[np.bool_]
    trimap: Trimap | None = None
    has_soft_matte: bool = True
    seconds: float = 0.0


@dataclass(frozen=True)
class EvaluationSample:
    """An image or a clip: `frames` opens it and yields its frames; `count` is None if not known."""

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
    """List the samples of a folder, by name. Files are decoded when a sample's `frames` is called.

    Args:
        folder: images in Pets layout, or clips.
        split: ``test`` or ``trainval``, for images.
        frames: largest number of frames per clip, or of images, evenly spaced in the list. All if None.
        crop_tall: cut off the lower part of images taller than `MAX_ASPECT`.
        skip_contour: treat the contour of images as unknown, even if a soft matte exists.

    Raises:
        TrainingError: the folder is missing or empty, has neither layout, or a file is missing.
    """
    if not folder.is_dir():
        raise TrainingError(f"there is no folder {folder}; {LAYOUT}")
    if (folder / "annotations").is_dir() or (folder / "images").is_dir():
        samples = _evenly_spaced(list_samples(folder, split), frames)
        return [
            EvaluationSample(
                s.name,
                group_of(s.name),
                partial(_image_frames, s, crop_tall=crop_tall, skip_contour=skip_contour),
            )
            for s in samples
        ]
    return [
        EvaluationSample(clip.name, clip.name, partial(_clip_frames, *_videos(clip), frames), frames)
        for clip in _clips(folder)
    ]


def group_of(stem: str) -> str:
    """Return an image's group: its stem up to the first "_" or digit, or the whole stem if that is empty."""
    return re.split(r"[_\d]", stem, maxsplit=1)[0].rstrip("- .") or stem


def _evenly_spaced(samples: list[SamplePaths], max_count: int | None) -> list[SamplePaths]:
    if max_count is None or max_count >= len(samples):
        return samples
    return [samples[i * len(samples) // max_count] for i in range(max_count)]


def _image_frames(sample: SamplePaths, *, crop_tall: bool, skip_contour: bool) -> Iterator[LabeledFrame]:
    foreground = load_foreground(sample, _FULL_SIZE)
    height, width = foreground.trimap.shape
    rows = slice(int(width * MAX_ASPECT) if crop_tall and height > MAX_ASPECT * width else height)
    trimap = foreground.trimap[rows]
    matte = foreground.matte[rows].astype(np.float32) / np.float32(255)
    is_soft = foreground.has_exact_matte and not skip_contour
    valid_mask = np.ones(trimap.shape, bool) if is_soft else trimap != UNKNOWN
    yield LabeledFrame(np.ascontiguousarray(foreground.image[rows]), matte, valid_mask, trimap, is_soft)


def _clips(folder: Path) -> list[Path]:
    try:
        folders = sorted(p for p in [folder, *folder.iterdir()] if p.is_dir())
        clips = [p for p in folders if any(p.glob("frames.*")) or any(p.glob("matte.*"))]
    except OSError as error:
        raise TrainingError(f"{folder} can't be opened ({os_error_reason(error)}); {LAYOUT}") from error
    if not clips:
        raise TrainingError(f"{folder} holds nothing to evaluate on; {LAYOUT}")
    return clips


def _videos(clip: Path) -> tuple[Path, Path]:
    """Return the frames video and the matte video of a clip's folder."""
    paths = []
    for part in ("frames", "matte"):
        videos = sorted(p for p in clip.glob(f"{part}.*") if p.is_file())
        if len(videos) != 1:
            count = f"{len(videos)} of them ({', '.join(p.name for p in videos)})" if videos else "none"
            raise TrainingError(f"{clip} needs one video {part}.*, there is {count}; {LAYOUT}")
        paths += videos
    return paths[0], paths[1]


def _clip_frames(frames: Path, mattes: Path, max_frames: int | None) -> Iterator[LabeledFrame]:
    with ExitStack() as stack:
        frame_video, matte_video = (stack.enter_context(VideoReader(path)) for path in (frames, mattes))
        if frame_video.size != matte_video.size:
            raise TrainingError(
                f"{mattes} is {matte_video.size}, but {frames} is {frame_video.size}; make them the same size"
            )
        for number, (frame, gray) in enumerate(
            islice(zip_longest(frame_video.frames(), matte_video.frames()), max_frames)
        ):
            if frame is None or gray is None:
                shorter, longer = (frames, mattes) if frame is None else (mattes, frames)
                raise TrainingError(
                    f"{shorter} ends after {number} frames, {longer} goes on; make them the same length, "
                    f"or look at less with --frames {max(1, number)}"
                )
            matte = to_gray(gray.image).astype(np.float32) / np.float32(255)
            yield LabeledFrame(frame.image, matte, np.ones(matte.shape, bool), seconds=frame.timestamp)
