import csv
import json
from pathlib import Path

import pytest

from livecam.core.errors import FileWriteError
from livecam.evaluation.report import (
    COLUMNS,
    EvaluationReport,
    SampleResult,
    as_markdown,
    title_of,
    write_report,
)

RESULTS = (
    SampleResult("b_1", "b", ("low light",), {"miou": 90.0, "mad": 10.0, "grad": 0.01}, (5.0,)),
    SampleResult("a_1", "a", (), {"miou": 80.0, "mad": 20.0}, (1.0, 2.0, 9.0)),
    SampleResult("a_2", "a", ("low light",), {"miou": 60.0, "mad": 40.0}, (3.0,)),
)
REPORT = EvaluationReport("weights/mine.tflite", "people", 2, RESULTS)


def test_rows_are_groups_then_mean_then_attributes() -> None:
    rows = {row.name: row for row in REPORT.rows}

    assert list(rows) == ["a", "b", "mean", "low light"]
    assert [row.count for row in rows.values()] == [2, 1, 3, 2]
    assert rows["a"].metrics["miou"] == 70
    assert rows["mean"].metrics["miou"] == pytest.approx(230 / 3)
    assert rows["low light"].metrics["mad"] == 25


def test_row_ms_is_the_median_of_all_frames() -> None:
    assert [row.metrics["ms"] for row in REPORT.rows] == [2.5, 5, 3, 4]


def test_row_mean_skips_samples_without_the_metric() -> None:
    rows = {row.name: row for row in REPORT.rows}

    assert rows["mean"].metrics["grad"] == 0.01
    assert "grad" not in rows["a"].metrics
    assert "contour" not in rows["mean"].metrics


def test_write_report_has_the_same_values_in_every_format(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path)

    content = json.loads((tmp_path / "scores.json").read_text())
    assert (content["model"], content["data"]) == ("mine.tflite", "people")
    assert [row["name"] for row in content["rows"]] == ["a", "b", "mean", "low light"]
    assert [sample["miou"] for sample in content["cases"]] == [90, 80, 60]
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["miou"] == "70.0"
    assert rows[0]["grad"] == ""
    marked = [line for line in (tmp_path / "scores.md").read_text().splitlines() if line.startswith("|")]
    assert {line.count("|") for line in marked} == {len(COLUMNS) + 3}
    assert marked[2].startswith("| a | 2 | 70.00 | - |")
    lines = str(REPORT).splitlines()
    assert lines[0].split() == ["cases", *map(title_of, COLUMNS)]
    assert lines[1].split()[:3] == ["a", "2", "70.00"]
    assert len({len(line) for line in lines if line}) == 1


def test_as_markdown_lists_what_is_not_measured() -> None:
    assert "glasses" in as_markdown(REPORT)


def test_tables_call_the_sobel_metric_grad_sobel_and_files_grad(tmp_path: Path) -> None:
    """Files keep the key, so that scores of earlier versions can be compared."""
    write_report(REPORT, tmp_path)

    assert " grad_sobel " in str(REPORT).splitlines()[0]
    assert "| grad_sobel |" in as_markdown(REPORT)
    assert "grad" in json.loads((tmp_path / "scores.json").read_text())["rows"][1]
    assert "grad" in (tmp_path / "scores.csv").read_text().splitlines()[0].split(",")


def test_write_report_unwritable_folder_names_the_option(tmp_path: Path) -> None:
    (tmp_path / "scores.json").mkdir()

    with pytest.raises(FileWriteError, match="--out"):
        write_report(REPORT, tmp_path)
