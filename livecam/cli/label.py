"""`livecam label`: make a training data set from clips and images, review it, and decide about frames."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livecam.annotation.config import PersonSource
from livecam.cli.command import FAILED
from livecam.cli.messages import print_message
from livecam.cli.options import add_cluster_option, add_json_option, add_quiet_option, add_settings
from livecam.cli.parser import ArgumentParser, namespace_to_kwargs
from livecam.cli.progress import ProgressReporter
from livecam.cli.prompt_options import (
    add_person_option,
    add_point_options,
    add_preset_option,
    add_prompts_file_option,
    add_text_options,
)
from livecam.cli.signals import handle_termination
from livecam.core.errors import UsageError

if TYPE_CHECKING:
    from livecam.annotation.config import AnnotationReport, AnnotationSettings

DESCRIPTION = """\
Makes a data set for `livecam train` from clips and images without labels. Segment Anything (SAM) draws what
is kept: the person, whom the compact model finds, and the objects that you select.

  livecam label talk.mp4 --out mine                      the person in a clip
  livecam label talk.mp4 --out mine --keep 412,300       and the chair at x 412, y 300 of its first frame
  livecam label talk.mp4 --out mine --keep 412,300 --person model     the same; SAM draws only the chair
  livecam label clips/ images/ --out mine --click        select objects with the mouse, in the browser
  livecam label --camera 0 --seconds 20 --out mine       record the camera first
  livecam label clips/ --out mine --cluster auto         on all processors; HOST:PORT: on a Ray cluster
  livecam label --review mine                            look at the doubtful frames; accept or reject them
  livecam train mine --rooms rooms --out runs/mine       train with the data set
"""
EPILOG = """\
livecam chooses frames that differ, the sharp ones first, and follows the objects through the clip. A doubtful
frame (low SAM score, SAM and the compact model disagree, the mask jumps, an object is lost, the compact model
is uncertain) goes to DATASET/review/ and is not used for training until you accept it. A whole clip is used
either for training or for testing; of a single clip, the last fifth is used for testing.

The same command continues an interrupted run. A prompts file has an entry per clip, image, or frame:

  {"talk.mp4": {"keep": [[412, 300]], "drop": [[20, 30]], "boxes": [[10, 20, 110, 220]]},
   "talk-000120": {"keep": [[400, 310]]}}
"""
_OPTIONS = {"boxes": "box"}
"""Options whose value has another name."""


class LabelCommand:
    """Label sources, review a data set, or accept and reject frames."""

    name = "label"
    help = "make a data set from clips and images, drawn by Segment Anything"
    description = DESCRIPTION
    epilog = EPILOG

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add sources, prompts, drawing and review options."""
        parser.add_argument(
            "sources", nargs="*", metavar="SOURCE", help="clips, images, or folders with both"
        )
        parser.add_argument("--out", type=Path, metavar="DATASET", help="the folder of the data set")
        parser.add_argument(
            "-c", "--camera", metavar="WHICH", help="record the camera first: a number, a name, or demo"
        )
        add_settings(parser, "size")
        parser.add_argument(
            "--seconds", type=float, metavar="S", help="length of the recording (0.5 to 3600; default: 20)"
        )
        parser.add_argument(
            "--frames", type=int, metavar="N", help="largest number of frames per clip (default: 24)"
        )
        _add_prompts(parser)
        _add_drawing(parser)
        _add_review(parser)
        add_cluster_option(parser)
        add_quiet_option(parser)
        add_json_option(parser)

    @handle_termination()
    def run(self, args: argparse.Namespace) -> int:
        """Review, decide, or label."""
        values = namespace_to_kwargs(args)
        if "review" in values:
            return _review(values)
        if "accept" in values or "reject" in values:
            return _decide(values)
        return _label(values, getattr(args, "quiet", None))


def _add_prompts(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("objects to keep with the person (the first of these that applies)")
    add_point_options(
        group,
        "--keep",
        keep="a point on an object to keep, in the first frame; repeatable",
        drop="a point on something to remove, in the first frame; repeatable",
        box="a box around an object to keep, in the first frame; repeatable",
    )
    add_prompts_file_option(group, "points and boxes per clip, image or frame (see below)")
    add_text_options(
        group,
        "--keep-text",
        "keep_text",
        "what to keep with the person, in words, such as chair: SAM 3 finds it, SAM follows it; repeatable",
    )
    group.add_argument("--click", action="store_true", help="select objects with the mouse, in the browser")


def _add_drawing(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("who draws the masks")
    add_preset_option(group)
    add_person_option(group)
    group.add_argument(
        "--no-person",
        action="store_const",
        const=PersonSource.NONE,
        dest="person",
        help="the same as --person none",
    )
    group.add_argument(
        "--model", metavar="NAME", help="the compact model that finds the person (default: person-large)"
    )
    group.add_argument(
        "--mattes",
        type=Path,
        metavar="FILE",
        help="true mattes instead of SAM: a video or a folder of images, frame by frame, white = keep",
    )


def _add_review(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("review")
    group.add_argument(
        "--review", type=Path, metavar="DATASET", help="show the doubtful frames in the browser"
    )
    group.add_argument(
        "--accept",
        nargs="+",
        metavar="NAME",
        help="use these frames for training: `livecam label DATASET --accept NAME`",
    )
    group.add_argument(
        "--reject",
        nargs="+",
        metavar="NAME",
        help="do not use these frames for training; written the same way",
    )
    group.add_argument(
        "--again", action="store_true", help="label the frames again that you neither accepted nor rejected"
    )


def _label(values: dict[str, Any], quiet: bool | None) -> int:
    from livecam.annotation.config import AnnotationSettings

    cluster, as_json = values.pop("cluster", None), values.pop("json", False)
    if "out" not in values:
        raise UsageError("where to? add --out DATASET, the folder that the labels go into")
    settings = AnnotationSettings(**{"sources": (), **values})
    if cluster and settings.mattes:
        raise UsageError("--mattes needs no SAM, and so no cluster; leave out --cluster")
    with ProgressReporter(quiet) as reporter:
        if cluster:
            report, stats = _annotate_on_cluster(settings, cluster, reporter)
        else:
            from livecam.annotation.job import annotate

            report = annotate(
                settings, notify=reporter.print_message, progress=lambda progress: reporter(*progress)
            )
            stats = {}
    if as_json:
        import json

        print(json.dumps({**report.to_dict(), **stats}, indent=1, ensure_ascii=False))
        return FAILED if report.failed else 0
    print(report)
    if report.train and not report.flagged:
        print(f"learn from it: livecam train {report.folder} --rooms ROOMS --out runs/mine")
    return FAILED if report.failed else 0


def _annotate_on_cluster(
    settings: "AnnotationSettings", where: str, reporter: ProgressReporter
) -> "tuple[AnnotationReport, dict[str, Any]]":
    """Annotate on the workers of a cluster; return the report, and their figures for JSON."""
    from livecam.cluster.session import open_cluster

    with open_cluster(where) as info:
        from livecam.cluster.labels import label_on_cluster

        reporter.print_message(str(info))
        report, stats = label_on_cluster(
            settings, notify=reporter.print_message, progress=lambda progress: reporter(*progress)
        )
        return report, {"cluster": stats.to_dict()}


def _review(values: dict[str, Any]) -> int:
    folder = values.pop("review")
    _reject_other_options("--review DATASET", values)
    from livecam.annotation.web.review_page import review

    _print_decisions(review(folder, print_message))
    return 0


def _decide(values: dict[str, Any]) -> int:
    accept, reject = values.pop("accept", ()), values.pop("reject", ())
    folders = values.pop("sources", ())
    if len(folders) != 1:
        raise UsageError("name the data set: livecam label DATASET --accept NAME")
    _reject_other_options("--accept and --reject", values)
    from livecam.annotation.store import AnnotationStore, require_store
    from livecam.annotation.web.review_page import write_review
    from livecam.core.locking import exclusive_lock

    folder = Path(folders[0])
    require_store(folder)
    with exclusive_lock(folder):
        store = AnnotationStore(folder)
        store.set_decisions(accept, reject)
        store.sync_files()
        write_review(store)
    _print_decisions(store)
    return 0


def _reject_other_options(option: str, values: dict[str, Any]) -> None:
    others = [name for name, value in values.items() if value != ()]
    if others:
        name = _OPTIONS.get(others[0], others[0]).replace("_", "-")
        raise UsageError(f"{option} can't be combined with other options; leave out --{name}")


def _print_decisions(store: Any) -> None:
    accepted = sum(store.decisions.values())
    kept = sum(map(store.is_accepted, store.records.values()))
    print(
        f"{store.folder}: {accepted} accepted, {len(store.decisions) - accepted} rejected; "
        f"{kept} of {len(store.records)} frames are learnt from"
    )
