"""`livecam export`: convert a trained network to a model that livecam runs."""

import argparse
from pathlib import Path

from livecam.cli.options import require_keras
from livecam.cli.parser import ArgumentParser, parse_with
from livecam.cli.signals import handle_termination
from livecam.core.geometry import Size

DESCRIPTION = """\
Converts a trained network to a model for livecam: FILE.tflite, its model card FILE.json, and FILE.keras for
further training. Checks that LiteRT and Keras give the same output.
"""


class ExportCommand:
    """Export a run."""

    name = "export"
    help = "convert a trained network to a model that livecam runs"
    description = DESCRIPTION
    epilog = """\
examples:
  livecam export runs/first mine.tflite
  livecam --model mine.tflite
  livecam export runs/first mine.tflite --precision float32 --note "trained on my clips"
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add input, output and model card options."""
        parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a run, or a .keras file")
        parser.add_argument("out", type=Path, metavar="OUT", help="the .tflite file to write")
        parser.add_argument(
            "--precision",
            metavar="NAME",
            help="number format of the weights: int8 (smallest), float16 or float32 (default: int8)",
        )
        parser.add_argument(
            "--size",
            type=parse_with(Size.parse),
            metavar="WxH",
            help="input size of the model (default: the training size)",
        )
        card = parser.add_argument_group("model card")
        card.add_argument(
            "--note",
            action="append",
            metavar="TEXT",
            help="a line for the model card: sources, license, limits; repeatable",
        )
        card.add_argument(
            "--scores",
            type=Path,
            nargs="+",
            metavar="FILE",
            help="scores.json of `livecam evaluate` on an earlier export of this run, for the model card",
        )

    @handle_termination()
    def run(self, args: argparse.Namespace) -> int:
        """Export, and print the difference between LiteRT and Keras."""
        require_keras()
        from livecam.training.export.exporter import export_model

        notes, scores = tuple(getattr(args, "note", ())), tuple(getattr(args, "scores", ()))
        precision, size = getattr(args, "precision", "int8"), getattr(args, "size", None)
        card = export_model(args.run, args.out, notes, scores, precision, size)
        print(f"{args.out} and its card; parity with Keras: {card.metadata['parity_with_keras']}")
        return 0
