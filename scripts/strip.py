#!/usr/bin/env python3
"""Draw what models keep, one below the other on green; each column is one time.

scripts/strip.py person-0.1.tflite person --out .github/strip.jpg
scripts/strip.py person person-lite --camera talk.mp4 --every 20
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from livecam import Pipeline, Size
from livecam.core.errors import LivecamError
from livecam.core.types import Frame
from livecam.imaging.image_io import write_image
from livecam.imaging.ops import resize
from livecam.sources.demo import DemoSource
from livecam.video.video_reader import VideoReader

SIZE = Size(320, 180)
GREEN = "#00b140"


def draw(models: list[str], source: str, columns: int, every: int) -> Frame:
    """A row of frames, then a row a model: every `every`-th frame, all those between seen as well."""
    seen = list(islice(frames(source), 0, (columns - 1) * every + 1))
    rows = [(source if source != "demo" else "the demo", seen[::every])]
    for model in models:
        pipeline = Pipeline.load(model, GREEN)
        shown = []
        for number, frame in enumerate(seen):
            shown.append(pipeline.replace(frame, number / 30))
        rows.append((Path(model).stem, shown[::every]))
    return np.vstack(
        [np.hstack([called(resize(cell, SIZE), name) for cell in cells]) for name, cells in rows]
    )


def frames(source: str) -> Iterator[Frame]:
    """The frames of the demo, or of a video."""
    if source == "demo":
        demo = DemoSource(Size(640, 360))
        yield from (demo.frame_at(number / 30) for number in range(10_000))
    else:
        with VideoReader(Path(source)) as clip:
            yield from clip


def called(cell: Frame, name: str) -> Frame:
    """The cell with its model's name."""
    told = np.array(cell)
    told[:16] //= 3
    cv2.putText(told, name, (5, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return told


def main() -> int:
    """Draw and write; give back the exit code."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("models", nargs="+", metavar="MODEL", help="shipped names or .tflite files")
    words.add_argument("--camera", default="demo", metavar="WHICH", help="demo (default) or a video")
    words.add_argument("--columns", type=int, default=5, metavar="N", help="moments to show (5)")
    words.add_argument("--every", type=int, default=15, metavar="N", help="frames between them (15)")
    words.add_argument("--out", type=Path, default=Path("strip.jpg"), metavar="FILE")
    args = words.parse_args()
    try:
        write_image(args.out, draw(args.models, args.camera, max(1, args.columns), max(1, args.every)))
    except LivecamError as error:
        print(f"strip: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
