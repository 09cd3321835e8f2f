"""Checkpoint of a run: ``backup/state.npz``, ``settings.json`` and ``history.csv`` in the run's folder.

The checkpoint is one file that is replaced atomically: it always holds the state after a complete epoch.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import FileWriteError, TrainingError, UsageError
from livecam.core.fileio import atomic_path, json_bytes, os_error_reason, write_atomic
from livecam.training.config import RunSettings

Arrays = list[NDArray[Any]]
_GROUPS = ("weights", "optimizer", "average")
_CHANGEABLE = ("out", "workers", "devices")
"""Settings that may change when a run is resumed."""


@dataclass(frozen=True)
class Checkpoint:
    """State after `epoch` epochs: weights, optimizer variables, averaged weights, best score so far."""

    epoch: int
    best: float
    weights: Arrays
    optimizer: Arrays
    average: Arrays

    def write(self, run: Path) -> None:
        """Write to the run's folder; the old checkpoint stays until the new one is complete."""
        arrays: dict[str, Any] = {"epoch": np.int64(self.epoch), "best": np.float64(self.best)}
        for group in _GROUPS:
            arrays |= {f"{group}{i}": array for i, array in enumerate(getattr(self, group))}
        path = _path(run)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as partial:
            np.savez(partial, **arrays)


def _path(run: Path) -> Path:
    return run / "backup" / "state.npz"


def read_checkpoint(run: Path) -> Checkpoint | None:
    """Read the checkpoint of a run; None if no epoch was finished.

    Raises:
        TrainingError: the file cannot be read.
    """
    if not _path(run).is_file():
        return None
    try:
        with _path(run).open("rb") as file, np.load(file) as archive:
            groups = [
                [archive[f"{g}{i}"] for i in range(sum(n.startswith(g) for n in archive.files))]
                for g in _GROUPS
            ]
            return Checkpoint(int(archive["epoch"]), float(archive["best"]), *groups)
    except Exception as error:  # NumPy, zipfile and zlib each raise their own errors
        raise TrainingError(
            f"{_path(run)} is damaged ({os_error_reason(error)}); begin another run with --out and "
            f"--start {run / 'best.keras'}"
        ) from error


def find_checkpoint(settings: RunSettings) -> Checkpoint | None:
    """Find the checkpoint that this run continues from; None at its beginning.

    Raises:
        UsageError: the folder is in use without `resume`, or holds no run or one with other settings.
        TrainingError: a file of the run is damaged or missing.
    """
    run = settings.run.out
    if not settings.run.resume:
        if any((run / name).exists() for name in ("history.csv", "best.keras", "backup")):
            raise UsageError(
                f"{run} holds a run already; go on with --resume or name another folder with --out"
            )
        return None
    if not (run / "settings.json").is_file():
        raise UsageError(f"there is no run in {run} to go on with; leave out --resume or mend --out")
    _check_same(settings)
    checkpoint = read_checkpoint(run)
    if checkpoint is None and len(read_history(run)) > 1:
        raise TrainingError(f"{run} has lost its backup/state.npz; begin another run with --out")
    return checkpoint


def _check_same(settings: RunSettings) -> None:
    path = settings.run.out / "settings.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        current = json.loads(json.dumps(settings.to_dict()))
        changed = [
            name
            for name in current
            if name not in _CHANGEABLE and name in stored and not _is_same(name, stored[name], current[name])
        ]
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(
            f"{path} is damaged ({os_error_reason(error)}); begin another run with --out"
        ) from error
    if changed:
        changes = ", ".join(
            f"{name} {_to_text(stored[name])} (now {_to_text(current[name])})" for name in changed
        )
        raise UsageError(
            f"{settings.run.out} was begun with {changes}; give the same to go on, or begin another run "
            f"with --out and --start {settings.run.out / 'best.keras'}"
        )


def _is_same(name: str, stored: Any, current: Any) -> bool:
    if name in ("data", "rooms", "empty") and isinstance(stored, list):
        return [Path(p).resolve() for p in stored] == [Path(p).resolve() for p in current]
    if name == "start" and stored and current:
        return Path(stored).resolve() == Path(current).resolve()
    return bool(stored == current)


def _to_text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def restore(model: Any, checkpoint: Checkpoint, run: Path) -> None:
    """Set the weights of a compiled Keras model and its optimizer to the checkpoint of `run`.

    Raises:
        TrainingError: the checkpoint is of another network.
    """
    model.optimizer.build(model.trainable_variables)
    try:
        model.set_weights(checkpoint.weights)
        for variable, value in zip(model.optimizer.variables, checkpoint.optimizer, strict=True):
            variable.assign(value)
    except ValueError as error:
        raise TrainingError(
            f"{run / 'backup'} belongs to another network; begin another run with --out"
        ) from error


def prepare_run_dir(settings: RunSettings, checkpoint: Checkpoint | None) -> None:
    """Write the settings to the run's folder, and drop the history rows after the checkpoint.

    Raises:
        FileWriteError: the folder cannot be written to.
    """
    run = settings.run.out
    try:
        (run / "backup").mkdir(parents=True, exist_ok=True)
        write_atomic(run / "settings.json", json_bytes(settings.to_dict()))
        _write_history(
            run, [r for r in read_history(run) if int(r["epoch"]) <= (checkpoint.epoch if checkpoint else 0)]
        )
    except OSError as error:
        problem = f"can't write in {run}: {os_error_reason(error)}"
        raise FileWriteError(problem, "choose another folder with --out", path=run) from error


def read_history(run: Path) -> list[dict[str, str]]:
    """Read the rows of ``history.csv``, one per epoch; none if the file does not exist.

    Raises:
        TrainingError: the file is damaged.
    """
    path = run / "history.csv"
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if all(_is_complete(row) and row["epoch"].isdigit() and float(row["miou"]) >= 0 for row in rows):
            return rows
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise TrainingError(f"{path} can't be read ({os_error_reason(error)}); mend or remove it") from error
    raise TrainingError(f"{path} is damaged; mend or remove it")


def _is_complete(row: Mapping[Any, Any]) -> bool:
    """Return whether a row has as many fields as the header; csv marks extra and missing ones by None."""
    return None not in row and None not in row.values()


def append_history(run: Path, row: Mapping[str, float]) -> None:
    """Add the row of a finished epoch. The file is replaced atomically, so no row is ever incomplete."""
    _write_history(run, [*read_history(run), {k: str(round(v, 5)) for k, v in row.items()}])


def _write_history(run: Path, rows: list[dict[str, str]]) -> None:
    path = run / "history.csv"
    if not rows:
        path.unlink(missing_ok=True)
        return
    with atomic_path(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[-1].keys(), restval="nan", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
