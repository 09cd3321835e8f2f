"""The contract of a command, the table of all commands, and the exit codes. Loads no command itself."""

import argparse
from importlib import import_module
from typing import Protocol

from livecam.cli.parser import ArgumentParser

FAILED, USAGE, INTERRUPTED = 1, 2, 130
"""Exit codes beside 0: the run failed, the command line can't be used, Ctrl-C or SIGTERM."""

COMMANDS = {
    "live": "livecam.cli.live:LiveCommand",
    "panel": "livecam.cli.panel:PanelCommand",
    "clip": "livecam.cli.clip:ClipCommand",
    "doctor": "livecam.cli.doctor:DoctorCommand",
    "devices": "livecam.cli.devices:DevicesCommand",
    "train": "livecam.cli.train:TrainCommand",
    "export": "livecam.cli.export:ExportCommand",
    "evaluate": "livecam.cli.evaluate:EvaluateCommand",
    "segment": "livecam.cli.segment:SegmentCommand",
    "label": "livecam.cli.label:LabelCommand",
    "learn": "livecam.cli.learn:LearnCommand",
    "models": "livecam.cli.models:ModelsCommand",
}
"""All commands in the order of `livecam --help`: name -> ``module:class``."""
DEFAULT_COMMAND = "live"
"""Runs when the command line names no command."""


class Command(Protocol):
    """One command of livecam.

    Importing a command's module must be cheap: it loads argparse and `livecam.core` only. `add_arguments`
    must not load OpenCV. `run` imports what it needs.

    Attributes:
        name: the word on the command line.
        help: one line for the list of commands.
        description: text at the top of ``livecam NAME --help``.
        epilog: text at its end, with examples.
    """

    name: str
    help: str
    description: str
    epilog: str

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options to the command's own parser; may set its `make_epilog`."""

    def run(self, args: argparse.Namespace) -> int:
        """Run the command and return the exit code.

        An option that is not on the command line is no attribute of `args`.

        Raises:
            LivecamError: the run fails. `livecam.cli.main` prints it in one line.
            KeyboardInterrupt: Ctrl-C or SIGTERM.
        """


def load_command(name: str) -> Command:
    """Import the module of a command of `COMMANDS` and create the command."""
    module, _, attribute = COMMANDS[name].partition(":")
    command: Command = getattr(import_module(module), attribute)()
    return command
