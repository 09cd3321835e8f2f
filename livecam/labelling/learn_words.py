"""The words of `livecam learn`, and what it prints."""

from argparse import Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from livecam.arguments import Parser
from livecam.frames import Size
from livecam.labelling.prompts import parse_box, parse_point
from livecam.settings import config_path, read_config

WORDS = """\
Makes a model of your own in a few minutes: records you for 20 s (or takes clips), labels frames of it, learns
from them, compares before and after on frames that it never learnt from, and installs the result only if it
is better: livecam --model me. Interrupted, the same command goes on. Frames stay on this machine.

  livecam learn                                    you and your room, from the camera
  livecam learn --keep 1020,560                    and the chair at that place of the first frame
  livecam learn --from talk.mp4 --name talk        from a clip
  livecam learn --forget                           delete all frames, labels and runs (the model stays)
"""


def learn_parser() -> Parser:
    """`livecam learn`."""
    parser = Parser(
        prog="livecam learn",
        description=WORDS,
        epilog="see what there is with `livecam models`",
        formatter_class=RawDescriptionHelpFormatter,
        argument_default=None,
    )
    add = parser.add_argument
    add("--name", default="me", metavar="NAME", help="of the model (me)")
    add("--from", dest="sources", nargs="+", metavar="CLIP", help="clips or folders instead of the camera")
    add("--keep", type=parse_point, action="append", metavar="X,Y", help="keep what is there too")
    add("--drop", type=parse_point, action="append", metavar="X,Y", help="and not what is there")
    add(
        "--box",
        dest="boxes",
        type=parse_box,
        action="append",
        metavar="X0,Y0,X1,Y1",
        help="keep what is in it",
    )
    add("--prompts", type=Path, metavar="FILE", help="points and boxes by frame, as livecam label takes them")
    add("--click", action="store_true", default=None, help="show frames to click on: left keeps, right drops")
    add("--mattes", type=Path, metavar="PATH", help="true mattes, frame for frame: SAM isn't needed then")
    add("--preset", metavar="NAME", help="SAM's weights, or a folder of them (sam_base_sa1b)")
    add("--frames", type=int, metavar="N", help="to label of each clip, at most (48)")
    add("--data", type=Path, nargs="+", metavar="FOLDER", help="data in Pets layout to learn from as well")
    add("--rooms", type=Path, nargs="+", metavar="FOLDER", help="pictures of rooms to paste you on")
    add("--base", metavar="MODEL", help="the model that is learnt further (person)")
    add("--camera", metavar="CAMERA", help="which camera (that of your configuration)")
    add("--size", type=Size.parse, metavar="WxH", help="of the camera's picture")
    add("--seconds", type=float, metavar="S", help="to record (20)")
    add(
        "--forget",
        action="store_true",
        help="delete what was recorded and labelled under this name, and stop",
    )
    add("--debug", action="store_true", help="show where an unexpected error came from")
    return parser


def forget_all(said: Namespace) -> int:
    """Delete what was kept under a name; the exit code."""
    from livecam.labelling.stages import forget
    from livecam.models import personal_names

    print(forget(said.name))
    if said.name in personal_names():
        print(f"the model {said.name} stays; delete it with `livecam models remove {said.name}`")
    return 0


def run(said: Namespace) -> int:
    """Learn; the exit code: 1 where the result is not better and was not installed."""
    from livecam.labelling.learn import Learner, LearnSettings, label_frames

    usual = read_config(config_path())
    values: dict[str, Any] = {"camera": usual.camera, "size": usual.size, "fps": usual.fps}
    for name, value in vars(said).items():
        if value is not None and name not in ("debug", "forget"):
            values[name] = tuple(value) if isinstance(value, list) else value
    settings = LearnSettings(**values)
    learnt = Learner(settings, lambda words: print(words, flush=True), label_frames).learn()
    print(f"\n{learnt.figures}\n\nbefore and after as a picture: {learnt.picture}")
    print(f"learning and comparing took {learnt.seconds:.0f} s")
    if learnt.installed:
        print(f"installed: livecam --model {learnt.name}")
        print(f"frames and labels stay in {learnt.picture.parent}, until")
        print(f"  livecam learn --name {learnt.name} --forget")
        return 0
    print(f"not installed: {learnt.reason}; more frames, other light or --keep may help (--forget first)")
    return 1
