#!/usr/bin/env python3
"""Measure --only-me: what is shown of another who comes out from behind, what is lost of the person.

    scripts/only_me.py talk.mp4 --other walker.mp4 --scale 0.45 0.7
    scripts/only_me.py talk.mp4 gestures.mp4

With --other, the person of that clip is put into each clip: not there for half a second, then hidden by the
person, then walking out to the right or to the left. "shown" is the largest part of the other that is shown,
in percent of the image; "of" is how much of the other could be seen then. Without --other, "lost" is the part
of the person's own matte that --only-me takes away.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from livecam.core.errors import LivecamError, UsageError
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import downscale_matte, resize
from livecam.matting.cleanup import clean_matte
from livecam.matting.person_selection import PersonSelector
from livecam.pipeline import Pipeline
from livecam.video.video_reader import VideoReader

SIZE = Size(640, 360)
ALONE_FRAMES = 8
VISIBLE = 0.5
SOLID = 0.7


@dataclass(frozen=True)
class Clip:
    """Frames of one size and their mattes, which loop forwards and backwards."""

    frames: list[Frame]
    mattes: list[Matte]

    def at(self, number: int) -> tuple[Frame, Matte]:
        """Return a frame and its matte."""
        period = max(1, 2 * len(self.frames) - 2)
        index = number % period
        index = index if index < len(self.frames) else period - index
        return self.frames[index], self.mattes[index]


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path, nargs="+", metavar="CLIP", help="clips of one person")
    parser.add_argument("--other", type=Path, metavar="CLIP", help="clip of the person who comes out")
    parser.add_argument(
        "--scale", type=float, nargs="+", default=[0.45, 0.7], metavar="FACTOR",
        help="height of the other clip's frame compared with the frame (0.45 0.7)",
    )  # fmt: skip
    parser.add_argument("--frames", type=int, default=50, metavar="N", help="frames of a walk (50)")
    parser.add_argument("--fps", type=float, default=15, metavar="RATE", help="frames a second (15)")
    parser.add_argument("--model", default="person", metavar="NAME", help="which model (person)")
    args = parser.parse_args()
    try:
        if args.frames <= ALONE_FRAMES or args.fps <= 0 or min(args.scale) <= 0:
            raise UsageError(f"--frames must be above {ALONE_FRAMES}, --fps and --scale above 0")
        with closing(Pipeline.load(args.model, "#000000", threads=1)) as pipeline:
            lines = walks(args, pipeline) if args.other else singles(args, pipeline)
            for line in lines:
                print(line, flush=True)
    except LivecamError as error:
        print(f"only_me: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    return 0


def singles(args: argparse.Namespace, pipeline: Pipeline) -> Iterator[str]:
    """Yield a table of what each person loses."""
    yield "| clip | lost, mean | lost, most | frames above 0.5 % |\n|---|---:|---:|---:|"
    for path in args.clips:
        selector = PersonSelector()
        lost = []
        for number, frame in enumerate(read(path)):
            coarse = clean_matte(pipeline.segmenter.predict(frame))
            kept = selector.apply(coarse, frame, number / args.fps)
            lost.append(percent((coarse > VISIBLE) & (kept <= VISIBLE), coarse > VISIBLE))
        above = sum(each > VISIBLE for each in lost)
        yield f"| {path.stem} | {np.mean(lost):.2f} | {max(lost):.1f} | {above} of {len(lost)} |"


def walks(args: argparse.Namespace, pipeline: Pipeline) -> Iterator[str]:
    """Yield a table of what is shown of the other person, and of what is lost of the person."""
    yield "| person | other | scale | to the | shown | of | lost, mean |\n|---|---|---:|---|---:|---:|---:|"
    other = load(args.other, pipeline)
    for path in args.clips:
        person = load(path, pipeline)
        for scale in args.scale:
            for side in ("right", "left"):
                shown, seen, lost = walk(args, pipeline, person, other, scale, side)
                names = f"| {path.stem} | {args.other.stem} | {scale:g} | {side} "
                yield f"{names}| {shown:.2f} | {seen:.2f} | {lost:.2f} |"


def walk(
    args: argparse.Namespace, pipeline: Pipeline, person: Clip, other: Clip, scale: float, side: str
) -> tuple[float, float, float]:
    """Return how much is shown at most, how much could be seen then, and the mean loss of the person."""
    selector = PersonSelector()
    rows, lost = [(0.0, 0.0)], []
    for number, (frame, front, walker_matte) in enumerate(scenes(person, other, scale, side, args.frames)):
        coarse = clean_matte(pipeline.segmenter.predict(frame))
        kept = selector.apply(coarse, frame, number / args.fps)
        small = Size.of(coarse)
        walker = downscale_matte(walker_matte, small) > SOLID
        own = (downscale_matte(front, small) > SOLID) & (coarse > VISIBLE)
        rows.append((100 * ((kept > VISIBLE) & walker).mean(), 100 * ((coarse > VISIBLE) & walker).mean()))
        lost.append(percent(own & (kept <= VISIBLE), own))
    shown, seen = max(rows)
    return shown, seen, float(np.mean(lost))


def scenes(
    person: Clip, other: Clip, scale: float, side: str, count: int
) -> Iterator[tuple[Frame, Matte, Matte]]:
    """Yield frames with both, the person's matte, and that of the visible part of the other."""
    for number in range(count):
        frame, front = person.at(number)
        columns = np.flatnonzero((front > VISIBLE).sum(axis=0) > SIZE.height / 5)
        middle = float(columns.mean()) if len(columns) else SIZE.width / 2
        width = scale * SIZE.width
        goal = SIZE.width + width / 2 if side == "right" else -width / 2
        x = middle + (goal - middle) * max(0, number - ALONE_FRAMES) / (count - ALONE_FRAMES)
        walker, walker_matte = place(
            *other.at(number), scale, x if number >= ALONE_FRAMES else -2.0 * SIZE.width
        )
        walker_matte = np.asarray(walker_matte * (1 - front), np.float32)
        mixed = frame + walker_matte[..., None] * (walker.astype(np.float32) - frame)
        yield np.clip(mixed, 0, 255).astype(np.uint8), front, walker_matte


def place(frame: Frame, matte: Matte, scale: float, x: float) -> tuple[Frame, Matte]:
    """Return a smaller frame at the bottom of an empty one, its middle at column `x`."""
    size = Size(round(scale * SIZE.width), round(scale * SIZE.height))
    small, alpha = resize(frame, size), downscale_matte(matte, size)
    left = round(x - size.width / 2)
    first, last = max(0, left), min(SIZE.width, left + size.width)
    image = np.zeros((SIZE.height, SIZE.width, 3), np.uint8)
    result = np.zeros((SIZE.height, SIZE.width), np.float32)
    if last > first:
        part = slice(first - left, last - left)
        image[-size.height :, first:last], result[-size.height :, first:last] = small[:, part], alpha[:, part]
    return image, result


def load(path: Path, pipeline: Pipeline) -> Clip:
    """Read a clip, and compute its mattes."""
    pipeline.reset()
    frames = list(read(path))
    if not frames:
        raise UsageError(f"{path} has no frames")
    return Clip(frames, [pipeline.matte(frame, number / 30) for number, frame in enumerate(frames)])


def read(path: Path) -> Iterator[Frame]:
    """Yield the frames of a clip at the height of the frame; their edges are repeated at both sides."""
    with VideoReader(path) as reader:
        for frame in reader:
            width = min(SIZE.width, round(frame.shape[1] * SIZE.height / frame.shape[0]))
            left = (SIZE.width - width) // 2
            margins = ((0, 0), (left, SIZE.width - width - left), (0, 0))
            yield np.pad(resize(frame, Size(width, SIZE.height)), margins, mode="edge")


def percent(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float:
    """Return the size of a part in percent of the whole; 0 of nothing."""
    return float(100 * np.count_nonzero(part) / max(1, np.count_nonzero(whole)))


if __name__ == "__main__":
    sys.exit(main())
