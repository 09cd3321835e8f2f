"""The messages, and the troubleshooting table of the README."""

import re
import subprocess
import sys
from pathlib import Path
from string import Formatter

import pytest

from livecam.doctor.findings import EXAMPLES, Finding, make_finding, remedy_command, troubleshooting_table
from livecam.doctor.messages import MESSAGES, Level

TOP = Path(__file__).parent.parent.parent
BEGIN, END = "<!-- doctor -->", "<!-- /doctor -->"


def fields(name: str) -> set[str]:
    text = MESSAGES[name]
    return {field for _, field, _, _ in Formatter().parse(text.observation + text.remedy) if field}


@pytest.mark.parametrize("name", MESSAGES)
def test_message_of_a_problem_has_remedy_and_symptom(name: str) -> None:
    text = MESSAGES[name]
    assert bool(text.remedy) == bool(text.symptom) == (text.level is not Level.OK)
    if text.symptom:
        assert fields(name) <= set(EXAMPLES)
        assert "{" not in troubleshooting_table()


def test_make_finding_without_a_value_raises() -> None:
    with pytest.raises(KeyError):
        make_finding("camera-busy", path="/dev/video0")


def test_finding_prints_observation_and_remedy() -> None:
    broken = Finding("x", Level.ERROR, "it is off", "switch it on")
    assert str(broken) == "broken   it is off\n         mend it: switch it on"
    assert str(Finding("y", Level.OK, "it is on")) == "fine     it is on"


def test_readme_contains_the_troubleshooting_table() -> None:
    readme = (TOP / "livecam/doctor/README.md").read_text(encoding="utf-8")
    made = re.search(f"{BEGIN}\n(.*?)\n{END}", readme, re.DOTALL)
    assert made, f"livecam/doctor/README.md has no {BEGIN} ... {END}"
    assert made[1] == troubleshooting_table(), "run scripts/troubleshooting.py"


def test_troubleshooting_table_rows_have_three_cells() -> None:
    rows = troubleshooting_table().splitlines()
    assert len(rows) == 2 + sum(bool(text.symptom) for text in MESSAGES.values())
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}


@pytest.mark.parametrize(
    ("remedy", "command"),
    [
        ("sudo modprobe v4l2loopback (then start again)", "sudo modprobe v4l2loopback"),
        ("livecam --camera 1", "livecam --camera 1"),
        ("close zoom (pid 4711)", ""),
        ("plug it in", ""),
        ("", ""),
    ],
)
def test_command_of_a_remedy_can_be_pasted(remedy: str, command: str) -> None:
    assert remedy_command(remedy) == command


def test_script_updates_an_outdated_readme(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    script = [sys.executable, str(TOP / "scripts" / "troubleshooting.py"), str(readme)]
    assert subprocess.run([*script, "--check"], check=False).returncode == 1
    assert "old" in readme.read_text()
    assert subprocess.run(script, check=False).returncode == 0
    assert readme.read_text() == f"before\n{BEGIN}\n{troubleshooting_table()}\n{END}\nafter\n"
    assert subprocess.run([*script, "--check"], check=False).returncode == 0


def test_script_without_markers_fails(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("nothing\n")
    script = [sys.executable, str(TOP / "scripts" / "troubleshooting.py"), str(readme)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
