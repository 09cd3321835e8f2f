"""The words of `livecam label`: to settings, to a data set, to a line. Like cli, it prints."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from livecam.annotation.config import PersonSource, parse_person
from livecam.annotation.prompts import parse_box, parse_point
from livecam.cli.options import add_size
from livecam.cli.parser import ArgumentParser, add_debug, new_parser, parse_with
from livecam.cli.progress import ProgressReporter
from livecam.core.errors import UsageError

DESCRIPTION = """\
Makes a data set that `livecam train` reads, from clips and pictures without labels: Segment Anything (SAM)
draws what is kept, the compact model points it at the person, and you at whatever else is to stay.

  livecam label talk.mp4 --out mine                       the person in a clip
  livecam label talk.mp4 --out mine --keep 412,300        and the chair at x 412, y 300 of its first frame
  livecam label talk.mp4 --out mine --keep 412,300 --person model     the same, SAM draws the chair alone
  livecam label clips/ pictures/ --out mine --click       point with the mouse, on a page in the browser
  livecam label --camera 0 --seconds 20 --out mine        from the camera
  livecam label --review mine                             look at what was set aside, accept or reject it
  livecam train mine --rooms rooms --out runs/mine        learn from it
"""
MORE = """\
Frames that differ are chosen, sharp ones first. What you keep is followed through the clip. What is doubtful
(SAM thinks little of its mask, it and the compact model disagree, a mask jumps, something is lost, the
compact model is in doubt) goes to DATASET/review/ and is not learnt from before you accept it. Whole clips
go to training or to testing; of one clip alone the last fifth is for testing.

The same command goes on where it was interrupted. A prompts file says for each clip, picture, or frame:

  {"talk.mp4": {"keep": [[412, 300]], "drop": [[20, 30]], "boxes": [[10, 20, 110, 220]]},
   "talk-000120": {"keep": [[400, 310]]}}
"""


def label_parser() -> ArgumentParser:
    """`livecam label`."""
    words = new_parser("livecam label", DESCRIPTION, MORE)
    words.add_argument("sources", nargs="*", metavar="SOURCE", help="clips, pictures, folders of either")
    words.add_argument("--out", type=Path, metavar="DATASET", help="the data set's folder")
    words.add_argument("-c", "--camera", metavar="WHICH", help="record the camera first: 0, a name, demo")
    add_size(words)
    words.add_argument("--seconds", type=float, metavar="S", help="of the camera (20)")
    words.add_argument("--frames", type=int, metavar="N", help="labelled of each clip, at most (24)")
    _add_prompts(words)
    drawing = words.add_argument_group("who draws")
    drawing.add_argument(
        "--preset", metavar="NAME",
        help="sam_base_sa1b (default), sam_large_sa1b, sam_huge_sa1b, or a folder that holds one",
    )  # fmt: skip
    add_person_option(drawing)
    drawing.add_argument("--model", metavar="NAME", help="the compact model that finds the person (person)")
    drawing.add_argument(
        "--mattes", type=Path, metavar="FILE",
        help="true mattes instead of SAM: a video or a folder of pictures, frame for frame, white = keep",
    )  # fmt: skip
    after = words.add_argument_group("afterwards")
    after.add_argument(
        "--review", type=Path, metavar="DATASET", help="show what was set aside, on a page in the browser"
    )
    after.add_argument(
        "--accept", nargs="+", metavar="NAME", help="`livecam label DATASET --accept NAME`: learn from it"
    )
    after.add_argument("--reject", nargs="+", metavar="NAME", help="the same way: don't")
    after.add_argument(
        "--again", action="store_true", help="label anew what you neither accepted nor rejected"
    )
    words.add_argument("--quiet", action="store_true", help="no progress bar")
    add_debug(words)
    return words


def _add_prompts(parser: ArgumentParser) -> None:
    group = parser.add_argument_group(
        "what is kept beside the person (the first of these that says something)"
    )
    group.add_argument(
        "--keep", type=parse_with(parse_point), action="append", metavar="X,Y",
        help="a thing to keep, by a point on it in the first frame; any number of times",
    )  # fmt: skip
    group.add_argument(
        "--drop",
        type=parse_with(parse_point),
        action="append",
        metavar="X,Y",
        help="what is not to be kept, likewise",
    )
    group.add_argument(
        "--box", type=parse_with(parse_box), action="append", dest="boxes", metavar="X0,Y0,X1,Y1",
        help="a thing to keep, by a box around it",
    )  # fmt: skip
    group.add_argument("--prompts", type=Path, metavar="FILE", help="points and boxes for each, as below")
    group.add_argument("--click", action="store_true", help="point at them on a page in the browser")
    group.add_argument(
        "--no-person", action="store_const", const=PersonSource.NONE, dest="person", help="as --person none"
    )


def add_person_option(words: argparse._ActionsContainer) -> None:
    """Add who draws the person."""
    words.add_argument(
        "--person", type=parse_with(parse_person), metavar="WHO",
        help="sam (default): SAM draws the person where the compact model points; model: the compact model "
        "draws, SAM only the things that you name: quicker, and right if it sees you well already; none: "
        "only the things are kept",
    )  # fmt: skip


def label(words: Sequence[str]) -> int:
    """`livecam label`: sources to a data set."""
    said = vars(label_parser().parse_args(words))
    quiet = said.pop("quiet", None)
    said.pop("debug", None)
    if "review" in said:
        return _review(said)
    if "accept" in said or "reject" in said:
        return _decide(said)
    from livecam.annotation.job import AnnotationSettings
    from livecam.annotation.job import annotate as label_all

    if "out" not in said:
        raise UsageError("where to? add --out DATASET, the folder that the labels go into")
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in said.items()}
    settings = AnnotationSettings(**{"sources": (), **values})
    with ProgressReporter(quiet, _print) as bar:
        report = label_all(settings, tell=bar.say, progress=bar.show)
    print(report)
    if report.train and not report.aside:
        print(f"learn from it: livecam train {report.folder} --rooms ROOMS --out runs/mine")
    return 0


def _review(said: dict[str, Any]) -> int:
    from livecam.annotation.web.review_page import review

    folder = said.pop("review")
    _reject_other_options("--review DATASET", said)
    _print_decisions(review(folder, _print))
    return 0


def _decide(said: dict[str, Any]) -> int:
    from livecam.annotation.store import AnnotationStore, require_store
    from livecam.annotation.web.review_page import write_review
    from livecam.core.locking import exclusive_lock

    accept, reject = said.pop("accept", []), said.pop("reject", [])
    folders = said.pop("sources", [])
    if len(folders) != 1:
        raise UsageError("name the data set: livecam label DATASET --accept NAME")
    _reject_other_options("--accept and --reject", said)
    require_store(Path(folders[0]))
    with exclusive_lock(Path(folders[0])):
        made = AnnotationStore(Path(folders[0]))
        made.set_decisions(accept, reject)
        made.sync_files()
        write_review(made)
    _print_decisions(made)
    return 0


def _reject_other_options(what: str, rest: dict[str, Any]) -> None:
    left = [name for name, value in rest.items() if value != []]
    if left:
        raise UsageError(f"{what} stands alone; leave out --{left[0].replace('_', '-')}")


def _print_decisions(made: Any) -> None:
    accepted = sum(made.decisions.values())
    kept = sum(map(made.is_accepted, made.labels.values()))
    print(
        f"{made.folder}: {accepted} accepted, {len(made.decisions) - accepted} rejected; "
        f"{kept} of {len(made.labels)} frames are learnt from"
    )


def _print(words: str) -> None:
    # Whoever read our messages may have gone; the work goes on.
    with suppress(OSError):
        print(f"livecam: {words}", file=sys.stderr, flush=True)
