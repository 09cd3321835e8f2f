"""The panel's cost is measured with and without a page."""

import re
import sys
from pathlib import Path

import pytest

from tests.support.scripts import load_script
from tests.support.tiny_model import write_model


def test_table_has_a_row_without_and_one_with_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = load_script("panel_cost")
    monkeypatch.setattr(script, "SETTLE_SECONDS", 0.2)
    arguments = f"--seconds 1 --rounds 1 --size 320x180 --no-browser --model {write_model(tmp_path)}"
    monkeypatch.setattr(sys, "argv", ["panel_cost.py", *arguments.split()])
    assert script.main() == 0
    rows = re.findall(
        r"^\| (closed|open) \| ([\d.]+) \|.*\| ([\d.]+) \| \d+ \|", capsys.readouterr().out, re.M
    )
    assert [row[0] for row in rows] == ["closed", "open"]
    assert all(float(rate) > 1 for _, rate, _ in rows)
    assert float(rows[0][2]) < 1.0  # ms: without a page the sink does next to nothing
