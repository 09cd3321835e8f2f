"""The table of commands."""

import pytest

from livecam.cli.command import COMMANDS, DEFAULT_COMMAND, load_command


@pytest.mark.parametrize("name", COMMANDS)
def test_load_command_gives_the_named_command(name: str) -> None:
    command = load_command(name)
    assert command.name == name
    assert command.help
    assert command.help[0].islower()
    assert command.description


def test_default_command_is_in_the_table() -> None:
    assert DEFAULT_COMMAND in COMMANDS
