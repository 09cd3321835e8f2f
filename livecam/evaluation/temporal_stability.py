"""How steady mattes are: how soon they follow a step, how much they flicker before a still scene."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.compositing import alpha_composite
from livecam.imaging.fit import FitMode, fit_image
from livecam.imaging.image_io import read_image
from livecam.pipeline import Pipeline
from livecam.sources.demo import DemoSource

FPS = 30.0
SIZE = Size(640, 360)
HOLD_FRAMES = 30
"""Frames that each scene of a step stands: a second."""
WARM_UP_FRAMES = 15
"""Frames before flicker is measured."""
NOTHING = 1e-3
"""A mean change of the matte below this is no step at all."""


class MatteEstimator(Protocol):
    """Frame to full-size matte, with a memory that can be forgotten."""

    def matte(self, frame: Frame) -> Matte: ...  # noqa: D102
    def reset(self) -> None: ...  # noqa: D102


class FixedRatePipeline:
    """Calls `Pipeline.matte` with timestamps 1/30 s apart."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline, self._frame_count = pipeline, 0

    def matte(self, frame: Frame) -> Matte:
        """The matte of the next frame."""
        self._frame_count += 1
        return self._pipeline.matte(frame, self._frame_count / FPS)

    def reset(self) -> None:
        """Forget all frames so far."""
        self._pipeline.reset()


class LivePipeline(FixedRatePipeline):
    """A model in the live pipeline."""

    def __init__(self, model: str = "person", threads: int = 2, *, smoothed: bool = True) -> None:
        """Load `model`; without the filter over time if not `smoothed`.

        Raises:
            UsageError, ModelError: no such model, or one that can't be used.
        """
        pipeline = Pipeline.load(model, threads=threads)
        if not smoothed:
            pipeline.temporal_filter = IdentityFilter()
        super().__init__(pipeline)


class IdentityFilter:
    """Lets every small matte through as it is."""

    def apply(self, rough: Matte) -> Matte:
        """The same matte, as a new array."""
        return np.array(rough)

    def reset(self) -> None:
        """Nothing is remembered."""


def step_response_frames(
    model: MatteEstimator, before: Frame, after: Frame, share: float = 0.9
) -> int | None:
    """In how many frames the matte made `share` of its change when `before` is cut to `after`.

    1 is the first frame that shows `after`. Each is shown for a second; what the matte is at the end of that
    second counts as settled, and what is left of the change is the mean absolute difference from there. None
    if the two settled mattes are the same: nothing to follow.
    """
    model.reset()
    first = [model.matte(before) for _ in range(HOLD_FRAMES)][-1]
    mattes = [model.matte(after) for _ in range(HOLD_FRAMES)]
    whole = float(np.abs(mattes[-1] - first).mean())
    if whole < NOTHING:
        return None
    left = [float(np.abs(matte - mattes[-1]).mean()) / whole for matte in mattes]
    # Not the first that is near: a matte that leaves again has not settled.
    late = [number for number, part in enumerate(left, 1) if part > 1 - share]
    return late[-1] + 1 if late else 1


def flicker(
    model: MatteEstimator, still: Frame, *, noise: float = 6.0, frames: int = 60, seed: int = 1
) -> float:
    """Mean absolute change of the matte from frame to frame × 1000, before a still scene with fresh noise.

    `noise` is its standard deviation in levels of 255; see `add_noise_frames`.
    """
    model.reset()
    last: Matte | None = None
    changes = []
    for number, frame in enumerate(add_noise_frames(still, noise, WARM_UP_FRAMES + frames, seed)):
        matte = model.matte(frame)
        if last is not None and number >= WARM_UP_FRAMES:
            changes.append(float(np.abs(matte - last).mean()))
        last = matte
    return 1000 * float(np.mean(changes))


def add_noise_frames(still: Frame, noise: float, count: int, seed: int) -> Iterator[Frame]:
    """A still frame `count` times with fresh Gaussian noise, grains of 2×2 pixels.

    As coarse as that because webcams make their pictures from a Bayer grid and halve the colours again.
    """
    rng = np.random.default_rng(seed)
    height, width = still.shape[:2]
    for _ in range(count):
        grains = rng.normal(0, noise, ((height + 1) // 2, (width + 1) // 2, 3)).astype(np.float32)
        spread = grains.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
        yield np.clip(np.rint(still + spread), 0, 255).astype(np.uint8)


def read_still(path: Path | None) -> Frame:
    """A picture at `SIZE`, its middle; the demo's astronaut if None.

    Raises:
        ImageError: it can't be read.
    """
    return (
        DemoSource(SIZE).frame_at(0.0)
        if path is None
        else fit_image(read_image(path).image, SIZE, FitMode.COVER)
    )


def read_room(path: Path | None) -> Frame:
    """A picture at `SIZE`, its middle; a drawn room if None.

    Raises:
        ImageError: it can't be read.
    """
    return (
        draw_reference_room(SIZE) if path is None else fit_image(read_image(path).image, SIZE, FitMode.COVER)
    )


def draw_reference_room(size: Size) -> Frame:
    """A wall lit from the left, a window, a door and the floor: uint8 (size.height, size.width, 3)."""
    down, across = np.mgrid[: size.height, : size.width].astype(np.float32)
    down, across = down / size.height, across / size.width
    light = (1.05 - 0.25 * across - 0.1 * down)[..., None]
    room = np.array([196, 188, 174], np.float32) * light
    parts = {
        (0.0, 1.0, 0.82, 1.0): (120, 88, 62),
        (0.08, 0.34, 0.12, 0.5): (236, 232, 224),
        (0.1, 0.32, 0.15, 0.47): (170, 200, 228),
        (0.7, 0.9, 0.18, 0.82): (142, 110, 84),
    }
    for (left, right, top, bottom), colour in parts.items():
        inside = (across >= left) & (across < right) & (down >= top) & (down < bottom)
        room[inside] = np.array(colour, np.float32) * light[inside]
    return np.asarray(np.clip(room, 0, 255)).astype(np.uint8)


def flicker_before_room(model: MatteEstimator, still: Frame, room: Frame) -> Frame:
    """The subject of `still`, by the model's own matte, before `backdrop`: only the subject is new then."""
    model.reset()
    return np.asarray(alpha_composite(still, room, model.matte(still)))
