"""The figures of an evaluation: rows by group and condition, as a table, as JSON, CSV and Markdown."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from livecam.core.errors import FileWriteError
from livecam.core.fileio import os_error_reason, write_atomic
from livecam.evaluation.attributes import ATTRIBUTES

COLUMNS = (
    "miou", "fg_iou", "bg_iou", "contour", "bf", "mad", "mse", "grad", "dtssd", "leak", "hole", "ms",
)  # fmt: skip
"""What they mean and how they are scaled stands at the head of `livecam.evaluation.metrics`; ms is the median
time of `Pipeline.matte`."""
DECIMALS = {"grad": 4}


@dataclass(frozen=True)
class SampleResult:
    """What came of one case: the means of its frames' marks, and the milliseconds of each frame."""

    name: str
    group: str
    conditions: tuple[str, ...]
    metrics: dict[str, float]
    milliseconds: tuple[float, ...]


@dataclass(frozen=True)
class Row:
    """The means of `cases` cases; `kind` is ``group``, ``mean`` (of all) or ``condition``."""

    kind: str
    name: str
    cases: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class EvaluationReport:
    """The results of `model` on `data`, all cases; `sha256` tells its weights from others of that name."""

    model: str
    data: str
    threads: int
    results: tuple[SampleResult, ...]
    sha256: str = ""

    @property
    def rows(self) -> list[Row]:
        """A row a group, their mean over all cases, and a row a condition that any case has."""
        groups = dict.fromkeys(sorted(result.group for result in self.results))
        rows = [row_of("group", name, [r for r in self.results if r.group == name]) for name in groups]
        rows.append(row_of("mean", "mean", self.results))
        for name in ATTRIBUTES:
            met = [r for r in self.results if name in r.conditions]
            rows += [row_of("condition", name, met)] if met else []
        return rows

    def __str__(self) -> str:
        """A table for the terminal: groups, mean, conditions."""
        rows = self.rows
        width = max(len(row.name) for row in rows)
        lines = [f"{'':{width}s}{'cases':>7s}" + "".join(f"{name:>9s}" for name in COLUMNS)]
        for before, row in zip([rows[0], *rows], rows, strict=False):
            if row.kind == "condition" != before.kind:
                lines.append("")
            lines.append(f"{row.name:{width}s}{row.cases:7d}" + "".join(f"{t:>9s}" for t in cells(row)))
        return "\n".join(lines)


def row_of(kind: str, name: str, results: Iterable[SampleResult]) -> Row:
    """The means over those cases that have a mark at all; ms is the median over all frames."""
    results = list(results)
    marks: dict[str, float] = {}
    for column in COLUMNS:
        values = [r.metrics[column] for r in results if column in r.metrics]
        marks |= {column: float(np.mean(values))} if values else {}
    times = [each for result in results for each in result.milliseconds]
    return Row(kind, name, len(results), marks | ({"ms": float(np.median(times))} if times else {}))


def cells(row: Row) -> list[str]:
    """A row's figures as text, "-" where there is none."""
    return [
        f"{row.metrics[name]:.{DECIMALS.get(name, 2)}f}" if name in row.metrics else "-" for name in COLUMNS
    ]


def to_dict(report: EvaluationReport) -> dict[str, Any]:
    """Plain values: rows and every case."""
    rows = [{"kind": r.kind, "name": r.name, "cases": r.cases, **_rounded(r.metrics)} for r in report.rows]
    cases = [
        {"name": r.name, "group": r.group, "conditions": list(r.conditions), **_rounded(row.metrics)}
        for r in report.results
        for row in [row_of("case", r.name, [r])]
    ]
    about = {"model": Path(report.model).name, "data": report.data, "threads": report.threads}
    about |= {"sha256": report.sha256} if report.sha256 else {}
    return {**about, "rows": rows, "cases": cases}


def _rounded(marks: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in marks.items()}


def as_csv(report: EvaluationReport) -> str:
    """A line a row, empty where there is no figure."""
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, ["kind", "name", "cases", *COLUMNS], lineterminator="\n")
    writer.writeheader()
    for row in report.rows:
        writer.writerow({"kind": row.kind, "name": row.name, "cases": row.cases, **_rounded(row.metrics)})
    return written.getvalue()


def as_markdown(report: EvaluationReport) -> str:
    """A table for READMEs and cards, and what its conditions are."""
    lines = [
        f"{Path(report.model).name} on {report.data}, {report.threads} thread(s):",
        "",
        f"| | cases | {' | '.join(COLUMNS)} |",
        "|---|" + "---:|" * (len(COLUMNS) + 1),
    ]
    lines += [f"| {row.name} | {row.cases} | {' | '.join(cells(row))} |" for row in report.rows]
    lines += ["", *(f"- {name}: {meaning}" for name, meaning in ATTRIBUTES.items())]
    return "\n".join([*lines, "- glasses, hats: no labels tell, so not measured", ""])


def write_report(report: EvaluationReport, folder: Path) -> None:
    """Write ``scores.json``, ``scores.csv`` and ``scores.md``, replacing those of an earlier evaluation.

    Raises:
        FileWriteError: they can't be written.
    """
    texts = {
        "scores.json": json.dumps(to_dict(report), indent=1) + "\n",
        "scores.csv": as_csv(report),
        "scores.md": as_markdown(report),
    }
    for name, text in texts.items():
        try:
            write_atomic(folder / name, text.encode())
        except OSError as error:
            problem = f"can't write {folder / name} ({os_error_reason(error)})"
            raise FileWriteError(problem, "choose another folder with --out", path=folder) from error
