"""One-line errors, hints, and the namespace of the parser."""

import argparse

import pytest

from livecam.cli.parser import ArgumentParser, _terminal_width, namespace_to_kwargs
from livecam.core.errors import UsageError


def nested_parser() -> ArgumentParser:
    """Return a parser with a subcommand that has one option."""
    parser = ArgumentParser("top")
    commands = parser.add_subparsers(dest="command", prog="top")
    commands.add_parser("run").add_argument("--speed", type=int)
    return parser


def test_unknown_option_of_subcommand_is_suggested() -> None:
    with pytest.raises(UsageError, match=r"no --sped, did you mean --speed\?; see `top run --help`"):
        nested_parser().parse_args(["run", "--sped=3"])


def test_extra_argument_is_an_error() -> None:
    with pytest.raises(UsageError, match="there is no more; see `top run --help`"):
        nested_parser().parse_args(["run", "more"])


def test_options_cannot_be_abbreviated() -> None:
    with pytest.raises(UsageError, match="did you mean --speed"):
        nested_parser().parse_args(["run", "--spee", "3"])


def test_make_epilog_is_called_for_help_only() -> None:
    parser, calls = ArgumentParser("top"), []
    parser.make_epilog = lambda: calls.append(1) or "the end"
    parser.parse_args([])
    assert not calls
    assert parser.format_help().rstrip().endswith("the end")


@pytest.mark.parametrize(("columns", "width"), [("50", 50), ("x", 80), ("0", 80)])
def test_terminal_width_follows_columns(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.__stdout__", None)
    assert _terminal_width() == width


def test_namespace_to_kwargs_makes_tuples_and_excludes() -> None:
    args = argparse.Namespace(a=[1, 2], b=3, c=4, debug=True, quiet=True)
    assert namespace_to_kwargs(args, exclude=("c",)) == {"a": (1, 2), "b": 3}
