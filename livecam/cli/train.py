"""The words of `livecam train`, `export_model` and `evaluate`, and what they do."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from livecam.cli.parser import ArgumentParser, add_debug, namespace_to_kwargs, new_parser, parse_with
from livecam.core.errors import LivecamError
from livecam.core.geometry import Size


def _parse_weight(words: str) -> tuple[str, int]:
    name, _, times = words.partition("=")
    if not name or not times.isdecimal():
        raise argparse.ArgumentTypeError(f"{words!r} is not NAME=N, as in kitchen=3")
    return name, int(times)


def train_parser() -> ArgumentParser:
    """`livecam train`."""
    parser = new_parser(
        "livecam train",
        "Trains a segmenter on folders in the layout of the Oxford-IIIT Pet set: images/,\n"
        "annotations/trimaps/ (1, 2, 3), annotations/trainval.txt and test.txt, and, where known,\n"
        "soft mattes in annotations/mattes/.",
        "example: livecam train people pets --rooms rooms --empty clothes --out runs/first --epochs 60",
    )
    parser.add_argument("data", type=Path, nargs="+", metavar="DATA", help="folders in Pets layout")
    parser.add_argument(
        "--rooms",
        type=Path,
        nargs="+",
        metavar="FOLDER",
        help="pictures without people, to paste subjects on",
    )
    parser.add_argument(
        "--empty", type=Path, nargs="+", metavar="FOLDER", help="pictures with nothing to keep"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="the run's folder")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument(
        "--network",
        metavar="NAME",
        help="which network (person), or textbook: as courses teach it, with its own defaults",
    )
    parser.add_argument(
        "--size", type=parse_with(Size.parse), metavar="WxH", help="train at another size, divisible by 16"
    )
    parser.add_argument("--start", type=Path, metavar="FILE", help="begin with the weights of a .keras file")
    parser.add_argument(
        "--freeze-norms",
        action="store_true",
        help="keep the normalisations of --start as they are, for a short fine-tune",
    )
    parser.add_argument(
        "--real",
        type=float,
        metavar="SHARE",
        help="of scenes that are pictures as they are, not pasted (0.35)",
    )
    parser.add_argument(
        "--often",
        type=_parse_weight,
        nargs="+",
        metavar="NAME=N",
        help="show pictures whose names begin with NAME N times as often as others",
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="(60)")
    parser.add_argument("--steps", type=int, metavar="N", help="batches an epoch (250)")
    parser.add_argument("--batch", type=int, metavar="N", help="scenes a batch (16)")
    parser.add_argument("--learning-rate", type=float, metavar="R", help="at its highest (0.002)")
    parser.add_argument("--seed", type=int, metavar="N", help="of everything drawn by chance (1)")
    parser.add_argument("--workers", type=int, metavar="N", help="threads that draw scenes (2)")
    add_debug(parser)
    return parser


def export_parser() -> ArgumentParser:
    """`livecam export`."""
    parser = new_parser(
        "livecam export",
        "Makes a trained network a model for livecam: FILE.tflite and its card FILE.json, after\n"
        "checking that LiteRT says what Keras says, and FILE.keras to train further from.",
        "example: livecam export runs/first mine.tflite; livecam --model mine.tflite",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a run's folder, or a .keras file")
    parser.add_argument("out", type=Path, metavar="OUT", help="a .tflite file")
    parser.add_argument(
        "--note", action="append", metavar="TEXT", help="a line for the card: sources, licence, limits"
    )
    parser.add_argument(
        "--scores",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="scores.json of livecam evaluate on an earlier export of this run: figures for the card",
    )
    parser.add_argument(
        "--precision", metavar="NAME", help="of the weights: int8 (default: small and fast) or float32"
    )
    parser.add_argument(
        "--size",
        type=parse_with(Size.parse),
        metavar="WxH",
        help="of the pictures that it sees (those it learnt from)",
    )
    add_debug(parser)
    return parser


def evaluate_parser() -> ArgumentParser:
    """`livecam evaluate`."""
    parser = new_parser(
        "livecam evaluate",
        "Scores a model on a folder in Pets layout (images/, annotations/trimaps/, annotations/test.txt,\n"
        "and soft mattes in annotations/mattes/ where known), or on a folder of clips: a folder a clip,\n"
        "each with the videos frames.* and matte.* (grey, white = keep). Prints a table; writes\n"
        "scores.json, scores.csv, scores.md and worst.html (the worst cases as pictures).",
        "example: livecam evaluate mine.tflite people --out evaluation",
    )
    parser.add_argument("model", metavar="MODEL", help="person, or the path of a .tflite file")
    parser.add_argument("data", type=Path, metavar="DATA", help="a folder in Pets layout, or of clips")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="where figures and pictures go (evaluation)"
    )
    parser.add_argument("--frames", type=int, metavar="N", help="of each clip, or pictures, at most (all)")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of the network (2)")
    parser.add_argument(
        "--split", metavar="NAME", help="of a folder in Pets layout: test (default) or trainval"
    )
    parser.add_argument(
        "--crop-tall",
        action="store_true",
        help="of pictures taller than 5:4 judge only the upper part of that shape, as a webcam sees it",
    )
    parser.add_argument(
        "--skip-contour",
        action="store_true",
        help="don't judge the contour of pictures, even where a soft matte is known",
    )
    add_debug(parser)
    return parser


def train(words: Sequence[str]) -> int:
    """`livecam train`: data to a run's folder."""
    values = namespace_to_kwargs(train_parser().parse_args(words))
    require_keras()
    from livecam.training.config import TrainSettings
    from livecam.training.data.scene_sampler import SceneMix
    from livecam.training.textbook import NAME, TextbookSettings, train_textbook
    from livecam.training.trainer import train

    if "real" in values:
        values["mix"] = SceneMix(real=values.pop("real"))
    if values.get("network") == NAME:
        best = train_textbook(TextbookSettings(**values))
    else:
        best = train(TrainSettings(**values))
    print(f"best weights: {best}; make them a model with `livecam export {best.parent} mine.tflite`")
    return 0


def export(words: Sequence[str]) -> int:
    """`livecam export`: a run to a model."""
    said = export_parser().parse_args(words)
    require_keras()
    from livecam.training.export.exporter import export_model

    notes, scores = tuple(getattr(said, "note", ())), tuple(getattr(said, "scores", ()))
    precision, size = getattr(said, "precision", "int8"), getattr(said, "size", None)
    card = export_model(said.run, said.out, notes, scores, precision, size)
    print(f"{said.out} and its card; parity with Keras: {card.about['parity_with_keras']}")
    return 0


def evaluate(words: Sequence[str]) -> int:
    """`livecam evaluate`: a model and labelled data to figures."""
    said = evaluate_parser().parse_args(words)
    from livecam.evaluation.evaluator import EvaluateSettings, evaluate

    settings = EvaluateSettings(**namespace_to_kwargs(said))
    report = evaluate(settings)
    print(f"{report}\n\nscores and worst.html are in {settings.out}")
    return 0


def require_keras() -> None:
    """See that Keras is there, before anything else is looked at.

    Raises:
        LivecamError: it is not.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import keras  # noqa: F401
    except ImportError as error:
        raise LivecamError(
            f"training needs more packages ({error.name}): pip install 'livecam[train]'"
        ) from error
