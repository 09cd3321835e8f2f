"""scripts/strip.py: a strip of what models keep."""

from typing import Any

import numpy as np
import pytest

from livecam.core.geometry import Size
from livecam.sources.demo import DemoSource
from tests.support.scripts import load_script


@pytest.fixture
def strip() -> Any:
    return load_script("strip")


def test_drawn_strip_shows_no_frame_and_no_face(strip: Any) -> None:
    framed = strip.draw(["person-lite"], "demo", 2, 5)
    drawn = strip.draw(["person-lite"], "demo", 2, 5, drawn=True)
    assert (framed.shape, drawn.shape) == ((360, 640, 3), (180, 640, 3))
    assert (drawn[-20, 20] == strip.GREEN_RGB).all()


def test_paint_leaves_a_few_flat_tones(strip: Any) -> None:
    frame = DemoSource(Size(320, 180)).frame_at(1.0)
    painted = strip.paint(frame)
    assert painted.shape == frame.shape
    assert len(np.unique(painted)) <= strip.TONES + 1 < len(np.unique(frame))
    # A face has edges of a few pixels; all that is left are edges between large tones.
    assert (np.diff(painted.astype(int), axis=1) != 0).mean() < 0.1
