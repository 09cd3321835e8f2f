"""The argument parser of every command: errors are one line, and unset options are left out."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from livecam.core.errors import UsageError

Value = TypeVar("Value")


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Formatter that gets the terminal width without `shutil`.

    argparse creates a formatter for every option; importing shutil (with bz2 and lzma) takes 5 ms.
    """

    def __init__(self, prog: str, **more: Any) -> None:
        more.setdefault("width", _terminal_width() - 2)
        super().__init__(prog, **more)


def _terminal_width() -> int:
    """Return $COLUMNS, or the width of the terminal, or 80 characters."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):  # stdout is closed or not a terminal
        return 80


class ArgumentParser(argparse.ArgumentParser):
    """Parser that raises UsageError instead of printing, and suggests the nearest option for a typing error.

    Options that are not on the command line are no attributes of the namespace, so that the configuration
    file can supply them. Long options can't be abbreviated. Parsers of subcommands are of this class too.

    Attributes:
        make_epilog: returns the text after the options. Called for ``--help`` only, so it may be slow.
    """

    make_epilog: Callable[[], str] | None = None

    def __init__(self, prog: str | None = None, description: str = "", epilog: str = "", **more: Any) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            formatter_class=_HelpFormatter,
            argument_default=argparse.SUPPRESS,
            allow_abbrev=False,
            **more,
        )

    def format_help(self) -> str:
        """Return the text of ``--help``."""
        if self.make_epilog is not None:
            self.epilog = self.make_epilog()
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Report a wrong command line.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{message}; see `{self.prog} --help`")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse the whole command line; argparse calls this for subcommands too.

        Raises:
            UsageError: an unknown option, with the nearest known one, or too many arguments.
        """
        parsed, rest = super().parse_known_args(args, namespace)
        if rest:
            name = rest[0].partition("=")[0]
            import difflib

            near = difflib.get_close_matches(name, self._option_string_actions, n=1)
            self.error(f"there is no {name}" + (f", did you mean {near[0]}?" if near else ""))
        return parsed, rest


def parse_with(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    """Wrap `parse` as an argparse type, so that argparse shows the text of its UsageError."""

    def convert(text: str) -> Value:
        try:
            return parse(text)
        except UsageError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert


def namespace_to_kwargs(args: argparse.Namespace, exclude: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the options as keyword arguments of a settings dataclass; lists become tuples.

    Args:
        args: the parsed command line.
        exclude: names to leave out, beside those that every command has (``debug``, ``quiet``).
    """
    skipped = {"debug", "quiet", *exclude}
    values = {name: value for name, value in vars(args).items() if name not in skipped}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
