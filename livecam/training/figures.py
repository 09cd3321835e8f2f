"""Figures of a run: training examples, predictions, and curves of losses and scores."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import FileWriteError
from livecam.core.fileio import atomic_path, os_error_reason
from livecam.core.types import Frame, Matte
from livecam.imaging.image_io import write_image
from livecam.training.data.scene_renderer import TrainingExample

TRIMAP_GRAYS = np.array([0, 255, 0, 128], np.uint8)


def _gray_image(levels: NDArray[np.uint8]) -> Frame:
    return np.repeat(levels[..., None], 3, axis=2)


def _tile(cells: Sequence[Frame], columns: int) -> Frame:
    cells = list(cells)
    cells += [np.zeros_like(cells[0])] * (-len(cells) % columns)
    rows = [np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)]
    return np.vstack(rows)


def _write(image: Frame, path: Path) -> None:
    try:
        write_image(path, image)
    except FileWriteError as error:
        hint = f"{error.hint}; go on with --resume then"
        raise FileWriteError(error.problem, hint, path=path) from error


def write_image_grid(cells: Sequence[Frame], columns: int, path: Path) -> None:
    """Write images of one size as a grid with `columns` per row.

    Raises:
        FileWriteError: the file cannot be written.
    """
    _write(_tile(cells, columns), path)


def plot_scenes(examples: Sequence[TrainingExample], path: Path) -> None:
    """Write a grid of frame, matte and trimap of each example; red: the matte is not known there.

    Raises:
        FileWriteError: the file cannot be written.
    """
    cells = []
    for example in examples:
        trimap = _gray_image(TRIMAP_GRAYS[example.trimap])
        trimap[example.valid_mask == 0] = (255, 0, 0)
        cells.append(np.vstack([example.frame, _gray_image(example.matte), trimap]))
    _write(_tile(cells, 4), path)


def plot_predictions(examples: Sequence[TrainingExample], mattes: Sequence[Matte], path: Path) -> None:
    """Write a grid of frame, true matte, predicted matte, and the foreground on green.

    Raises:
        FileWriteError: the file cannot be written.
    """
    cells = []
    for example, matte in zip(examples, mattes, strict=True):
        predicted = (matte * 255).astype(np.uint8)
        green = np.broadcast_to(np.array([0, 177, 64], np.uint8), example.frame.shape)
        alpha = matte[..., None]
        composite = (example.frame * alpha + green * (1 - alpha)).astype(np.uint8)
        cells.append(
            np.vstack([example.frame, _gray_image(example.matte), _gray_image(predicted), composite])
        )
    _write(_tile(cells, 8), path)


def plot_trimaps(
    images: NDArray[np.uint8], true: NDArray[np.uint8], predicted: NDArray[np.uint8], path: Path
) -> None:
    """Write one row per image: image, true trimap, predicted trimap; foreground white, contour gray.

    Args:
        images: uint8 RGB, (n, height, width, 3).
        true: true trimaps, (n, height, width).
        predicted: predicted trimaps, (n, height, width).
        path: a ``.png`` file.

    Raises:
        FileWriteError: the file cannot be written.
    """
    rows = zip(images, true, predicted, strict=True)
    cells = [
        cell for row in rows for cell in (row[0], *(_gray_image(TRIMAP_GRAYS[part]) for part in row[1:]))
    ]
    _write(_tile(cells, 3), path)


def plot_curves(history: Path, path: Path) -> None:
    """Plot losses and scores of ``history.csv`` (at least one row) over the epochs.

    Raises:
        FileWriteError: the file cannot be written.
    """
    # Imported here because it is slow. Not pyplot, which selects a display for the whole process.
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
        with atomic_path(path) as partial:
            figure.savefig(partial, dpi=100)
    except OSError as error:
        problem = f"can't write {path} ({os_error_reason(error)})"
        raise FileWriteError(problem, "go on with --resume then", path=path) from error
