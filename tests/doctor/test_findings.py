"""The table of texts, and the README's part that is made of it."""

import re
import subprocess
import sys
from pathlib import Path
from string import Formatter

import pytest

from livecam.doctor.findings import EXAMPLES, Finding, make_finding, troubleshooting_table
from livecam.doctor.messages import MESSAGES, Level

TOP = Path(__file__).parent.parent.parent
BEGIN, END = "<!-- doctor -->", "<!-- /doctor -->"


def fields(name: str) -> set[str]:
    text = MESSAGES[name]
    return {field for _, field, _, _ in Formatter().parse(text.observation + text.remedy) if field}


@pytest.mark.parametrize("name", MESSAGES)
def test_what_is_not_fine_has_a_remedy_and_a_place_in_the_readme(name: str) -> None:
    text = MESSAGES[name]
    assert bool(text.remedy) == bool(text.symptom) == (text.level is not Level.OK)
    if text.symptom:
        assert fields(name) <= set(EXAMPLES)
        assert "{" not in troubleshooting_table()


def test_a_text_without_its_words_is_no_finding() -> None:
    with pytest.raises(KeyError):
        make_finding("camera-busy", path="/dev/video0")


def test_a_finding_is_told_in_one_line_and_its_remedy_in_another() -> None:
    broken = Finding("x", Level.ERROR, "it is off", "switch it on")
    assert str(broken) == "broken   it is off\n         mend it: switch it on"
    assert str(Finding("y", Level.OK, "it is on")) == "fine     it is on"


def test_the_readmes_troubleshooting_is_made_of_these_texts() -> None:
    readme = (TOP / "livecam/doctor/README.md").read_text(encoding="utf-8")
    made = re.search(f"{BEGIN}\n(.*?)\n{END}", readme, re.DOTALL)
    assert made, f"livecam/doctor/README.md has no {BEGIN} ... {END}"
    assert made[1] == troubleshooting_table(), "run scripts/troubleshooting.py"


def test_every_row_of_the_table_has_three_cells() -> None:
    rows = troubleshooting_table().splitlines()
    assert len(rows) == 2 + sum(bool(text.symptom) for text in MESSAGES.values())
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}


def test_the_script_mends_a_readme_that_disagrees(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    script = [sys.executable, str(TOP / "scripts" / "troubleshooting.py"), str(readme)]
    assert subprocess.run([*script, "--check"], check=False).returncode == 1
    assert "old" in readme.read_text()
    assert subprocess.run(script, check=False).returncode == 0
    assert readme.read_text() == f"before\n{BEGIN}\n{troubleshooting_table()}\n{END}\nafter\n"
    assert subprocess.run([*script, "--check"], check=False).returncode == 0


def test_the_script_wants_the_markers(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("nothing\n")
    script = [sys.executable, str(TOP / "scripts" / "troubleshooting.py"), str(readme)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
