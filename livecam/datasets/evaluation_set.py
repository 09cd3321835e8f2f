"""Evaluation set: labelled images in Pets layout, or clips with mattes or with sparse labels.

A folder of clips holds one folder per clip, or one folder per scene with its clips. A clip has a video
``frames.*`` and one of these:

- a video ``matte.*`` of the same size and length (gray, white = keep; preferably lossless, such as FFV1 in
  ``matte.mkv``): the exact matte of every frame;
- sparse labels ``truth_NNNN.png`` of some frames, NNNN the number of the frame from 0: 8-bit gray with 255 =
  keep, 0 = room, 128 = unknown, or a trimap with 1, 2 and 3.

The folder of a single clip is accepted too.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import TrainingError
from livecam.core.fileio import os_error_reason
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.datasets.pets import SamplePaths, list_samples, load_foreground
from livecam.imaging.image_io import read_grayscale
from livecam.imaging.ops import to_gray
from livecam.imaging.trimap import FOREGROUND, UNKNOWN, Trimap
from livecam.video.video_reader import VideoReader

LAYOUT = (
    "it must be in Pets layout (images/, annotations/trimaps/, annotations/test.txt), or hold a folder a "
    "clip with the video frames.* and the video matte.* or labels truth_NNNN.png"
)
_LABEL_NAME = re.compile(r"truth_(\d+)\.png")
_FULL_SIZE = 1 << 20
"""Longest side in pixels, larger than any image: images keep their stored size."""
MAX_ASPECT = 0.8
"""Height over width of the tallest webcam format, 5:4."""


@dataclass(frozen=True)
class LabeledFrame:
    """A frame and its ground truth.

    `matte` is float32 (height, width), exact where `valid_mask`. `trimap` is None if only a matte exists.
    `has_soft_matte` is True if the matte is exact at the outline. `seconds` is the frame's timestamp.
    `is_sparse` is True in a clip with sparse labels, where `is_labeled` says whether this frame has one.
    """

    frame: Frame
    matte: Matte
    valid_mask: NDArray[np.bool_]
    trimap: Trimap | None = None
    has_soft_matte: bool = True
    seconds: float = 0.0
    is_sparse: bool = False
    is_labeled: bool = True


@dataclass(frozen=True)
class EvaluationSample:
    """An image or a clip: `frames` opens it and yields its frames; `count` is None if not known."""

    name: str
    group: str
    frames: Callable[[], Iterator[LabeledFrame]]
    count: int | None = 1

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of a sample of `load_evaluation_set`, which a worker of a cluster has to see."""
        found: list[Path] = []

        def collect(path: Path) -> Path:
            found.append(path)
            return path

        self.moved(collect)
        return tuple(found)

    def moved(self, locate: Callable[[Path], Path]) -> "EvaluationSample":
        """Return the sample with other paths of its files."""
        frames = self.frames
        if isinstance(frames, partial):
            arguments = (_moved(argument, locate) for argument in frames.args)
            frames = partial(frames.func, *arguments, **frames.keywords)
        return replace(self, frames=frames)


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
    return [_clip_sample(clip, scene, frames) for clip, scene in _clips(folder)]


def _moved(argument: Any, locate: Callable[[Path], Path]) -> Any:
    """Return an argument of a function that yields frames, with other paths."""
    if isinstance(argument, Path):
        return locate(argument)
    if isinstance(argument, dict):
        return {key: _moved(value, locate) for key, value in argument.items()}
    if isinstance(argument, SamplePaths):
        matte = locate(argument.matte) if argument.matte else None
        return replace(argument, image=locate(argument.image), trimap=locate(argument.trimap), matte=matte)
    return argument


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


def _clips(folder: Path) -> list[tuple[Path, str]]:
    """Return the folders of all clips and the names of their scenes, empty for a clip that is in none."""
    try:
        folders = [(path, "") for path in sorted([folder, *folder.iterdir()]) if path.is_dir()]
        scenes = [path for path, _ in folders[1:] if path != folder and not _is_clip(path)]
        nested = [(path, scene.name) for scene in scenes for path in sorted(scene.iterdir()) if path.is_dir()]
        clips = [(path, scene) for path, scene in folders + nested if _is_clip(path)]
    except OSError as error:
        raise TrainingError(f"{folder} can't be opened ({os_error_reason(error)}); {LAYOUT}") from error
    if not clips:
        raise TrainingError(f"{folder} holds nothing to evaluate on; {LAYOUT}")
    return clips


def _is_clip(folder: Path) -> bool:
    return any(any(folder.glob(f"{part}.*")) for part in ("frames", "matte")) or bool(_labels(folder))


def _labels(clip: Path) -> dict[int, Path]:
    """Return the sparse labels of a clip by the numbers of their frames."""
    found = ((path, _LABEL_NAME.fullmatch(path.name)) for path in sorted(clip.glob("truth_*.png")))
    return {int(match[1]): path for path, match in found if match}


def _clip_sample(clip: Path, scene: str, max_frames: int | None) -> EvaluationSample:
    name, labels = f"{scene}/{clip.name}" if scene else clip.name, _labels(clip)
    if not labels:
        frames = partial(_clip_frames, _video(clip, "frames"), _video(clip, "matte"), max_frames)
        return EvaluationSample(name, scene or clip.name, frames, max_frames)
    if any(clip.glob("matte.*")):
        raise TrainingError(f"{clip} has both matte.* and truth_NNNN.png; remove one of the two")
    sparse = partial(_sparse_frames, _video(clip, "frames"), labels, max_frames)
    return EvaluationSample(name, scene or clip.name, sparse, max_frames)


def _video(clip: Path, part: str) -> Path:
    """Return the video of a clip's folder that is called `part`."""
    videos = sorted(p for p in clip.glob(f"{part}.*") if p.is_file())
    if len(videos) != 1:
        count = f"{len(videos)} of them ({', '.join(p.name for p in videos)})" if videos else "none"
        raise TrainingError(f"{clip} needs one video {part}.*, there is {count}; {LAYOUT}")
    return videos[0]


def _sparse_frames(video: Path, labels: dict[int, Path], max_frames: int | None) -> Iterator[LabeledFrame]:
    count = 0
    # Colors as in a live run: the conversion for speed, which webcams and `--camera FILE` get too.
    with VideoReader(video, realtime=True) as reader:
        for number, frame in enumerate(islice(reader.frames(), max_frames)):
            count = number + 1
            size = Size.of(frame.image)
            if number in labels:
                matte, valid_mask = _read_label(labels[number], size)
            else:
                shape = (size.height, size.width)
                matte, valid_mask = np.zeros(shape, np.float32), np.zeros(shape, bool)
            yield LabeledFrame(
                frame.image,
                matte,
                valid_mask,
                has_soft_matte=False,
                seconds=frame.timestamp,
                is_sparse=True,
                is_labeled=number in labels,
            )
    if max_frames is None and max(labels) >= count:
        raise TrainingError(
            f"{labels[max(labels)]} is the label of frame {max(labels)}, but {video} has {count} frames; "
            "the first one has the number 0"
        )


def _read_label(path: Path, size: Size) -> tuple[Matte, NDArray[np.bool_]]:
    """Return the matte of a sparse label and where it is known."""
    levels = read_grayscale(path)
    if Size.of(levels) != size:
        raise TrainingError(f"{path} is {Size.of(levels)}, but its video is {size}; make them the same size")
    if levels.max() <= UNKNOWN and levels.min() >= FOREGROUND:
        return (levels == FOREGROUND).astype(np.float32), levels != UNKNOWN
    if not np.isin(levels, (0, 128, 255)).all():
        problem = f"{path} holds other values than 0 (room), 128 (unknown) and 255 (keep)"
        raise TrainingError(f"{problem}; write it again as an 8-bit gray PNG without smoothing")
    return (levels == 255).astype(np.float32), levels != 128


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
