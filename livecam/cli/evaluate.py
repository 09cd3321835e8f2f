"""`livecam evaluate`: score a model on labelled images or clips."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livecam.cli.options import add_cluster_option, add_json_option, add_settings
from livecam.cli.parser import ArgumentParser, namespace_to_kwargs
from livecam.cli.progress import ProgressReporter
from livecam.cli.signals import handle_termination

if TYPE_CHECKING:
    from livecam.evaluation.evaluator import EvaluateSettings
    from livecam.evaluation.report import EvaluationReport

DESCRIPTION = """\
Scores a model on a folder in Pets layout (images/, annotations/trimaps/, annotations/test.txt, and soft
mattes in annotations/mattes/ where they exist), or on a folder of clips: one folder per clip, or per scene
with its clips. A clip is a video frames.* with a video matte.* (gray, white = keep), or with labels of some
frames, truth_0020.png and so on (255 = keep, 0 = room, 128 = unknown). Prints a table, and writes
scores.json, scores.csv, scores.md and worst.html (the worst cases as images).
"""


class EvaluateCommand:
    """Score a model."""

    name = "evaluate"
    help = "score a model on labelled images or clips"
    description = DESCRIPTION
    epilog = """\
examples:
  livecam evaluate person clips
  livecam evaluate mine.tflite people --out evaluation --frames 200
  livecam evaluate person people --cluster auto        on all processors; HOST:PORT: on a Ray cluster
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add model, data and scoring options."""
        parser.add_argument("model", metavar="MODEL", help="person, or the path of a .tflite file")
        parser.add_argument("data", type=Path, metavar="DATA", help="a folder in Pets layout, or of clips")
        parser.add_argument(
            "--out", type=Path, metavar="FOLDER", help="the folder for the results (default: evaluation)"
        )
        parser.add_argument(
            "--frames",
            type=int,
            metavar="N",
            help="largest number of frames per clip, or of images (default: all)",
        )
        add_settings(parser, "threads")
        parser.add_argument(
            "--split",
            metavar="NAME",
            help="part of a folder in Pets layout: test or trainval (default: test)",
        )
        parser.add_argument(
            "--crop-tall",
            action="store_true",
            help="of images taller than 5:4, use only the upper part with that shape, as a webcam sees it",
        )
        parser.add_argument(
            "--skip-contour",
            action="store_true",
            help="leave out the contour of images, even if a soft matte exists",
        )
        add_cluster_option(parser)
        add_json_option(parser)

    @handle_termination()
    def run(self, args: argparse.Namespace) -> int:
        """Evaluate, and print the table."""
        from livecam.evaluation.evaluator import EvaluateSettings

        values = namespace_to_kwargs(args)
        cluster, as_json = values.pop("cluster", None), values.pop("json", False)
        settings = EvaluateSettings(**values)
        with ProgressReporter() as progress:
            report, stats = _evaluate(settings, cluster, progress)
        if as_json:
            import json

            from livecam.evaluation.report import to_dict

            print(json.dumps({**to_dict(report), **stats}, indent=1, ensure_ascii=False))
            return 0
        worst = report.worst
        lowest = f"lowest miou: {worst.metrics['miou']:.2f}, {worst.name}\n" if worst else ""
        print(f"{report}\n\n{lowest}scores and worst.html are in {settings.out}")
        return 0


def _evaluate(
    settings: "EvaluateSettings", cluster: str | None, progress: ProgressReporter
) -> "tuple[EvaluationReport, dict[str, Any]]":
    """Evaluate here or on a cluster; return the report, and the figures of the cluster for JSON."""
    from livecam.evaluation.evaluator import evaluate

    if cluster is None:
        return evaluate(settings, progress), {}
    from livecam.cluster.session import open_cluster

    with open_cluster(cluster) as info:
        from livecam.cluster.pool import PoolStats
        from livecam.cluster.scores import score_on_cluster

        progress.print_message(str(info))
        stats = PoolStats()
        # A worker has one processor, and the report names the threads.
        one_thread = replace(settings, threads=1)
        report = evaluate(one_thread, progress, score_on_cluster(stats, progress.print_message))
        return report, {"cluster": stats.to_dict()}
