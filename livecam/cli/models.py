"""The words of `livecam models`, and what it prints."""

from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from livecam.cli.parser import ArgumentParser, add_debug
from livecam.core.errors import LivecamError, UsageError
from livecam.models.model_card import ModelCard, read_model_card
from livecam.models.registry import list_builtin, list_user, remove, user_model_path, user_models_dir

_ARITY = {"list": (0, 0), "remove": (1, 1), "export": (2, 2), "import": (1, 2)}
"""How many words each action takes, at least and at most."""


def models_parser() -> ArgumentParser:
    """`livecam models`."""
    parser = ArgumentParser(
        prog="livecam models",
        description="Lists your own models, as `livecam learn` makes them, or does something with one:\n\n"
        "  livecam models                          which there are, and how good they are\n"
        "  livecam models remove NAME              delete one\n"
        "  livecam models export NAME FILE         one file to carry to another machine (.livecam or .zip)\n"
        "  livecam models import FILE [NAME]       take it in, after checking that it runs",
        epilog=f"They lie in {user_models_dir()} (another data folder: $LIVECAM_DATA).",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", nargs="?", default="list", metavar="list|remove|export|import")
    parser.add_argument("words", nargs="*", metavar="NAME|FILE")
    add_debug(parser)
    return parser


def models(words: Sequence[str]) -> int:
    """Do what was asked; the exit code."""
    said = models_parser().parse_args(words)
    least, most = _ARITY.get(said.action, (0, -1))
    if not least <= len(said.words) <= most:
        raise UsageError(
            f"`livecam models {said.action}` is not asked like this; see `livecam models --help`"
        )
    actions: dict[str, Callable[..., None]] = {
        "list": _list,
        "remove": _remove,
        "export": _export,
        "import": _import,
    }
    actions[said.action](*said.words)
    return 0


def _list() -> None:
    print(f"with livecam: {', '.join(list_builtin())}")
    for name in list_user():
        try:
            print(f"{name}: {format_model_line(read_model_card(user_model_path(name)))}")
        except LivecamError as error:
            print(f"{name}: can't be used: {error}")
    if not list_user():
        print("none of your own yet; `livecam learn` makes one")


def format_model_line(card: ModelCard) -> str:
    """One line about a personal model: what it was learnt from, how much better it became."""
    told: dict[str, Any] = card.about.get("learnt") or {}
    try:
        before, after = (told["held_out_iou"][when] for when in ("before", "after"))
        origin = f"learnt from {told['base']} on {told['date']}, {told['frames']['learnt']} frames"
        return f"{card.size}, {origin}; IoU on your held-out frames {before:.1f} -> {after:.1f} %"
    except (KeyError, TypeError, ValueError):
        return f"{card.size}"


def _remove(name: str) -> None:
    gone = remove(name)
    print(f"removed {name} ({', '.join(path.name for path in gone)})")


def _export(name: str, file: str) -> None:
    from livecam.models.archive import export_model

    print(f"{export_model(name, Path(file).expanduser())}: take it in with `livecam models import {file}`")


def _import(file: str, name: str = "") -> None:
    from livecam.models.archive import import_model

    print(f"installed: livecam --model {import_model(Path(file).expanduser(), name)}")
