"""Options of `segment`, `label` and `learn` that select objects: points, boxes, and who draws the person."""

import argparse
from pathlib import Path

from livecam.annotation.config import parse_person
from livecam.annotation.prompts import parse_box, parse_point
from livecam.cli.parser import parse_with

PRESETS = (
    "SAM model: mobile_sam, which comes with livecam; sam_base_sa1b, sam_large_sa1b, sam_huge_sa1b, which "
    "are downloaded once, or a folder with a SAM, for KerasHub (pip install 'livecam[label]')"
)


def add_point_options(
    container: argparse._ActionsContainer, keep_option: str, keep: str, drop: str, box: str
) -> None:
    """Add points to keep, points to drop and boxes; each may be repeated.

    Args:
        container: a parser or an argument group.
        keep_option: the option for points to keep; its value is always called ``keep``.
        keep: help text of the points to keep.
        drop: help text of the points to drop.
        box: help text of the boxes.
    """
    add = container.add_argument
    point = parse_with(parse_point)
    add(keep_option, dest="keep", action="append", type=point, metavar="X,Y", help=keep)
    add("--drop", action="append", type=point, metavar="X,Y", help=drop)
    add(
        "--box",
        dest="boxes",
        action="append",
        type=parse_with(parse_box),
        metavar="X0,Y0,X1,Y1",
        help=box,
    )


def add_text_options(container: argparse._ActionsContainer, option: str, dest: str, help_text: str) -> None:
    """Add words that name what to keep, and the SAM 3 that understands them.

    Args:
        container: a parser or an argument group.
        option: the option for words.
        dest: the name of its value.
        help_text: help text of the words.
    """
    container.add_argument(option, dest=dest, action="append", metavar="WORDS", help=help_text)
    container.add_argument(
        "--text-preset",
        metavar="NAME",
        help="the SAM 3 that finds words: sam3_pcs, which is downloaded once (3.4 GB), or a folder with a "
        "SAM 3 for KerasHub (default: sam3_pcs)",
    )


def add_preset_option(container: argparse._ActionsContainer) -> None:
    """Add the SAM preset."""
    container.add_argument("--preset", metavar="NAME", help=f"{PRESETS} (default: mobile_sam)")


def add_person_option(container: argparse._ActionsContainer) -> None:
    """Add who draws the person."""
    container.add_argument(
        "--person",
        type=parse_with(parse_person),
        metavar="WHO",
        help="who draws the person. sam (the default): SAM, at the place that the compact model finds; "
        "model: the compact model, and SAM draws only the objects that you select (faster; choose it if the "
        "model already finds you well); none: only the objects are kept",
    )


def add_prompts_file_option(container: argparse._ActionsContainer, help_text: str) -> None:
    """Add the file with points and boxes per clip, image or frame."""
    container.add_argument("--prompts", type=Path, metavar="FILE", help=help_text)
