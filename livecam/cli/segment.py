"""The words of the labelling commands, and what they print; as with all commands, nothing below prints."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from livecam.cli.parser import ArgumentParser, add_debug, namespace_to_kwargs, new_parser, parse_with

SEGMENT = """\
Selects things in pictures with Segment Anything (SAM). A point or a box says what is meant; SAM gives four
candidates with the score it expects of each. FOLDER gets, for each picture, overlays (NAME.thing1.rank1.png),
all of them on one sheet (NAME.sheet.png), and the best as a matte and a trimap (NAME.matte.png,
NAME.trimap.png: 1 = keep, 2 = rest, 3 = contour). Coordinates are pixels of the upright picture, x to the
right, y down.

The first use downloads SAM (base: 0.4 GB) to ~/.cache/kagglehub, or where KAGGLEHUB_CACHE says."""


def add_prompts(words: argparse._ActionsContainer) -> None:
    """Points, boxes and the preset."""
    from livecam.annotation.prompts import parse_box, parse_point

    words.add_argument(
        "--point", dest="keep", action="append", type=parse_with(parse_point), metavar="X,Y",
        help="on what is kept; several",
    )  # fmt: skip
    words.add_argument(
        "--drop", action="append", type=parse_with(parse_point), metavar="X,Y", help="on what is not; several"
    )
    words.add_argument(
        "--box", dest="boxes", action="append", type=parse_with(parse_box), metavar="X0,Y0,X1,Y1",
        help="around what is kept; several boxes are several things",
    )  # fmt: skip
    words.add_argument(
        "--preset",
        metavar="NAME",
        help="sam_base_sa1b (default), sam_large_sa1b, sam_huge_sa1b, or a folder with a SAM for KerasHub",
    )


def segment_parser() -> ArgumentParser:
    """`livecam segment`."""
    words = new_parser(
        "livecam segment", SEGMENT, "example: livecam segment chair.jpg --point 320,410 --all --out chair"
    )
    words.add_argument("pictures", type=Path, nargs="+", metavar="PICTURE", help="JPEG, PNG, WebP and others")
    add_prompts(words)
    words.add_argument(
        "--rough", type=Path, metavar="FILE", help="a rough matte of the picture's size, white = keep"
    )
    words.add_argument(
        "--all",
        dest="all_candidates",
        action="store_true",
        help="overlays of all four candidates, not of the best",
    )
    words.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the results go")
    words.add_argument("--overwrite", action="store_true", help="replace results of an earlier run")
    words.add_argument("--quiet", action="store_true", help="no progress bar")
    add_debug(words)
    return words


def segment(words: Sequence[str]) -> int:
    """`livecam segment`: pictures and prompts to mattes."""
    said = segment_parser().parse_args(words)
    from tqdm import tqdm

    from livecam.annotation.segment import SegmentSettings, segment

    settings = SegmentSettings(**namespace_to_kwargs(said))
    # None: no bar where nobody watches; none for a single picture.
    quiet = True if getattr(said, "quiet", False) or len(settings.pictures) == 1 else None
    with tqdm(total=len(settings.pictures), unit="picture", disable=quiet, dynamic_ncols=True) as bar:
        done = segment(settings, progress=lambda count: bar.update(count - bar.n))
    for each in done:
        best = ", ".join(f"{candidates[0].score:.3f}" for candidates in each.objects)
        print(f"{each.picture}: {each.matte.mean():.1%} kept, score {best}; see {each.files[-3]}")
    return 0
