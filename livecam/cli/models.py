"""`livecam models`: list, remove, export and import personal models."""

import argparse
from typing import TYPE_CHECKING, Any

from livecam.cli.options import add_debug_option
from livecam.cli.parser import ArgumentParser
from livecam.cli.signals import handle_termination
from livecam.core.errors import LivecamError
from livecam.core.paths import expand_user

if TYPE_CHECKING:
    from livecam.models.model_card import ModelCard


EXAMPLES = """\
examples:
  livecam models
  livecam models export me me.livecam
  livecam models import me.livecam
"""


class ModelsCommand:
    """List the models, or change one."""

    name = "models"
    help = "list, remove, export and import your own models"
    description = "Lists your own models, made by `livecam learn`, or does something with one of them."
    epilog = ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add one subcommand per action; without one the models are listed."""
        actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions (default: list)")
        listing = actions.add_parser("list", help="show all models, and the scores of your own")
        remove = actions.add_parser("remove", help="delete one of your models")
        remove.add_argument("name", metavar="NAME", help="a model of your own")
        export = actions.add_parser("export", help="write a model to one file, for another machine")
        export.add_argument("name", metavar="NAME", help="a model of your own")
        export.add_argument("file", metavar="FILE", help="a new .livecam or .zip file")
        importing = actions.add_parser("import", help="install a model from such a file, after a test run")
        importing.add_argument("file", metavar="FILE", help="a file made by `livecam models export`")
        importing.add_argument(
            "name",
            nargs="?",
            metavar="NAME",
            help="another name for the model (default: the one in the file)",
        )
        for action in (listing, remove, export, importing):
            add_debug_option(action)
        parser.make_epilog = _make_epilog

    @handle_termination()
    def run(self, args: argparse.Namespace) -> int:
        """Do one action."""
        action, name = getattr(args, "action", "list"), getattr(args, "name", "")
        if action == "remove":
            _remove(name)
        elif action == "export":
            _export(name, args.file)
        elif action == "import":
            _import(args.file, name)
        else:
            _list()
        return 0


def _make_epilog() -> str:
    from livecam.models.registry import user_models_dir

    return f"{EXAMPLES}\nThe models are in {user_models_dir()} (LIVECAM_DATA sets another data folder)."


def _list() -> None:
    from livecam.models.model_card import ModelCard
    from livecam.models.registry import list_builtin, list_user, user_model_path

    print(f"with livecam: {', '.join(list_builtin())}")
    for name in list_user():
        try:
            print(f"{name}: {format_model_line(ModelCard.read(user_model_path(name)))}")
        except LivecamError as error:
            print(f"{name}: can't be used: {error}")
    if not list_user():
        print("none of your own yet; `livecam learn` makes one")


def format_model_line(card: "ModelCard") -> str:
    """Return one line about a personal model: size, training data, and IoU before and after."""
    info: dict[str, Any] = card.metadata.get("learnt") or {}
    try:
        before, after = (info["held_out_iou"][when] for when in ("before", "after"))
        origin = f"learnt from {info['base']} on {info['date']}, {info['frames']['learnt']} frames"
        return f"{card.size}, {origin}; IoU on your held-out frames {before:.1f} -> {after:.1f} %"
    except (KeyError, TypeError, ValueError):
        return f"{card.size}"


def _remove(name: str) -> None:
    from livecam.models.registry import remove

    removed = remove(name)
    print(f"removed {name} ({', '.join(path.name for path in removed)})")


def _export(name: str, file: str) -> None:
    from livecam.models.archive import export_model

    print(f"{export_model(name, expand_user(file))}: take it in with `livecam models import {file}`")


def _import(file: str, name: str) -> None:
    from livecam.models.archive import import_model

    print(f"installed: livecam --model {import_model(expand_user(file), name)}")
