#!/usr/bin/env python3
"""Draw what models keep, one below the other on green; each column is one point in time.

scripts/strip.py person-0.1.tflite person --out .github/strip.jpg
scripts/strip.py person person-lite --camera talk.mp4 --every 20
scripts/strip.py person-0.6.tflite person --camera talk.mp4 --drawn  # without faces
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
from livecam.imaging.compositing import alpha_composite
from livecam.imaging.image_io import write_image
from livecam.imaging.ops import resize
from livecam.sources.demo import DemoSource
from livecam.video.video_reader import VideoReader

HEIGHT = 180
GREEN_RGB = (0, 177, 64)
GREEN = f"#{bytes(GREEN_RGB).hex()}"
TONES = 5
"""Tones of each color in a painted frame."""


def draw(models: list[str], source: str, columns: int, every: int, drawn: bool = False) -> Frame:
    """Draw a row of frames, then one row per model.

    Each row shows every `every`-th frame. The models also process the frames between them. With `drawn` the
    row of frames is left out, and people are painted in flat tones without a face.
    """
    all_frames = list(islice(frames(source), 0, (columns - 1) * every + 1))
    rows = [] if drawn else [(source if source != "demo" else "the demo", all_frames[::every])]
    for model in models:
        pipeline = Pipeline.load(model, GREEN)
        shown = []
        for number, frame in enumerate(all_frames):
            if drawn:
                matte = pipeline.matte(frame, number / 30)
                shown.append(alpha_composite(paint(frame), np.full_like(frame, GREEN_RGB), matte))
            else:
                shown.append(pipeline.replace(frame, number / 30))
        rows.append((Path(model).stem, shown[::every]))
    return np.vstack([np.hstack([add_label(scale(cell), name) for cell in cells]) for name, cells in rows])


def frames(source: str) -> Iterator[Frame]:
    """Yield the frames of the demo or of a video."""
    if source == "demo":
        demo = DemoSource(Size(640, 360))
        yield from (demo.frame_at(number / 30) for number in range(10_000))
    else:
        with VideoReader(Path(source)) as clip:
            yield from clip


def scale(frame: Frame) -> Frame:
    """Return the frame at the height of a row."""
    return resize(frame, Size(round(frame.shape[1] * HEIGHT / frame.shape[0]), HEIGHT))


def paint(frame: Frame) -> Frame:
    """Return a copy of the frame in flat tones: what is kept of clothes is visible, a face is not."""
    blurred = cv2.GaussianBlur(frame, (0, 0), frame.shape[0] / 45)
    step = 256 // TONES
    return np.asarray(blurred // step * step + step // 2, np.uint8)


def add_label(cell: Frame, name: str) -> Frame:
    """Return a copy of the cell with the name of its model."""
    labeled = np.array(cell)
    labeled[:16] //= 3
    cv2.putText(labeled, name, (5, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return labeled


def main() -> int:
    """Draw and write; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="MODEL", help="shipped names or .tflite files")
    parser.add_argument("--camera", default="demo", metavar="WHICH", help="demo (default) or a video")
    parser.add_argument("--columns", type=int, default=5, metavar="N", help="frames to show (5)")
    parser.add_argument("--every", type=int, default=15, metavar="N", help="frames between them (15)")
    parser.add_argument("--drawn", action="store_true", help="paint people in flat tones, without the frames")
    parser.add_argument("--out", type=Path, default=Path("strip.jpg"), metavar="FILE")
    args = parser.parse_args()
    try:
        strip = draw(args.models, args.camera, max(1, args.columns), max(1, args.every), args.drawn)
        write_image(args.out, strip)
    except LivecamError as error:
        print(f"strip: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
