"""Entry point of the command line: selects the command, runs it and turns errors into exit codes.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

import errno
import sys
from collections.abc import Sequence

from livecam.cli.command import COMMANDS, DEFAULT_COMMAND, FAILED, INTERRUPTED, USAGE, Command, load_command
from livecam.cli.messages import print_message
from livecam.cli.options import add_debug_option
from livecam.cli.parser import ArgumentParser
from livecam.core.errors import LivecamError, UsageError


def main(argv: Sequence[str] | None = None) -> int:
    """Run livecam with the arguments of a command line and return the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(argv)
    except KeyboardInterrupt:
        print_message("interrupted")
        return INTERRUPTED
    except Exception as error:
        if "--debug" in argv:
            import traceback

            traceback.print_exception(error)
        return _report(error)


def _run(argv: list[str]) -> int:
    parser, command = create_parser(argv[0] if argv and not argv[0].startswith("-") else "")
    try:
        args = parser.parse_args(argv)
        vars(args).pop("command", None)
        from livecam.cli.logging_handler import install_handler

        install_handler(debug="--debug" in argv)
        code = command.run(args)
    except SystemExit as exit_request:  # argparse raises it after --help and --version
        code = int(exit_request.code or 0)
    return code


def create_parser(name: str = "") -> tuple[ArgumentParser, Command]:
    """Create the parser of the whole command line, and the command that it is for.

    Only the named command is imported.

    Args:
        name: a command, or "" for a command line without one.

    Raises:
        UsageError: there is no such command.
    """
    if not name:
        command = load_command(DEFAULT_COMMAND)
        parser = ArgumentParser("livecam", command.description, command.epilog)
        parser.add_argument(
            "--version", action="version", version=f"livecam {_version()}", help="show the version, and stop"
        )
        _fill(parser, command)
        return parser, command
    if name not in COMMANDS:
        import difflib

        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
        raise UsageError(f"there is no command {name!r}; {hint} (see `livecam --help`)")
    command = load_command(name)
    parser = ArgumentParser("livecam")
    # Only the named command: creating the parsers of the others would take time and change nothing.
    commands = parser.add_subparsers(dest="command", prog="livecam")
    _fill(commands.add_parser(name, description=command.description, epilog=command.epilog), command)
    return parser, command


def _fill(parser: ArgumentParser, command: Command) -> None:
    command.add_arguments(parser)
    add_debug_option(parser)


def _version() -> str:
    from livecam import __version__

    return __version__


def _report(error: Exception) -> int:
    """Print an error in one line and return its exit code."""
    if isinstance(error, LivecamError):
        print_message(_one_line(error))
        return USAGE if isinstance(error, UsageError) else FAILED
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        print_message(f"{str(error.filename)[:80]}... is too long for a path; choose a shorter name")
        return USAGE
    if isinstance(error, ImportError):
        print_message(
            f"something can't be loaded ({_one_line(error)}); `livecam doctor` says what is missing"
        )
        return FAILED
    print_message(f"something went wrong: {type(error).__name__}: {_one_line(error)} (see more with --debug)")
    return FAILED


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
