#!/usr/bin/env python3
"""Draw the image of the README: the built-in demo and what livecam makes of it.

scripts/picture.py [--model NAME] [--out .github/livecam.jpg]
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from livecam import Pipeline, Size
from livecam.backgrounds.factory import create_background
from livecam.imaging.image_io import write_image
from livecam.sources.demo import DemoSource

SIZE = Size(640, 360)
BACKGROUNDS = ("beach", "blur", "dusk", "bokeh", "#00b140")


def draw(model: str) -> np.ndarray:
    """Draw the source and five backgrounds, two rows of three."""
    demo = DemoSource(SIZE)
    pipeline = Pipeline.load(model)
    cells = [demo.frame_at(1.0)]
    for spec in BACKGROUNDS:
        pipeline.set_background(create_background(spec))
        pipeline.reset()
        for step in range(10):
            seconds = 1.0 + step / 30
            shown = pipeline.replace(demo.frame_at(seconds), seconds)
        cells.append(shown)
    return np.vstack([np.hstack(cells[:3]), np.hstack(cells[3:])])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="person")
    parser.add_argument("--out", type=Path, default=Path(".github/livecam.jpg"))
    args = parser.parse_args()
    args.out.parent.mkdir(exist_ok=True)
    write_image(args.out, draw(args.model))
