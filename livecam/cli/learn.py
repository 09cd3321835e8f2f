"""`livecam learn`: make a personal model from your own frames."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livecam.cli.options import add_json_option, add_settings, require_keras
from livecam.cli.parser import ArgumentParser, namespace_to_kwargs
from livecam.cli.prompt_options import (
    add_person_option,
    add_point_options,
    add_preset_option,
    add_prompts_file_option,
    add_text_options,
)
from livecam.cli.signals import handle_termination
from livecam.core.config import config_path, read_config

if TYPE_CHECKING:
    from livecam.personalization.workflow import PersonalizationResult

DESCRIPTION = """\
Makes a model of your own in a few minutes: records you for 20 s (or reads clips), labels some frames,
fine-tunes the base model with them, compares old and new model on frames that were not used for training,
and installs the new model only if it is better: livecam --model me. The same command continues an interrupted
run. Your frames stay on this machine.

  livecam learn                                    you and your room, from the camera
  livecam learn --click                            and the objects that you click on: chair, lamp, cat
  livecam learn --from talk.mp4 --keep 1020,560    and the object at that point of the clip's first frame
  livecam learn --click --person model             only the objects; the model already finds you well
  livecam learn --forget                           delete all frames, labels and runs (the model is kept)
"""


class LearnCommand:
    """Make a personal model, or delete the data it was made from."""

    name = "learn"
    help = "make a model of your own, from your own frames"
    description = DESCRIPTION
    epilog = "`livecam models` lists your models."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add recording, labelling and training options."""
        add = parser.add_argument
        add("--name", metavar="NAME", help="name of the model (default: me)")
        add(
            "--forget",
            action="store_true",
            help="delete what was recorded and labelled under this name, and stop",
        )
        add(
            "--no-install",
            dest="install",
            action="store_false",
            help="only compare: install the better model later, with the same command without this option",
        )
        add_json_option(parser)
        source = parser.add_argument_group("input")
        source.add_argument(
            "--from",
            dest="sources",
            nargs="+",
            metavar="CLIP",
            help="clips or folders instead of the camera",
        )
        source.add_argument(
            "--camera", metavar="CAMERA", help="which camera (default: that of your configuration file)"
        )
        add_settings(source, "size")
        source.add_argument(
            "--seconds", type=float, metavar="S", help="length of the recording (4 to 600; default: 20)"
        )
        _add_labelling(parser)
        training = parser.add_argument_group("training")
        training.add_argument(
            "--base", metavar="MODEL", help="the model that is trained further (default: person)"
        )
        training.add_argument(
            "--data", type=Path, nargs="+", metavar="FOLDER", help="more training data, in Pets layout"
        )
        training.add_argument(
            "--rooms",
            dest="backgrounds",
            type=Path,
            nargs="+",
            metavar="FOLDER",
            help="images of rooms, as backgrounds for you",
        )

    @handle_termination()
    def run(self, args: argparse.Namespace) -> int:
        """Make and compare the model; 1 if it is not better and so not installed."""
        values = namespace_to_kwargs(args)
        as_json = values.pop("json", False)
        if values.pop("forget", False):
            return _forget(values.get("name", "me"))
        require_keras()
        return _learn(values, as_json=as_json)


def _add_labelling(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("labels")
    add_point_options(
        group,
        "--keep",
        keep="a point on an object to keep with you; repeatable",
        drop="a point on something to remove; repeatable",
        box="a box around an object to keep; repeatable",
    )
    add_prompts_file_option(group, "points and boxes by frame, as for `livecam label`")
    add_text_options(
        group,
        "--keep-text",
        "keep_text",
        "what to keep with the person, in words, such as chair: SAM 3 finds it, SAM follows it; repeatable",
    )
    group.add_argument(
        "--click",
        action="store_true",
        help="select objects in the browser: a left click keeps, a right click removes",
    )
    group.add_argument(
        "--mattes", type=Path, metavar="PATH", help="true mattes instead of SAM, frame by frame"
    )
    add_preset_option(group)
    add_person_option(group)
    group.add_argument(
        "--frames", type=int, metavar="N", help="largest number of labelled frames per clip (default: 48)"
    )


def _forget(name: str) -> int:
    from livecam.models.registry import list_user
    from livecam.personalization.journal import delete_workspace

    print(delete_workspace(name))
    if name in list_user():
        print(f"the model {name} stays; delete it with `livecam models remove {name}`")
    return 0


def _learn(values: dict[str, Any], *, as_json: bool) -> int:
    from livecam.core.progress import progress_values
    from livecam.personalization.workflow import (
        PersonalizationSettings,
        PersonalizationWorkflow,
        annotate_sources,
    )

    stored = read_config(config_path())
    settings = PersonalizationSettings.from_options(
        **{"camera": stored.camera, "size": stored.size, "fps": stored.fps, **values}
    )

    def show(line: str) -> None:
        print(json.dumps(progress_values(line)) if as_json else line, flush=True)

    result = PersonalizationWorkflow(settings, show, annotate_sources).learn()
    (_print_json if as_json else _print_result)(result)
    return 1 if result.reason else 0


def _print_json(result: "PersonalizationResult") -> None:
    before, after = result.held_out
    values = {
        "name": result.name,
        "installed": result.installed,
        "reason": result.reason,
        "before": before,
        "after": after,
        "image": str(result.comparison_image),
        "seconds": result.seconds,
    }
    print(json.dumps({"result": values}))


def _print_result(result: "PersonalizationResult") -> None:
    print(f"\n{result.figures}\n\nbefore and after as an image: {result.comparison_image}")
    print(f"learning and comparing took {result.seconds:.0f} s; frames and labels stay on this machine until")
    print(f"  livecam learn --name {result.name} --forget")
    if result.installed:
        print(f"installed: livecam --model {result.name}")
    elif not result.reason:
        print("better, and not installed yet: the same command without --no-install does it")
    else:
        print(
            f"not installed: {result.reason}; more frames, other light or --click may help (--forget first)"
        )
