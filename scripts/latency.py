#!/usr/bin/env python3
"""Measure the delay from a camera frame to the sink, with a paced camera whose frames carry a number.

For each frame shown: the delay from the moment the camera had it to the moment a sink got it, and how much of
that is not the processing itself. At the camera's pace the rest is less than one frame period.
"""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from livecam.core.errors import LivecamError
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.pipeline import Pipeline
from livecam.runtime.live_loop import run
from livecam.sources.demo import DemoSource

BITS = 16


def write_number(frame: Frame, number: int) -> Frame:
    """The frame with a number in the first pixels of its first row."""
    made: Frame = frame.copy()
    made[0, :BITS] = (np.array([number >> bit & 1 for bit in range(BITS)], np.uint8) * 255)[:, None]
    return made


def read_number(frame: Frame) -> int:
    """Read the number that `write_number` wrote."""
    return sum(int(frame[0, bit, 0] > 127) << bit for bit in range(BITS))


class PacedCamera(DemoSource):
    """Provide the demo like a webcam whose driver gives one frame per period, also when no reader waits.

    `had` keeps when each frame was ready, by its number.
    """

    def __init__(self, size: Size, fps: float, seconds: float) -> None:
        super().__init__(size, fps)
        self.count = int(fps * seconds)
        self.had: dict[int, float] = {}
        # Drawn in advance, because the frames of a webcam cost this machine no time.
        self._drawn = [self.frame_at(index / 4) for index in range(8)]

    def __iter__(self) -> Iterator[Frame]:
        start = time.monotonic()
        number = 0
        while (number := max(number + 1, int((time.monotonic() - start) * self.fps))) < self.count:
            frame = write_number(self._drawn[number % 8], number)
            # A late reader gets the newest frame, as from a driver with few buffers.
            time.sleep(max(0.0, start + number / self.fps - time.monotonic()))
            self.had[number] = time.monotonic()
            yield frame


class Numbered:
    """A pipeline whose results carry their frame's number, and which times itself."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.took: dict[int, float] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)

    def replace(self, frame: Frame) -> Frame:
        """What the pipeline makes of a frame, with the frame's number in it."""
        start = time.monotonic()
        shown = self._pipeline.replace(frame)
        number = read_number(frame)
        self.took[number] = time.monotonic() - start
        return write_number(shown, number)


class Watch:
    """A sink that notes when it got which number."""

    def __init__(self) -> None:
        self.got: dict[int, float] = {}
        self.order: list[int] = []

    def send(self, frame: Frame) -> None:
        """Note the frame's number."""
        number = read_number(frame)
        self.got.setdefault(number, time.monotonic())
        self.order.append(number)


def measure(pipeline: Pipeline, size: Size, fps: float, seconds: float) -> dict[str, Any]:
    """Delays in milliseconds, and whether frames came in order."""
    camera, numbered, watch = PacedCamera(size, fps, seconds), Numbered(pipeline), Watch()
    with camera:
        report = run(camera, numbered, [watch])  # type: ignore[arg-type]
    shown = [number for number in watch.order if number in numbered.took]
    settled = [number for number in dict.fromkeys(shown) if number > fps]  # the first second warms up
    delays = [1000 * (watch.got[number] - camera.had[number]) for number in settled]
    rest = [delay - 1000 * numbered.took[number] for number, delay in zip(settled, delays, strict=True)]
    return {
        "size": str(size),
        "fps": fps,
        "period_ms": 1000 / fps,
        "given": len(camera.had),
        "shown": report.frames_shown,
        "in_order": all(before < after for before, after in itertools.pairwise(shown)),
        "processing_ms": _spread([1000 * numbered.took[number] for number in settled]),
        "delay_ms": _spread(delays),
        "beyond_processing_ms": _spread(rest),
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {f"p{part}": float(np.percentile(values, part)) for part in (50, 95)} if values else {}


def main() -> int:
    """Measure as the words say, and tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="1280x720", help="of the camera (%(default)s)")
    parser.add_argument("--fps", type=float, default=30, help="of the camera (%(default)s)")
    parser.add_argument("--seconds", type=float, default=10, help="(%(default)s)")
    parser.add_argument("--background", default="blur", help="(%(default)s)")
    parser.add_argument("--model", default="person", help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="of the network (%(default)s)")
    parser.add_argument("--json", action="store_true", help="for programs")
    args = parser.parse_args()
    try:
        pipeline = Pipeline.load(args.model, args.background, threads=args.threads)
        found = measure(pipeline, Size.parse(args.size), args.fps, args.seconds)
    except LivecamError as error:
        print(f"scripts/latency.py: {error}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps(found))
        return 0
    print(
        f"{found['size']} at {found['fps']:g} fps: {found['shown']} of {found['given']} frames shown, ",
        end="",
    )
    print("in order" if found["in_order"] else "OUT OF ORDER")
    for name in ("processing_ms", "delay_ms", "beyond_processing_ms"):
        text = ", ".join(f"{part} {value:.1f} ms" for part, value in found[name].items())
        print(f"  {name.removesuffix('_ms').replace('_', ' '):<18} {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
