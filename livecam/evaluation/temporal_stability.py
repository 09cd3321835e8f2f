"""Temporal stability of mattes: step response, and flicker on a static scene with noise."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from livecam.core.geometry import Crop, Size
from livecam.core.types import Frame, Matte, Motion
from livecam.imaging.compositing import alpha_composite
from livecam.imaging.fit import FitMode, fit_image
from livecam.imaging.image_io import read_image
from livecam.pipeline import Pipeline
from livecam.sources.demo import DemoSource

FPS = 30.0
SIZE = Size(640, 360)
HOLD_FRAMES = 30
"""Frames for which each scene of a step is shown: 1 s."""
WARM_UP_FRAMES = 15
"""Frames before flicker is measured."""
MIN_STEP = 1e-3
"""A mean absolute change of the matte below this is not a step."""


class MatteEstimator(Protocol):
    """Turns a frame into a full-resolution matte; `reset` clears the temporal state."""

    def matte(self, frame: Frame) -> Matte: ...  # noqa: D102
    def reset(self) -> None: ...  # noqa: D102


class FixedRatePipeline:
    """The complete `Pipeline.matte` with timestamps 1/`FPS` apart."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline, self._frame_count = pipeline, 0

    def matte(self, frame: Frame) -> Matte:
        """Compute the matte of the next frame."""
        self._frame_count += 1
        return self._pipeline.matte(frame, self._frame_count / FPS)

    def reset(self) -> None:
        """Clear the temporal state."""
        self._pipeline.reset()


class LivePipeline(FixedRatePipeline):
    """A model in the live pipeline at `FPS`."""

    def __init__(self, model: str = "person", threads: int = 2, *, smoothed: bool = True) -> None:
        """Load `model`; if not `smoothed`, without the temporal filter.

        Raises:
            UsageError: there is no such model.
            ModelError: the model cannot be used.
        """
        pipeline = Pipeline.load(model, threads=threads)
        if not smoothed:
            pipeline.temporal_filter = IdentityFilter()
        super().__init__(pipeline)


class IdentityFilter:
    """Temporal filter that changes nothing."""

    def apply(self, coarse: Matte, motion: Motion | None = None) -> Matte:
        """Return a copy of the matte."""
        return np.array(coarse)

    def move(self, before: Crop, after: Crop) -> None:
        """Do nothing: there is no state."""

    def reset(self) -> None:
        """Do nothing: there is no state."""


def step_response_frames(
    model: MatteEstimator, before: Frame, after: Frame, fraction: float = 0.9
) -> int | None:
    """Count the frames until the matte has made `fraction` of its change after a cut.

    The cut goes from `before` to `after`; 1 is the first frame that shows `after`. Each scene is shown for
    1 s. The matte at the end of it is the settled one, and the remaining change is the mean absolute
    difference from it. Returns None if the two settled mattes are the same.
    """
    model.reset()
    first = [model.matte(before) for _ in range(HOLD_FRAMES)][-1]
    mattes = [model.matte(after) for _ in range(HOLD_FRAMES)]
    total = float(np.abs(mattes[-1] - first).mean())
    if total < MIN_STEP:
        return None
    remaining = [float(np.abs(matte - mattes[-1]).mean()) / total for matte in mattes]
    # The last frame outside, not the first inside: a matte may leave the range again.
    outside = [number for number, part in enumerate(remaining, 1) if part > 1 - fraction]
    return outside[-1] + 1 if outside else 1


def flicker(
    model: MatteEstimator, still: Frame, *, noise: float = 6.0, frames: int = 60, seed: int = 1
) -> float:
    """Compute the mean absolute change of the matte per frame × 1000, on a static scene with new noise.

    `noise` is its standard deviation in levels of 255 (`add_noise_frames`).
    """
    model.reset()
    previous: Matte | None = None
    changes = []
    for number, frame in enumerate(add_noise_frames(still, noise, WARM_UP_FRAMES + frames, seed)):
        matte = model.matte(frame)
        if previous is not None and number >= WARM_UP_FRAMES:
            changes.append(float(np.abs(matte - previous).mean()))
        previous = matte
    return 1000 * float(np.mean(changes))


def add_noise_frames(still: Frame, noise: float, count: int, seed: int) -> Iterator[Frame]:
    """Yield a frame `count` times with new Gaussian noise, in grains of 2×2 pixels.

    Webcam noise has this grain: a Bayer sensor is interpolated, and chroma is subsampled.
    """
    rng = np.random.default_rng(seed)
    height, width = still.shape[:2]
    for _ in range(count):
        grains = rng.normal(0, noise, ((height + 1) // 2, (width + 1) // 2, 3)).astype(np.float32)
        noise_image = grains.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
        yield np.clip(np.rint(still + noise_image), 0, 255).astype(np.uint8)


def read_still(path: Path | None) -> Frame:
    """Read an image and crop its center to `SIZE`; the demo's photograph if `path` is None.

    Raises:
        ImageError: the image cannot be read.
    """
    return (
        DemoSource(SIZE).frame_at(0.0)
        if path is None
        else fit_image(read_image(path).image, SIZE, FitMode.COVER)
    )


def read_room(path: Path | None) -> Frame:
    """Read an image and crop its center to `SIZE`; `draw_reference_room` if `path` is None.

    Raises:
        ImageError: the image cannot be read.
    """
    return (
        draw_reference_room(SIZE) if path is None else fit_image(read_image(path).image, SIZE, FitMode.COVER)
    )


def draw_reference_room(size: Size) -> Frame:
    """Draw a wall lit from the left, a window, a door and the floor: uint8 (size.height, size.width, 3)."""
    y, x = np.mgrid[: size.height, : size.width].astype(np.float32)
    y, x = y / size.height, x / size.width
    lighting = (1.05 - 0.25 * x - 0.1 * y)[..., None]
    room = np.array([196, 188, 174], np.float32) * lighting
    parts = {
        (0.0, 1.0, 0.82, 1.0): (120, 88, 62),
        (0.08, 0.34, 0.12, 0.5): (236, 232, 224),
        (0.1, 0.32, 0.15, 0.47): (170, 200, 228),
        (0.7, 0.9, 0.18, 0.82): (142, 110, 84),
    }
    for (left, right, top, bottom), color in parts.items():
        inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
        room[inside] = np.array(color, np.float32) * lighting[inside]
    return np.asarray(np.clip(room, 0, 255)).astype(np.uint8)


def composite_over_room(model: MatteEstimator, still: Frame, room: Frame) -> Frame:
    """Composite the foreground of `still`, by the model's own matte, over `room`.

    A step from `room` to this frame changes the foreground only.
    """
    model.reset()
    return np.asarray(alpha_composite(still, room, model.matte(still)))
