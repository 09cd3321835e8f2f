"""The parser behind every command: mistakes in one line, nothing told but what was said."""

import argparse
import difflib
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from livecam.core.errors import UsageError

Value = TypeVar("Value")


class ArgumentParser(argparse.ArgumentParser):
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


def parse_with(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    """`parse` for argparse, which else hides what our errors say."""

    def read(words: str) -> Value:
        try:
            return parse(words)
        except UsageError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def new_parser(program: str, description: str, epilog: str = "") -> ArgumentParser:
    """A parser that tells only what was said: no defaults."""
    return ArgumentParser(
        prog=program,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )


def namespace_to_kwargs(
    said: argparse.Namespace, apart: tuple[str, ...] = ("debug", "quiet")
) -> dict[str, Any]:
    """What was said as keywords of a frozen dataclass."""
    values = {name: value for name, value in vars(said).items() if name not in apart}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def add_debug(parser: ArgumentParser) -> None:
    """Add the word that shows tracebacks."""
    parser.add_argument("--debug", action="store_true", help="show Python's traceback when something fails")
