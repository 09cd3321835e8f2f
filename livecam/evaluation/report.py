"""Evaluation report: rows by group and attribute, written as a table, JSON, CSV and Markdown."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from livecam.core.errors import FileWriteError
from livecam.core.fileio import os_error_reason, write_atomic
from livecam.evaluation.attributes import ATTRIBUTES

COLUMNS = (
    "miou", "fg_iou", "bg_iou", "contour", "bf", "mad", "mse", "grad", "dtssd", "leak", "hole", "soft",
    "flicker", "ms",
)  # fmt: skip
"""Keys of the metrics in files. `livecam.evaluation.metrics` defines them; ms is the median time of
`Pipeline.matte`."""
TITLES = {"grad": "grad_sobel"}
"""Columns with another name in tables, because the metric is not the published one. Files keep the key."""
DECIMALS = {"grad": 4}


@dataclass(frozen=True)
class SampleResult:
    """Result of an image or a clip: means of its frames' metrics, and the milliseconds of each frame."""

    name: str
    group: str
    attributes: tuple[str, ...]
    metrics: dict[str, float]
    milliseconds: tuple[float, ...]


@dataclass(frozen=True)
class Row:
    """Means over `count` samples; `kind` is ``group``, ``mean`` (of all) or ``condition`` (an attribute)."""

    kind: str
    name: str
    count: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class EvaluationReport:
    """Results of `model` on all samples of `data`. `sha256` identifies the weights."""

    model: str
    data: str
    threads: int
    results: tuple[SampleResult, ...]
    sha256: str = ""

    @property
    def rows(self) -> list[Row]:
        """One row per group, one for the mean of all samples, one per attribute that a sample has."""
        groups = dict.fromkeys(sorted(result.group for result in self.results))
        rows = [row_of("group", name, [r for r in self.results if r.group == name]) for name in groups]
        rows.append(row_of("mean", "mean", self.results))
        for name in ATTRIBUTES:
            matching = [r for r in self.results if name in r.attributes]
            rows += [row_of("condition", name, matching)] if matching else []
        return rows

    @property
    def worst(self) -> SampleResult | None:
        """The sample with the lowest mIoU; None if none has one."""
        scored = [result for result in self.results if "miou" in result.metrics]
        return min(scored, key=lambda result: result.metrics["miou"], default=None)

    def __str__(self) -> str:
        """Format the rows as a table for the terminal."""
        rows = self.rows
        name_width = max(len(row.name) for row in rows)
        widths = [max(9, len(title_of(name)) + 1) for name in COLUMNS]
        titles = _align([title_of(name) for name in COLUMNS], widths)
        lines = [f"{'':{name_width}s}{'cases':>7s}{titles}"]
        for previous, row in zip([rows[0], *rows], rows, strict=False):
            if row.kind == "condition" != previous.kind:
                lines.append("")
            lines.append(f"{row.name:{name_width}s}{row.count:7d}{_align(cells(row), widths)}")
        return "\n".join(lines)


def title_of(column: str) -> str:
    """Return a column's name in tables."""
    return TITLES.get(column, column)


def _align(texts: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(f"{text:>{width}s}" for text, width in zip(texts, widths, strict=True))


def row_of(kind: str, name: str, results: Iterable[SampleResult]) -> Row:
    """Average each metric over the samples that have it; ms is the median over all frames."""
    results = list(results)
    metrics: dict[str, float] = {}
    for column in COLUMNS:
        values = [r.metrics[column] for r in results if column in r.metrics]
        metrics |= {column: float(np.mean(values))} if values else {}
    times = [time for result in results for time in result.milliseconds]
    return Row(kind, name, len(results), metrics | ({"ms": float(np.median(times))} if times else {}))


def cells(row: Row) -> list[str]:
    """Format a row's metrics; "-" where there is none."""
    return [
        f"{row.metrics[name]:.{DECIMALS.get(name, 2)}f}" if name in row.metrics else "-" for name in COLUMNS
    ]


def to_dict(report: EvaluationReport) -> dict[str, Any]:
    """Convert to the JSON values of ``scores.json``: rows, then every sample."""
    rows = [{"kind": r.kind, "name": r.name, "cases": r.count, **_rounded(r.metrics)} for r in report.rows]
    samples = [
        {"name": r.name, "group": r.group, "conditions": list(r.attributes), **_rounded(row.metrics)}
        for r in report.results
        for row in [row_of("case", r.name, [r])]
    ]
    metadata = {"model": Path(report.model).name, "data": report.data, "threads": report.threads}
    metadata |= {"sha256": report.sha256} if report.sha256 else {}
    if report.worst is not None:
        metadata["worst"] = {"name": report.worst.name, "miou": round(report.worst.metrics["miou"], 5)}
    return {**metadata, "rows": rows, "cases": samples}


def _rounded(metrics: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in metrics.items()}


def as_csv(report: EvaluationReport) -> str:
    """Format one line per row; a field is empty where there is no metric."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["kind", "name", "cases", *COLUMNS], lineterminator="\n")
    writer.writeheader()
    for row in report.rows:
        writer.writerow({"kind": row.kind, "name": row.name, "cases": row.count, **_rounded(row.metrics)})
    return text.getvalue()


def as_markdown(report: EvaluationReport) -> str:
    """Format a table for documents, followed by the definitions of the attributes."""
    lines = [
        f"{Path(report.model).name} on {report.data}, {report.threads} thread(s):",
        "",
        f"| | cases | {' | '.join(map(title_of, COLUMNS))} |",
        "|---|" + "---:|" * (len(COLUMNS) + 1),
    ]
    lines += [f"| {row.name} | {row.count} | {' | '.join(cells(row))} |" for row in report.rows]
    lines += ["", *(f"- {name}: {meaning}" for name, meaning in ATTRIBUTES.items())]
    return "\n".join([*lines, "- glasses, hats: not labelled, so not measured", ""])


def write_report(report: EvaluationReport, folder: Path) -> None:
    """Write ``scores.json``, ``scores.csv`` and ``scores.md``; replace those of an earlier evaluation.

    Raises:
        FileWriteError: a file cannot be written.
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
