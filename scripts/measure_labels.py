#!/usr/bin/env python3
"""Measure the masks that livecam draws without a user, on images with known trimaps.

scripts/measure_labels.py FOLDER [FOLDER ...] [--split test] [--every N] [--cache FOLDER]
scripts/measure_labels.py pets --points

FOLDER is in Pets layout. For each image the compact model gives the prompts and SAM draws the person, as in
`livecam label`. The table has a row for each group (the part of the name before "_" and digits): the mean IoU
of the compact model, of SAM with points and a box only, and of SAM as livecam uses it (with the model's matte
as a mask); how many images lose a piece of the person of more than 1 % (such as a hand) in the last two; the
fraction that is set aside for review; and the IoU of what is accepted: mean and 5th percentile. Unknown
pixels do not count.

--points: one point in the middle of the foreground is the prompt; IoU of the first and of the best candidate.
--cache keeps the embeddings (4 MB each) for another run; --every 3 takes every third image.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.annotation.person import (
    estimate_person,
    interior_points,
    low_score_reasons,
    segment_person,
    union,
)
from livecam.annotation.prompts import Point, Prompt
from livecam.annotation.sam.predictor import ImageEmbedding, SamPredictor
from livecam.annotation.sam.preprocessing import ResizeLongestSide
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.image_io import read_image
from livecam.imaging.trimap import Trimap, read_trimap
from livecam.models.segmenter import LiteRTSegmenter

FOREGROUND, UNKNOWN = 1, 3
MIN_PIECE = 0.01
"""Fraction of the person; a smaller piece is not a hand."""


@dataclass(frozen=True)
class Labelled:
    """One image: its group, IoUs, lost pieces (before, now), and whether livecam accepts its mask."""

    group: str
    model: float
    before: float
    now: float
    lost: tuple[bool, bool]
    accepted: bool


def images(folder: Path, split: str, every: int) -> Iterator[tuple[str, Frame, Trimap]]:
    """Yield name, image and trimap of every N-th image of a split."""
    lines = (folder / "annotations" / f"{split}.txt").read_text(encoding="utf-8").split("\n")
    names = [line.split()[0] for line in lines if line.strip()]
    for name in names[::every]:
        (path,) = (folder / "images").glob(f"{name}.*")
        trimap = read_trimap(folder / "annotations" / "trimaps" / f"{name}.png")
        yield name, read_image(path, longest=1 << 20).image, trimap


def embed(sam: SamPredictor, frame: Frame, cached: Path | None) -> ImageEmbedding:
    """Return the embedding of an image, from `cached` if it is there."""
    if cached is None:
        return sam.embed(frame)
    if not cached.is_file():
        cached.parent.mkdir(parents=True, exist_ok=True)
        np.save(cached, sam.embed(frame)._embedding)
    return ImageEmbedding(sam, ResizeLongestSide.of(Size.of(frame)), np.load(cached))


def iou(matte: Matte, trimap: Trimap) -> float:
    """Return the IoU of a matte with the foreground where the trimap is known; 1 if both are empty."""
    known = trimap != UNKNOWN
    found, true = (matte > 0.5) & known, trimap == FOREGROUND
    area = int((found | true).sum())
    return int((found & true).sum()) / area if area else 1.0


def largest_piece(region: NDArray[np.bool_]) -> int:
    """Return the pixels of the largest piece of a region that is wider than 1 % of the image."""
    width = max(3, round(0.01 * max(region.shape)) | 1)
    opened = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_OPEN, np.ones((width, width), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(opened)
    return int(stats[1:, cv2.CC_STAT_AREA].max()) if count > 1 else 0


def loses_piece(matte: Matte, trimap: Trimap) -> bool:
    """Return whether a piece of the person, such as a hand, is missing."""
    person = trimap == FOREGROUND
    return bool(largest_piece((matte < 0.5) & person) > MIN_PIECE * person.sum())


def label(
    group: str, frame: Frame, trimap: Trimap, embedding: ImageEmbedding, model: LiteRTSegmenter
) -> Labelled:
    """Label one image as `livecam label` does, and compare."""
    estimate = estimate_person(model, frame)
    annotation = segment_person(estimate, embedding, (), None)
    # What livecam did before it gave the matte as a mask.
    first = [
        max(
            embedding.predict(prompt),
            key=lambda each: each.iou_score + 2 * _overlap(each.matte, estimate.matte),
        )
        for prompt in (replace(prompt, mask=None) for prompt in annotation.prompts)
    ]
    before = union([each.matte for each in first], estimate.matte.shape)
    reasons = [*annotation.reasons, *low_score_reasons(annotation.candidates)]
    return Labelled(
        group,
        iou(estimate.matte, trimap),
        iou(before, trimap),
        iou(annotation.matte, trimap),
        (loses_piece(before, trimap), loses_piece(annotation.matte, trimap)),
        not reasons,
    )


def _overlap(first: Matte, second: Matte) -> float:
    area = int(((first > 0.5) | (second > 0.5)).sum())
    return int(((first > 0.5) & (second > 0.5)).sum()) / area if area else 1.0


def print_table(rows: Sequence[Labelled]) -> None:
    """Print a row for each group, and one for all if there are several."""
    print(
        "| group | images | model | SAM, points and box | SAM, livecam | lost pieces before, now | review |",
        end="",
    )
    print(" accepted: mean, 5th percentile |\n|---|---:|---:|---:|---:|---:|---:|---:|")
    groups = {row.group: [each for each in rows if each.group == row.group] for row in rows}
    if len(groups) > 1:
        groups["all"] = list(rows)
    for name, part in groups.items():
        means = " | ".join(
            f"{np.mean([getattr(row, key) for row in part]):.3f}" for key in ("model", "before", "now")
        )
        lost = [sum(row.lost[when] for row in part) for when in (0, 1)]
        accepted = [row.now for row in part if row.accepted]
        kept = f"{np.mean(accepted):.3f}, {np.percentile(accepted, 5):.3f}" if accepted else "none"
        print(
            f"| {name} | {len(part)} | {means} | {lost[0]}, {lost[1]} | "
            f"{1 - len(accepted) / len(part):.0%} | {kept} |"
        )


def middle(trimap: Trimap) -> Point | None:
    """Return the point of the foreground that is farthest from its edge."""
    points = interior_points(trimap == FOREGROUND, 1)
    return points[0] if points else None


def print_points(folder: Path, split: str, every: int, cache: Path | None, sam: SamPredictor) -> None:
    """Print how well one point in the middle selects the foreground."""
    first, best = [], []
    for name, frame, trimap in images(folder, split, every):
        point = middle(trimap)
        if point is None:
            continue
        candidates = embed(sam, frame, cache and cache / folder.name / f"{name}.npy").predict(
            Prompt((point,))
        )
        ious = [iou(each.matte, trimap) for each in candidates]
        first.append(ious[0])
        best.append(max(ious))
    print(
        "| images | first candidate: mean IoU | of at least 0.8 | best of four: mean IoU | of at least 0.8 |"
    )
    print("|---:|---:|---:|---:|---:|")
    parts = [f"{np.mean(part):.3f} | {np.mean(np.array(part) >= 0.8):.0%}" for part in (first, best)]
    print(f"| {len(first)} | {' | '.join(parts)} |")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="data in Pets layout")
    parser.add_argument("--split", default="test", help="test (the default) or trainval")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every N-th image")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keep embeddings here")
    parser.add_argument("--model", default="person-large", metavar="NAME", help="(%(default)s)")
    parser.add_argument("--preset", default="mobile_sam", metavar="NAME", help="SAM (mobile_sam)")
    parser.add_argument("--points", action="store_true", help="prompt with one point in the middle")
    args = parser.parse_args()
    sam = SamPredictor.load(args.preset)
    if args.points:
        for folder in args.folders:
            print_points(folder, args.split, args.every, args.cache, sam)
        return 0
    model, rows = LiteRTSegmenter.load(args.model), []
    for folder in args.folders:
        for name, frame, trimap in images(folder, args.split, args.every):
            group = folder.name if folder.name != "people" else re.split(r"[_\d]", name)[0]
            cached = args.cache and args.cache / folder.name / f"{name}.npy"
            rows.append(label(group, frame, trimap, embed(sam, frame, cached), model))
    print_table(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
