"""The pictures of a run: what the network is shown, what it answers, how its losses fell."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import FileWriteError
from livecam.core.fileio import os_error_reason
from livecam.core.types import Frame, Matte
from livecam.imaging.image_io import write_image
from livecam.training.data.scene_renderer import TrainingExample

TRIMAP_GREYS = np.array([0, 255, 0, 128], np.uint8)


def _grey(picture: NDArray[np.uint8]) -> Frame:
    return np.repeat(picture[..., None], 3, axis=2)


def _tile(cells: Sequence[Frame], across: int) -> Frame:
    cells = list(cells)
    cells += [np.zeros_like(cells[0])] * (-len(cells) % across)
    rows = [np.hstack(cells[i : i + across]) for i in range(0, len(cells), across)]
    return np.vstack(rows)


def _write(picture: Frame, path: Path) -> None:
    try:
        write_image(path, picture)
    except FileWriteError as error:
        hint = f"{error.hint}; go on with --resume then"
        raise FileWriteError(error.problem, hint, path=path) from error


def write_image_grid(cells: Sequence[Frame], across: int, path: Path) -> None:
    """A sheet of pictures of one size, `across` a row.

    Raises:
        FileWriteError: it can't be written.
    """
    _write(_tile(cells, across), path)


def plot_scenes(views: Sequence[TrainingExample], path: Path) -> None:
    """A sheet of frame, matte and trimap (red: the matte is not known there) of each view.

    Raises:
        FileWriteError: it can't be written.
    """
    cells = []
    for view in views:
        trimap = _grey(TRIMAP_GREYS[view.trimap])
        trimap[view.valid_mask == 0] = (255, 0, 0)
        cells.append(np.vstack([view.frame, _grey(view.matte), trimap]))
    _write(_tile(cells, 4), path)


def plot_predictions(views: Sequence[TrainingExample], mattes: Sequence[Matte], path: Path) -> None:
    """A sheet of frame, true matte, predicted matte and the subject on green.

    Raises:
        FileWriteError: it can't be written.
    """
    cells = []
    for view, matte in zip(views, mattes, strict=True):
        said = (matte * 255).astype(np.uint8)
        green = np.broadcast_to(np.array([0, 177, 64], np.uint8), view.frame.shape)
        share = matte[..., None]
        shown = (view.frame * share + green * (1 - share)).astype(np.uint8)
        cells.append(np.vstack([view.frame, _grey(view.matte), _grey(said), shown]))
    _write(_tile(cells, 8), path)


def plot_trimaps(
    pictures: NDArray[np.uint8], true: NDArray[np.uint8], predicted: NDArray[np.uint8], path: Path
) -> None:
    """A row of frame, true trimap and predicted trimap each; foreground is white, contour grey.

    Args:
        pictures: frames, (n, height, width, 3).
        true: their trimaps, (n, height, width).
        predicted: trimaps too, (n, height, width).
        path: a ``.png`` file.

    Raises:
        FileWriteError: it can't be written.
    """
    rows = zip(pictures, true, predicted, strict=True)
    cells = [cell for row in rows for cell in (row[0], *(_grey(TRIMAP_GREYS[part]) for part in row[1:]))]
    _write(_tile(cells, 3), path)


def plot_curves(history: Path, path: Path) -> None:
    """The losses and the scores of ``history.csv``, at least one row, over the epochs.

    Raises:
        FileWriteError: it can't be written.
    """
    # Slow to import, so only here; and not pyplot, which would settle the whole program's display.
    from matplotlib.figure import Figure

    with history.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    epochs = [int(row["epoch"]) for row in rows]
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name in (n for n in rows[0] if n.endswith("loss")):
        left.plot(epochs, [float(row[name]) for row in rows], ".-", label=name.replace("_", " "))
    for name in (n for n in ("miou", "foreground_iou", "boundary_f") if n in rows[0]):
        values = [float(row[name]) for row in rows]
        right.plot(epochs, values, ".-", label=f"{name.replace('_', ' ')}, test split")
    left.set(xlabel="epoch", ylabel="loss", yscale="log")
    right.set(xlabel="epoch", ylabel="%")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    try:
        figure.savefig(path, dpi=100)
    except OSError as error:
        problem = f"can't write {path} ({os_error_reason(error)})"
        raise FileWriteError(problem, "go on with --resume then", path=path) from error
