"""The words of the command line. Defaults are left out, so that the configuration file can stand between."""

import argparse
import difflib
from pathlib import Path
from typing import Any, NoReturn

from livecam.errors import UsageError
from livecam.frames import Fit, Size
from livecam.settings import config_path, parse_fit

LIVE = """\
Shows you before another background in every video call, and never your room.

  livecam --background beach.jpg               the webcam, to the virtual camera
  livecam --camera demo --preview              try it without a webcam
  livecam --background blur:40 --record me.mp4 record beside the call
  livecam clip talk.mov talk-beach.mp4 --background beach.jpg
"""
MORE = """\
other commands (livecam COMMAND --help):
  clip      replace the background of a video file, sound kept
  doctor    what is fine, what is not, and the command that mends it
  devices   cameras and virtual cameras, and what they give
  train     train a segmenter on folders in the Oxford-IIIT Pet layout
  export    make a trained network a model that livecam runs
  evaluate  score a model on labelled pictures or clips
  learn     make a model of your own, from your own frames
  models    your own models: list, remove, export, import

A background is a picture, a video or GIF, a folder of pictures (slides), a colour (#00b140, green), blur or
blur:STRENGTH (1 to 100), transparent (for recordings), or one drawn by code: {scenes}.
Choices are kept in {config} with --save-config.
"""


class Parser(argparse.ArgumentParser):
    """A parser whose mistakes are one line, like every error of livecam."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{message}; see `{self.prog} --help`")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse all words.

        Raises:
            UsageError: a word that is no option, with the nearest one.
        """
        said, rest = self.parse_known_args(args, namespace)
        if rest:
            word = rest[0].partition("=")[0]
            near = difflib.get_close_matches(word, self._option_string_actions, n=1)
            self.error(f"there is no {word}" + (f", did you mean {near[0]}?" if near else ""))
        return said


def _size(words: str) -> Size:
    try:
        return Size.parse(words)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _often(words: str) -> tuple[str, int]:
    name, _, times = words.partition("=")
    if not name or not times.isdecimal():
        raise argparse.ArgumentTypeError(f"{words!r} is not NAME=N, as in kitchen=3")
    return name, int(times)


def _fit(words: str) -> Fit:
    try:
        return parse_fit(words)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _parser(program: str, description: str, epilog: str = "") -> Parser:
    return Parser(
        prog=program,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )


def _add_source(parser: Parser) -> None:
    source = parser.add_argument_group("where you come from")
    source.add_argument(
        "-c",
        "--camera",
        metavar="WHICH",
        help="number (0), device, part of a name, a video, a picture, or demo",
    )
    source.add_argument("--size", type=_size, metavar="WxH", help="size to ask the camera for (1280x720)")
    source.add_argument("--fps", type=float, help="frames a second to ask for (30)")


def _add_network(words: argparse._ActionsContainer) -> None:
    words.add_argument(
        "--model", metavar="NAME", help="person (default), person-lite, or the path of a .tflite file"
    )
    words.add_argument("--threads", type=int, metavar="N", help="threads of the network (2)")


def _add_look(parser: Parser) -> None:
    look = parser.add_argument_group("the picture")
    look.add_argument(
        "-b", "--background", action="append", metavar="WHAT",
        help="what stands behind you (default: blur); several: the keys n and b go through them",
    )  # fmt: skip
    look.add_argument("--fit", type=_fit, metavar="HOW", help="cover (default), contain or stretch")
    look.add_argument(
        "--edge",
        type=float,
        metavar="PIXELS",
        help="move your edge: -3 shows less of you, 3 more (pixels at 720p)",
    )
    look.add_argument(
        "--light-wrap", type=float, metavar="0..1", help="let the background's light fall on your edges"
    )
    look.add_argument(
        "--slide-seconds", type=float, metavar="S", help="how long each slide of a folder stays (10)"
    )
    _add_network(look)


def _add_config(parser: Parser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="another configuration file")


def _add_json(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="for scripts")


def _add_debug(parser: Parser) -> None:
    parser.add_argument("--debug", action="store_true", help="show Python's traceback when something fails")


def live_parser() -> Parser:
    """`livecam` without a command."""
    from livecam import __version__
    from livecam.scenes import SCENES

    more = MORE.format(scenes=", ".join(sorted(SCENES)), config=config_path())
    parser = _parser("livecam", LIVE, more)
    parser.add_argument("--version", action="version", version=f"livecam {__version__}")
    _add_source(parser)
    _add_look(parser)
    sinks = parser.add_argument_group("where you go")
    sinks.add_argument("--device", metavar="NAME", help="virtual camera by path or label; it must work then")
    sinks.add_argument(
        "--virtual-camera",
        action=argparse.BooleanOptionalAction,
        help="show in the virtual camera (default: yes)",
    )
    sinks.add_argument(
        "--on-demand",
        action=argparse.BooleanOptionalAction,
        help="have the webcam on only while somebody watches the virtual camera (Linux)",
    )
    sinks.add_argument(
        "--record", metavar="FILE", help="record: .mp4, .webm, .mov, .y4m, or a folder of PNGs"
    )
    sinks.add_argument("--overwrite", action="store_true", help="replace an existing recording")
    sinks.add_argument("--preview", action=argparse.BooleanOptionalAction, help="a window; keys: n b m p h q")
    sinks.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        help="mirror the preview (default: yes), never what others see",
    )
    sinks.add_argument("--seconds", type=float, metavar="S", help="stop after so long")
    parser.add_argument(
        "--save-config", action="store_true", help="keep these choices for next time, and stop"
    )
    _add_config(parser)
    _add_debug(parser)
    return parser


def clip_parser() -> Parser:
    """`livecam clip`."""
    parser = _parser(
        "livecam clip",
        "Replaces the background of every frame of a video; sound, timing and order stay as they are.",
        "example: livecam clip talk.mov talk-beach.mp4 --background beach.jpg",
    )
    parser.add_argument("clip", type=Path, metavar="IN", help="any video")
    parser.add_argument(
        "out", metavar="OUT", help=".mp4, .webm, .mov (ProRes 4444), .y4m, or a folder of PNGs"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it exists")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    _add_look(parser)
    _add_config(parser)
    _add_debug(parser)
    return parser


def doctor_parser() -> Parser:
    """`livecam doctor`."""
    parser = _parser(
        "livecam doctor",
        "Walks the whole chain, camera, network, virtual camera, and says what is fine, what is not and the\n"
        "command that mends it. It opens the camera for two seconds. Exit code 1 if something is broken.",
        "example: livecam doctor --size 1280x720 --fps 30",
    )
    _add_source(parser)
    parser.add_argument("--device", metavar="NAME", help="virtual camera by path or label")
    parser.add_argument(
        "--virtual-camera", action=argparse.BooleanOptionalAction, help="look at it (default: yes)"
    )
    parser.add_argument(
        "--on-demand",
        action=argparse.BooleanOptionalAction,
        help="look whether the virtual camera can say that somebody watches",
    )
    _add_network(parser)
    _add_json(parser)
    _add_config(parser)
    _add_debug(parser)
    return parser


def devices_parser() -> Parser:
    """`livecam devices`."""
    parser = _parser(
        "livecam devices",
        "Lists cameras and virtual cameras with their formats, sizes and rates.",
        "A name from the list, or a part of it, is what --camera and --device take.",
    )
    _add_json(parser)
    _add_debug(parser)
    return parser


def train_parser() -> Parser:
    """`livecam train`."""
    parser = _parser(
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
    parser.add_argument("--size", type=_size, metavar="WxH", help="train at another size, divisible by 16")
    parser.add_argument("--start", type=Path, metavar="FILE", help="begin with the weights of a .keras file")
    parser.add_argument(
        "--real",
        type=float,
        metavar="SHARE",
        help="of scenes that are pictures as they are, not pasted (0.35)",
    )
    parser.add_argument(
        "--often",
        type=_often,
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
    _add_debug(parser)
    return parser


def export_parser() -> Parser:
    """`livecam export`."""
    parser = _parser(
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
    _add_debug(parser)
    return parser


def evaluate_parser() -> Parser:
    """`livecam evaluate`."""
    parser = _parser(
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
    _add_debug(parser)
    return parser
