#!/usr/bin/env python3
"""Writes the reference of all commands and options into livecam/cli/README.md; --check only compares."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from livecam.cli.command import COMMANDS, load_command
from livecam.cli.main import create_parser
from scripts.shared.marked_block import update_readme

README = Path(__file__).resolve().parent.parent / "livecam" / "cli" / "README.md"
_EVERYWHERE = {"help", "debug", "version"}
"""Options that the README explains once."""


def main(argv: list[str] | None = None) -> int:
    """Write or compare the reference; return 0 if the file and the parsers agree afterwards."""
    return update_readme("option_reference", __doc__ or "", README, "options", option_reference, argv)


def option_reference() -> str:
    """Return the tables of all commands as Markdown, in the order of `livecam --help`."""
    lines: list[str] = []
    for name in COMMANDS:
        parser = command_parser(name)
        lines += [_heading(parser), "", f"{_sentence(load_command(name).help)}", "", *_tables(parser)]
    return "\n".join(lines).rstrip()


def command_parser(name: str) -> argparse.ArgumentParser:
    """Return the parser that holds the options of a command."""
    return subparsers_of(create_parser(name)[0])[name]


def subparsers_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the subcommands by name; empty if there are none."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _heading(parser: argparse.ArgumentParser) -> str:
    patterns = {"*": "[{} ...]", "+": "{} ...", "?": "[{}]"}
    arguments = [
        patterns.get(str(action.nargs), "{}").format(action.metavar)
        for action in parser._actions
        if not action.option_strings and not isinstance(action, argparse._SubParsersAction)
    ]
    return "#### `" + " ".join([parser.prog.removesuffix(" live"), *arguments]) + "`"


def _tables(parser: argparse.ArgumentParser) -> Iterator[str]:
    rows = [
        (
            (group.title or "").removeprefix("positional "),
            f"| {_names(action)} | {_cell(action.help or '')} |",
        )
        for group in parser._action_groups
        for action in group._group_actions
        if action.dest not in _EVERYWHERE and not isinstance(action, argparse._SubParsersAction)
    ]
    if rows:
        yield from ("| group | option | meaning |", "|---|---|---|")
        before = ""
        for title, row in rows:
            yield f"| {title if title != before else ''} {row}"
            before = title
        yield ""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from ("| action | meaning |", "|---|---|")
            for choice, subparser in zip(action._choices_actions, action.choices.values(), strict=True):
                yield f"| {_heading(subparser).removeprefix('#### ')} | {_cell(choice.help or '')} |"
            yield ""


def _names(action: argparse.Action) -> str:
    metavar = f" {action.metavar}" if action.metavar and action.option_strings else ""
    names = action.option_strings or [str(action.metavar)]
    return ", ".join(f"`{name}{metavar}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


if __name__ == "__main__":
    sys.exit(main())
