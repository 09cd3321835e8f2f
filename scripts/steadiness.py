#!/usr/bin/env python3
"""Measure the temporal stability of mattes: step response, and flicker on a static scene, as Markdown.

A step is a cut from an empty room to an image with a person and back; then only the person appears in the
room and disappears again. The result is the number of frames until the matte has made 90 % of its change, at
30 frames per second. Flicker is the mean absolute change of the matte between frames × 1000 while a still
image gets new noise in each frame.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from livecam.core.errors import LivecamError, UsageError
from livecam.core.types import Frame
from livecam.evaluation.baseline import BaselineSegmenter
from livecam.evaluation.temporal_stability import (
    LivePipeline,
    MatteEstimator,
    composite_over_room,
    flicker,
    read_room,
    read_still,
    step_response_frames,
)

COLUMNS = ("cut in", "cut out", "appears", "goes", "flicker")


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="person", metavar="NAME", help="which model (person, or a path)")
    parser.add_argument(
        "--rival",
        dest="baselines",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help=".tflite files of others, run alone",
    )
    parser.add_argument("--room", type=Path, metavar="PICTURE", help="an empty room (drawn)")
    parser.add_argument("--still", type=Path, metavar="PICTURE", help="a person (the demo's)")
    parser.add_argument("--noise", type=float, default=6, metavar="SIGMA", help="in levels of 255 (6)")
    parser.add_argument("--frames", type=int, default=60, metavar="N", help="noisy frames to measure (60)")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="threads of the network (2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there as well")
    args = parser.parse_args()
    try:
        rows = measure_all(args)
    except LivecamError as error:
        print(f"steadiness: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    print(table(rows))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


def measure_all(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Measure each model: livecam's with and without its temporal filter, and the baselines."""
    if args.frames < 1 or args.noise < 0:
        raise UsageError("--frames must be 1 or more, --noise 0 or more")
    models: dict[str, MatteEstimator] = {
        args.model: LivePipeline(args.model, args.threads),
        f"{args.model}, unsmoothed": LivePipeline(args.model, args.threads, smoothed=False),
    }
    models |= {path.stem: BaselineSegmenter(path, args.threads) for path in args.baselines}
    room, still = read_room(args.room), read_still(args.still)
    person = composite_over_room(models[args.model], still, room)
    return {
        name: measure(model, room, still, person, args.noise, args.frames) for name, model in models.items()
    }


def measure(
    model: MatteEstimator, room: Frame, still: Frame, person: Frame, noise: float, frames: int
) -> dict[str, Any]:
    """Measure all columns of one model; `person` is the foreground of `still` composited over `room`."""
    steps = [(room, still), (still, room), (room, person), (person, room)]
    counts = [step_response_frames(model, before, after) for before, after in steps]
    values = [*counts, round(flicker(model, still, noise=noise, frames=frames), 3)]
    return dict(zip(COLUMNS, values, strict=True))


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Format the numbers as Markdown; "-" where the matte did not change at all."""
    lines = [f"| | {' | '.join(COLUMNS)} |", "|---|" + "---:|" * len(COLUMNS)]
    for name, row in rows.items():
        cells = ["-" if row[column] is None else f"{row[column]:g}" for column in COLUMNS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
