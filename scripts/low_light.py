#!/usr/bin/env python3
"""Measure the mattes of darkened clips with and without --low-light, as a Markdown table.

    scripts/low_light.py CLIPS

CLIPS is what `livecam evaluate` takes: a folder of clips with true mattes, or images in Pets layout. Each
frame is darkened as a webcam sees less light: linear light × exposure, photon noise, read noise and an analog
gain, then 8 bits. The bright clips are the first row. `--goal` compares goals of the brightening; choose one
on other data than that which you report, such as `--split trainval`.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from livecam.core.config import PictureSettings
from livecam.core.errors import LivecamError, UsageError
from livecam.core.types import Frame, Matte
from livecam.datasets.evaluation_set import EvaluationSample, LabeledFrame, load_evaluation_set
from livecam.evaluation.metrics import dtssd, frame_metrics
from livecam.picture.low_light import LowLightFilter, LowLightSettings
from livecam.pipeline import Pipeline

COLUMNS = ("miou", "fg_iou", "bf", "mad", "hole", "leak", "dtssd")
GAMMA = 2.2
FULL_WELL = 4000.0
"""Electrons of a small sensor's pixel at white."""
READ_NOISE = 4.0
"""Electrons."""
GRAIN = 2
"""Side of a grain in pixels: the sensor's colors are interpolated, chroma is subsampled."""


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="CLIPS", help="labelled clips or images")
    parser.add_argument("--model", default="person", metavar="NAME", help="which model (person)")
    parser.add_argument(
        "--exposure",
        type=float,
        nargs="+",
        default=[0.1, 0.04, 0.015],
        metavar="FRACTION",
        help="light compared with the clip's own (0.1 0.04 0.015)",
    )
    parser.add_argument(
        "--gain", type=float, default=2.0, metavar="FACTOR", help="analog gain of the camera (2)"
    )
    parser.add_argument("--frames", type=int, default=20, metavar="N", help="frames per clip (20)")
    parser.add_argument("--split", default="test", choices=("test", "trainval"), help="of images (test)")
    parser.add_argument(
        "--goal",
        type=float,
        nargs="+",
        default=[LowLightSettings().goal],
        metavar="LUMA",
        help=f"mean luma up to which dark frames are brightened ({LowLightSettings().goal})",
    )
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="threads of the network (2)")
    args = parser.parse_args()
    try:
        rows = measure_all(args)
    except LivecamError as error:
        print(f"low_light: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    print(table(rows))
    return 0


def measure_all(args: argparse.Namespace) -> dict[tuple[str, str], dict[str, float]]:
    """Return the mean metrics by exposure and setting."""
    if not all(0 < exposure <= 1 for exposure in args.exposure):
        raise UsageError("--exposure must be above 0 and at most 1")
    if not all(0 < goal < 1 for goal in args.goal):
        raise UsageError("--goal must be above 0 and below 1")
    samples = load_evaluation_set(args.data, args.split, args.frames)
    with closing(Pipeline.load(args.model, threads=args.threads)) as pipeline:
        rows = {("1", "off"): measure(pipeline, samples, None, args.gain)}
        for exposure in args.exposure:
            pipeline.set_picture(PictureSettings(low_light=False))
            rows[f"{exposure:g}", "off"] = measure(pipeline, samples, exposure, args.gain)
            pipeline.set_picture(PictureSettings(low_light=True))
            for goal in args.goal:
                pipeline._low_light = LowLightFilter(LowLightSettings(goal=goal))
                name = "on" if len(args.goal) == 1 else f"on, goal {goal:g}"
                rows[f"{exposure:g}", name] = measure(pipeline, samples, exposure, args.gain)
    return rows


def measure(
    pipeline: Pipeline, samples: list[EvaluationSample], exposure: float | None, gain: float
) -> dict[str, float]:
    """Return the mean over samples of each sample's mean metrics."""
    totals: defaultdict[str, list[float]] = defaultdict(list)
    for sample in samples:
        pipeline.reset()
        sums: defaultdict[str, list[float]] = defaultdict(list)
        previous: tuple[Matte, Matte] | None = None
        for labeled, frame in darkened(sample, exposure, gain):
            matte = pipeline.matte(frame, labeled.seconds)
            metrics = frame_metrics(matte, labeled.matte, labeled.valid_mask)
            if previous is not None:
                metrics["dtssd"] = 100 * dtssd(previous[0], matte, previous[1], labeled.matte)
            previous = matte, labeled.matte
            for name, value in metrics.items():
                sums[name].append(value)
        for name, values in sums.items():
            totals[name].append(float(np.mean(values)))
    return {name: float(np.mean(values)) for name, values in totals.items()}


def darkened(
    sample: EvaluationSample, exposure: float | None, gain: float
) -> Iterator[tuple[LabeledFrame, Frame]]:
    """Yield each labelled frame with its dark version; with itself if `exposure` is None."""
    rng = np.random.default_rng(sum(sample.name.encode()))
    for labeled in sample.frames():
        frame = labeled.frame
        yield labeled, frame if exposure is None else darken(frame, exposure, gain, rng)


def darken(frame: Frame, exposure: float, gain: float, rng: np.random.Generator) -> Frame:
    """Return a frame as a camera would see it with less light; new noise from `rng`."""
    electrons = FULL_WELL * exposure * (frame.astype(np.float32) / 255) ** GAMMA
    height, width = frame.shape[:2]
    shape = (-(-height // GRAIN), -(-width // GRAIN), 3)
    grains = rng.standard_normal(shape, dtype=np.float32).repeat(GRAIN, 0).repeat(GRAIN, 1)
    # Photon noise as a normal distribution of the same variance, which read noise adds to.
    electrons += grains[:height, :width] * np.sqrt(electrons + READ_NOISE**2)
    light = np.clip(electrons * gain / FULL_WELL, 0, 1)
    return np.asarray(np.rint(255 * light ** (1 / GAMMA)), np.uint8)


def table(rows: dict[tuple[str, str], dict[str, float]]) -> str:
    """Format the rows as Markdown."""
    lines = [f"| light | --low-light | {' | '.join(COLUMNS)} |", "|---|---|" + "---:|" * len(COLUMNS)]
    for (light, setting), metrics in rows.items():
        values = (f"{metrics[name]:.2f}" if name in metrics else "-" for name in COLUMNS)
        lines.append(f"| {light} | {setting} | {' | '.join(values)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
