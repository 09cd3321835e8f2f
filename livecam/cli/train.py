"""`livecam train`: train a segmenter."""

import argparse
from pathlib import Path

from livecam.cli.options import require_keras
from livecam.cli.parser import ArgumentParser, namespace_to_kwargs, parse_with
from livecam.cli.progress import ProgressReporter
from livecam.cli.signals import handle_termination
from livecam.core.geometry import Size

DESCRIPTION = """\
Trains a segmenter on folders in the layout of the Oxford-IIIT Pet set: images/, annotations/trimaps/ (1, 2,
3), annotations/trainval.txt and test.txt, and soft mattes in annotations/mattes/ where they exist.
"""


class TrainCommand:
    """Train a network."""

    name = "train"
    help = "train a segmenter on folders in the Oxford-IIIT Pet layout"
    description = DESCRIPTION
    epilog = """\
examples:
  livecam train people pets --rooms rooms --empty clothes --out runs/first --epochs 60
  livecam train people pets --rooms rooms --empty clothes --out runs/first --epochs 60 --resume
  livecam train pets --out runs/textbook --network textbook
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add data, network and training options."""
        _add_data(parser)
        _add_network(parser)
        _add_training(parser)

    @handle_termination()
    def run(self, args: argparse.Namespace) -> int:
        """Train, and print where the best weights are."""
        require_keras()
        from livecam.training.trainer import create_recipe, fit

        recipe = create_recipe(namespace_to_kwargs(args))
        with ProgressReporter() as progress:
            best = fit(recipe, recipe.settings.run, progress)
        print(f"best weights: {best}; make them a model with `livecam export {best.parent} mine.tflite`")
        return 0


def _parse_weight(text: str) -> tuple[str, int]:
    name, _, factor = text.partition("=")
    if not name or not factor.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=N, as in kitchen=3")
    return name, int(factor)


def _add_data(parser: ArgumentParser) -> None:
    parser.add_argument("data", type=Path, nargs="+", metavar="DATA", help="folders in Pets layout")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="RUN",
        help="the folder of the run: weights, scores, curves",
    )
    parser.add_argument("--resume", action="store_true", help="continue an interrupted run")
    group = parser.add_argument_group("training images")
    group.add_argument(
        "--rooms",
        type=Path,
        nargs="+",
        metavar="FOLDER",
        help="images without people, as backgrounds for the foregrounds of DATA",
    )
    group.add_argument(
        "--empty", type=Path, nargs="+", metavar="FOLDER", help="negative images: nothing in them is kept"
    )
    group.add_argument(
        "--real",
        type=float,
        metavar="FRACTION",
        help="fraction of the training images that are originals, not composites (0 to 1; default: 0.35)",
    )
    group.add_argument(
        "--zoom",
        type=float,
        metavar="FRACTION",
        help="fraction of the training images that show the part around the person, as in a call (0 to 1; "
        "default: 0)",
    )
    group.add_argument(
        "--close",
        type=float,
        metavar="FRACTION",
        help="fraction of the training images that show a head close up, cut by the borders (0 to 1; "
        "default: 0)",
    )
    group.add_argument(
        "--never-pasted",
        nargs="+",
        metavar="NAME",
        help="never paste foregrounds whose names begin with NAME on other backgrounds, because their edges "
        "are not exact",
    )
    group.add_argument(
        "--often",
        type=_parse_weight,
        nargs="+",
        metavar="NAME=N",
        help="use images whose names begin with NAME N times as often as others",
    )


def _add_network(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("network")
    group.add_argument(
        "--network",
        metavar="NAME",
        help="person, person-lite, person-large, or textbook: a plain network as courses teach it, with its "
        "own defaults (default: person)",
    )
    group.add_argument(
        "--size",
        type=parse_with(Size.parse),
        metavar="WxH",
        help="input size, both sides divisible by 16 (default: that of the network)",
    )
    group.add_argument("--start", type=Path, metavar="FILE", help="initial weights, a .keras file")
    group.add_argument(
        "--teacher",
        type=Path,
        metavar="FILE",
        help="a larger trained network (.keras): learn its mattes and features besides the labels",
    )
    group.add_argument(
        "--freeze-norms",
        action="store_true",
        help="keep the batch normalization statistics of --start, for a short fine-tune",
    )


def _add_training(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("training")
    group.add_argument("--epochs", type=int, metavar="N", help="number of epochs (default: 60)")
    group.add_argument("--steps", type=int, metavar="N", help="batches per epoch (default: 250)")
    group.add_argument("--batch", type=int, metavar="N", help="images per batch (default: 16)")
    group.add_argument(
        "--learning-rate", type=float, metavar="R", help="largest learning rate (default: 0.002)"
    )
    group.add_argument("--seed", type=int, metavar="N", help="seed of all random numbers (default: 1)")
    group.add_argument(
        "--devices",
        type=int,
        metavar="N",
        help="accelerators that share every batch; more than one needs KERAS_BACKEND=jax (default: 1)",
    )
    group.add_argument(
        "--workers", type=int, metavar="N", help="threads that render training images (default: 2)"
    )
