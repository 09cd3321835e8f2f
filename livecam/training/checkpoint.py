"""Where an interrupted run goes on: its folder's ``backup/state.npz``, ``settings.json`` and ``history.csv``.

The state is one file, put in place at once: whenever a run is stopped, what lies there is a whole epoch's.
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
from livecam.training.config import TrainSettings

Arrays = list[NDArray[Any]]
_GROUPS = ("weights", "optimizer", "average")
_FREE = ("out", "workers")
"""Settings that may change from one part of a run to the next."""


@dataclass(frozen=True)
class Checkpoint:
    """A run after `epoch` epochs: its weights, its optimizer's, their average, and the best mIoU so far."""

    epoch: int
    best: float
    weights: Arrays
    optimizer: Arrays
    average: Arrays

    def write(self, run: Path) -> None:
        """Put it into the run's folder, the old one staying until the new one is whole."""
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
    """The state of a run; None where no epoch was finished.

    Raises:
        TrainingError: it can't be read.
    """
    if not _path(run).is_file():
        return None
    try:
        with _path(run).open("rb") as file, np.load(file) as kept:
            groups = [
                [kept[f"{g}{i}"] for i in range(sum(n.startswith(g) for n in kept.files))] for g in _GROUPS
            ]
            return Checkpoint(int(kept["epoch"]), float(kept["best"]), *groups)
    except Exception as error:  # a damaged archive meets NumPy, zipfile and zlib with errors of their own
        raise TrainingError(
            f"{_path(run)} is damaged ({os_error_reason(error)}); begin another run with --out and "
            f"--start {run / 'best.keras'}"
        ) from error


def find_checkpoint(settings: TrainSettings) -> Checkpoint | None:
    """Where this run goes on; None at its beginning.

    Raises:
        UsageError: the folder is in use without `resume`, or it is to be resumed with other settings or is
        none. TrainingError: what was kept of the run is damaged or missing.
    """
    run = settings.out
    if not settings.resume:
        if any((run / name).exists() for name in ("history.csv", "best.keras", "backup")):
            raise UsageError(
                f"{run} holds a run already; go on with --resume or name another folder with --out"
            )
        return None
    if not (run / "settings.json").is_file():
        raise UsageError(f"there is no run in {run} to go on with; leave out --resume or mend --out")
    _check_same(settings)
    state = read_checkpoint(run)
    if state is None and len(read_history(run)) > 1:
        raise TrainingError(f"{run} has lost its backup/state.npz; begin another run with --out")
    return state


def _check_same(settings: TrainSettings) -> None:
    path = settings.out / "settings.json"
    try:
        then = json.loads(path.read_text(encoding="utf-8"))
        now = json.loads(json.dumps(settings.to_dict()))
        changed = [n for n in now if n not in _FREE and n in then and not _alike(n, then[n], now[n])]
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(
            f"{path} is damaged ({os_error_reason(error)}); begin another run with --out"
        ) from error
    if changed:
        words = ", ".join(f"{name} {_to_text(then[name])} (now {_to_text(now[name])})" for name in changed)
        raise UsageError(
            f"{settings.out} was begun with {words}; give the same to go on, or begin another run "
            f"with --out and --start {settings.out / 'best.keras'}"
        )


def _alike(name: str, then: Any, now: Any) -> bool:
    if name in ("data", "rooms", "empty") and isinstance(then, list):
        return [Path(p).resolve() for p in then] == [Path(p).resolve() for p in now]
    if name == "start" and then and now:
        return Path(then).resolve() == Path(now).resolve()
    return bool(then == now)


def _to_text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def restore(model: Any, state: Checkpoint, run: Path) -> None:
    """Give a compiled Keras model the weights, and its optimizer the memory, of the state of `run`.

    Raises:
        TrainingError: the state is of another network.
    """
    model.optimizer.build(model.trainable_variables)
    try:
        model.set_weights(state.weights)
        for variable, value in zip(model.optimizer.variables, state.optimizer, strict=True):
            variable.assign(value)
    except ValueError as error:
        raise TrainingError(
            f"{run / 'backup'} belongs to another network; begin another run with --out"
        ) from error


def prepare_run_dir(settings: TrainSettings, state: Checkpoint | None) -> None:
    """Make the run's folder ready: its settings, and no row of the history that the state knows nothing of.

    Raises:
        FileWriteError: it can't be written in.
    """
    run = settings.out
    try:
        (run / "backup").mkdir(parents=True, exist_ok=True)
        write_atomic(run / "settings.json", json_bytes(settings.to_dict()))
        _write_history(
            run, [r for r in read_history(run) if int(r["epoch"]) <= (state.epoch if state else 0)]
        )
    except OSError as error:
        problem = f"can't write in {run}: {os_error_reason(error)}"
        raise FileWriteError(problem, "choose another folder with --out", path=run) from error


def read_history(run: Path) -> list[dict[str, str]]:
    """The rows of ``history.csv``, one an epoch; none if there is no such file.

    Raises:
        TrainingError: it is damaged.
    """
    path = run / "history.csv"
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if all(_is_whole(row) and row["epoch"].isdigit() and float(row["miou"]) >= 0 for row in rows):
            return rows
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise TrainingError(f"{path} can't be read ({os_error_reason(error)}); mend or remove it") from error
    raise TrainingError(f"{path} is damaged; mend or remove it")


def _is_whole(row: Mapping[Any, Any]) -> bool:
    """Whether a row has as many fields as the header; csv marks too many and too few by None."""
    return None not in row and None not in row.values()


def append_history(run: Path, row: Mapping[str, float]) -> None:
    """Add a finished epoch; the file is replaced at once, so that an interruption leaves no half row."""
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
