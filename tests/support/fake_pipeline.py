"""Pipeline of fake stages, and what the tests of the live loop share."""

from typing import Any

import numpy as np

from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.pipeline import Pipeline
from livecam.runtime.live_loop import Timeouts
from tests.support.fakes import (
    PERSON,
    ColorBackground,
    FakeSegmenter,
    IdentityTemporalFilter,
    IdentityUpsampler,
)

QUICK = Timeouts(stall=0.15, placeholder_interval=0.02, camera_lost=0.4)


class IdentityPipeline:
    """Returns every frame as it is; remembers timestamps and resets."""

    transparent = False

    def __init__(self) -> None:
        self.resets = 0
        self.times: list[float | None] = []

    def replace(self, frame: Frame, timestamp: float | None = None) -> np.ndarray[Any, Any]:
        self.times.append(timestamp)
        return frame

    def render_standalone(self, size: Size, timestamp: float | None = None) -> Frame:
        return np.full((size.height, size.width, 3), (0, 60, 200), np.uint8)

    def reset(self) -> None:
        self.resets += 1


def make_pipeline(**stages: Any) -> Pipeline:
    """Build a pipeline whose stages are fakes, except those in `stages`."""
    parts = {
        "segmenter": FakeSegmenter(),
        "temporal_filter": IdentityTemporalFilter(),
        "upsampler": IdentityUpsampler(),
        "background": ColorBackground(),
    }
    parts |= stages
    return Pipeline(parts["segmenter"], parts["temporal_filter"], parts["upsampler"], parts["background"])


def shows_person(frame: np.ndarray[Any, Any]) -> bool:
    """Return True if the green person is in a frame."""
    return bool((frame[..., :3] == np.array(PERSON, np.uint8)).all(axis=2).any())
