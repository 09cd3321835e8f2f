"""The words of the command line. Defaults are left out, so that the configuration file can stand between."""

import argparse
from pathlib import Path

from livecam.cli.parser import ArgumentParser, add_debug, new_parser, parse_with
from livecam.core.config import config_path, parse_fit_mode
from livecam.core.geometry import Size

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
  segment   select things in pictures with Segment Anything
  label     make a data set of clips and pictures, drawn by Segment Anything
  learn     make a model of your own, from your own frames
  models    your own models: list, remove, export, import

A background is a picture, a video or GIF, a folder of pictures (slides), a colour (#00b140, green), blur or
blur:STRENGTH (1 to 100), transparent (for recordings), or one drawn by code: {scenes}.
Choices are kept in {config} with --save-config.
"""


def _add_source(parser: ArgumentParser) -> None:
    source = parser.add_argument_group("where you come from")
    source.add_argument(
        "-c",
        "--camera",
        metavar="WHICH",
        help="number (0), device, part of a name, a video, a picture, or demo",
    )
    add_size(source)
    source.add_argument("--fps", type=float, help="frames a second to ask for (30)")


def add_size(words: argparse._ActionsContainer) -> None:
    """Add the size that a camera is asked for."""
    words.add_argument(
        "--size", type=parse_with(Size.parse), metavar="WxH", help="size to ask the camera for (1280x720)"
    )


def add_model_options(words: argparse._ActionsContainer) -> None:
    """Add which network runs, and on how many threads."""
    words.add_argument(
        "--model", metavar="NAME", help="person (default), person-lite, or the path of a .tflite file"
    )
    words.add_argument("--threads", type=int, metavar="N", help="threads of the network (2)")


def add_background_options(parser: ArgumentParser) -> None:
    """Add the options for the background and the picture."""
    look = parser.add_argument_group("the picture")
    look.add_argument(
        "-b", "--background", action="append", metavar="WHAT",
        help="what stands behind you (default: blur); several: the keys n and b go through them",
    )  # fmt: skip
    look.add_argument(
        "--fit", type=parse_with(parse_fit_mode), metavar="HOW", help="cover (default), contain or stretch"
    )
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
    add_model_options(look)


def _add_config(parser: ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="another configuration file")


def _add_json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for scripts")


def live_parser() -> ArgumentParser:
    """`livecam` without a command."""
    from livecam import __version__
    from livecam.backgrounds.procedural import PROCEDURAL_BACKGROUNDS

    more = MORE.format(scenes=", ".join(sorted(PROCEDURAL_BACKGROUNDS)), config=config_path())
    parser = new_parser("livecam", LIVE, more)
    parser.add_argument("--version", action="version", version=f"livecam {__version__}")
    _add_source(parser)
    add_background_options(parser)
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
    add_debug(parser)
    return parser


def clip_parser() -> ArgumentParser:
    """`livecam clip`."""
    parser = new_parser(
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
    add_background_options(parser)
    _add_config(parser)
    add_debug(parser)
    return parser


def doctor_parser() -> ArgumentParser:
    """`livecam doctor`."""
    parser = new_parser(
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
    add_model_options(parser)
    _add_json(parser)
    _add_config(parser)
    add_debug(parser)
    return parser


def devices_parser() -> ArgumentParser:
    """`livecam devices`."""
    parser = new_parser(
        "livecam devices",
        "Lists cameras and virtual cameras with their formats, sizes and rates.",
        "A name from the list, or a part of it, is what --camera and --device take.",
    )
    _add_json(parser)
    add_debug(parser)
    return parser
