"""The option reference in livecam/cli/README.md agrees with the parsers."""

from pathlib import Path

import pytest

from livecam.cli.command import COMMANDS
from tests.support.scripts import load_script

reference = load_script("option_reference")


def test_readme_agrees_with_parsers() -> None:
    assert reference.main(["--check"]) == 0, "run scripts/option_reference.py"


@pytest.mark.parametrize("name", COMMANDS)
def test_reference_holds_every_option(name: str) -> None:
    text = reference.option_reference()
    for action in reference.command_parser(name)._actions:
        if action.dest not in ("help", "debug"):
            assert all(f"`{option}" in text for option in action.option_strings)


def test_outdated_readme_is_reported_and_rewritten(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- options -->\nold\n<!-- /options -->\nafter\n")
    assert reference.main([str(readme), "--check"]) == 1
    assert "old" in readme.read_text()
    assert reference.main([str(readme)]) == 0
    assert readme.read_text() == (
        f"before\n<!-- options -->\n{reference.option_reference()}\n<!-- /options -->\nafter\n"
    )


def test_missing_markers_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("nothing\n")
    assert reference.main([str(readme)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
