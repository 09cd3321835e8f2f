"""The words of `livecam learn`, and what it prints."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livecam.annotation.prompts import parse_box, parse_point
from livecam.cli.label import add_person_option
from livecam.cli.options import add_size
from livecam.cli.parser import ArgumentParser, add_debug, namespace_to_kwargs, new_parser, parse_with
from livecam.core.config import config_path, read_config

WORDS = """\
Makes a model of your own in a few minutes: records you for 20 s (or takes clips), labels frames of it, learns
from them, compares before and after on frames that it never learnt from, and installs the result only if it
is better: livecam --model me. Interrupted, the same command goes on. Frames stay on this machine.

  livecam learn                                    you and your room, from the camera
  livecam learn --click                            and what you click on: your chair, your lamp, your cat
  livecam learn --from talk.mp4 --keep 1020,560    and what is at that place of the clip's first frame
  livecam learn --click --person model             it sees you well already, and is to learn your chair alone
  livecam learn --forget                           delete all frames, labels and runs (the model stays)
"""


def learn_parser() -> ArgumentParser:
    """`livecam learn`."""
    words = new_parser("livecam learn", WORDS, "see what there is with `livecam models`")
    add = words.add_argument
    add("--name", metavar="NAME", help="of the model (me)")
    add("--from", dest="sources", nargs="+", metavar="CLIP", help="clips or folders instead of the camera")
    add("--keep", type=parse_with(parse_point), action="append", metavar="X,Y", help="keep what is there too")
    add("--drop", type=parse_with(parse_point), action="append", metavar="X,Y", help="and not what is there")
    add(
        "--box", dest="boxes", type=parse_with(parse_box), action="append", metavar="X0,Y0,X1,Y1",
        help="keep what is in it",
    )  # fmt: skip
    add("--prompts", type=Path, metavar="FILE", help="points and boxes by frame, as livecam label takes them")
    add("--click", action="store_true", help="show frames to click on: left keeps, right drops")
    add("--mattes", type=Path, metavar="PATH", help="true mattes, frame for frame: SAM isn't needed then")
    add("--preset", metavar="NAME", help="SAM's weights, or a folder of them (sam_base_sa1b)")
    add_person_option(words)
    add("--frames", type=int, metavar="N", help="to label of each clip, at most (48)")
    add("--data", type=Path, nargs="+", metavar="FOLDER", help="data in Pets layout to learn from as well")
    add("--rooms", type=Path, nargs="+", metavar="FOLDER", help="pictures of rooms to paste you on")
    add("--base", metavar="MODEL", help="the model that is learnt further (person)")
    add("--camera", metavar="CAMERA", help="which camera (that of your configuration)")
    add_size(words)
    add("--seconds", type=float, metavar="S", help="to record (20)")
    add(
        "--forget",
        action="store_true",
        help="delete what was recorded and labelled under this name, and stop",
    )
    add_debug(words)
    return words


def learn(words: Sequence[str]) -> int:
    """`livecam learn`: your own frames to a model of your own; 1 where it is not better and not installed."""
    said = namespace_to_kwargs(learn_parser().parse_args(words), apart=("debug",))
    if said.pop("forget", False):
        return _forget(said.get("name", "me"))
    from livecam.cli.train import require_keras

    require_keras()
    return _learn(said)


def _forget(name: str) -> int:
    from livecam.models.registry import list_user
    from livecam.personalization.journal import delete_workspace

    print(delete_workspace(name))
    if name in list_user():
        print(f"the model {name} stays; delete it with `livecam models remove {name}`")
    return 0


def _learn(said: dict[str, Any]) -> int:
    from livecam.personalization.workflow import (
        PersonalizationSettings,
        PersonalizationWorkflow,
        annotate_sources,
    )

    usual = read_config(config_path())
    settings = PersonalizationSettings(
        **{"camera": usual.camera, "size": usual.size, "fps": usual.fps, **said}
    )
    learnt = PersonalizationWorkflow(settings, lambda line: print(line, flush=True), annotate_sources).learn()
    print(f"\n{learnt.figures}\n\nbefore and after as a picture: {learnt.picture}")
    print(f"learning and comparing took {learnt.seconds:.0f} s; frames and labels stay on this machine until")
    print(f"  livecam learn --name {learnt.name} --forget")
    if learnt.installed:
        print(f"installed: livecam --model {learnt.name}")
        return 0
    print(f"not installed: {learnt.reason}; more frames, other light or --click may help (--forget first)")
    return 1
