"""Figures for a card, out of the ``scores.json`` of evaluations of the very same weights."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livecam.core.errors import TrainingError
from livecam.core.fileio import reason

SAID = ("miou", "fg_iou", "bf", "mad", "mse", "dtssd", "leak", "hole")
"""Columns that a card tells; milliseconds depend on the machine."""


def read_figures(files: Sequence[Path], sha256: str) -> dict[str, Any]:
    """By the data's name: the rows of each evaluation, groups, mean and conditions.

    Raises:
        TrainingError: a file that can't be read, or the evaluation of other weights.
    """
    return dict(_read(path, sha256) for path in files)


def _read(path: Path, sha256: str) -> tuple[str, dict[str, Any]]:
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))
        rows = {row["name"]: _said(row) for row in scores["rows"]}
        data, model = str(scores["data"]), scores.get("sha256")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(
            f"{path} can't be read ({reason(error)}); name the scores.json of livecam evaluate"
        ) from error
    if model != sha256:
        raise TrainingError(f"{path} tells of other weights than these; run livecam evaluate again")
    return data, rows


def _said(row: dict[str, Any]) -> dict[str, Any]:
    return {"cases": row["cases"], **{name: round(row[name], 2) for name in SAID if name in row}}
