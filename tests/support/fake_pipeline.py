"""Pipeline of fake stages, and what the tests of the live loop share."""

from typing import Any

import numpy as np

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
