"""Keras callbacks of a run: moving average of the weights, run recorder, progress."""

import logging
from collections.abc import Callable
from pathlib import Path

import keras

from livecam.core.fileio import atomic_path
from livecam.core.progress import ProgressCallback
from livecam.training.checkpoint import Arrays, Checkpoint, append_history
from livecam.training.figures import plot_curves
from livecam.training.recipe import EpochDataset, Recipe

EMA_INTERVAL = 5
"""Steps between two updates of the moving average."""

logger = logging.getLogger("livecam.training")


class EmaCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Exponential moving average of all weights (Polyak and Juditsky, 1992), batch statistics included.

    `average` is a list of arrays in the order of `get_weights`; empty before training starts. Keras' own
    `use_ema` averages trainable weights only.
    """

    def __init__(self, decay: float, average: Arrays | None = None, interval: int = EMA_INTERVAL) -> None:
        """Average with `decay` per step, updated every `interval` steps, continuing from `average`."""
        super().__init__()
        self._decay, self._interval = decay, interval
        self.average: Arrays = list(average or [])

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Start with the weights, unless an average was given."""
        if not self.average:
            # Copies: Keras may return the memory that the optimizer writes to.
            self.average = [weight.copy() for weight in self.model.get_weights()]

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Update the average every `interval` steps, and at least once per epoch."""
        interval = min(self._interval, self.params["steps"] or self._interval)
        if (batch + 1) % interval:
            return
        rate = 1 - self._decay**interval
        for average, weight in zip(self.average, self.model.get_weights(), strict=True):
            average += rate * (weight - average)


class RunRecorder(keras.callbacks.Callback):  # type: ignore[misc]
    """After each epoch: evaluate, save the best weights, add a history row, store the checkpoint, draw.

    The checkpoint is written after history and best weights: resuming drops a row beyond the checkpoint and
    finds the best weights again. Keras' `BackupAndRestore` and `CSVLogger` do not keep that order, and would
    change the columns of ``history.csv``.
    """

    def __init__(
        self, recipe: Recipe, run: Path, checkpoint: Checkpoint | None, average: Callable[[], Arrays]
    ) -> None:
        super().__init__()
        self._recipe, self._run, self._average = recipe, run, average
        self._best = checkpoint.best if checkpoint else -1.0

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Evaluate, save and draw."""
        losses = {name: float(value) for name, value in sorted((logs or {}).items())}
        result = self._recipe.evaluate(self.model, self._average(), losses)
        if result.score > self._best:
            self._best = result.score
            save_atomic(result.model, self._run / "best.keras")
        append_history(self._run, {"epoch": epoch + 1, **result.row})
        write_checkpoint(self.model, epoch + 1, self._best, self._average(), self._run)
        plot_curves(self._run / "history.csv", self._run / "curves.png")
        self._recipe.write_figures(self._run)
        values = "  ".join(f"{name} {value:.4g}" for name, value in result.row.items())
        logger.info("epoch %d: %s", epoch + 1, values)


class EpochCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Set the epoch of the training set and report progress.

    Batches depend on the number of the epoch, also where a run is resumed.
    """

    def __init__(self, dataset: EpochDataset, progress: ProgressCallback) -> None:
        super().__init__()
        self._dataset, self._progress = dataset, progress
        self._stage = ""

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Set the epoch."""
        self._dataset.epoch = epoch
        self._stage = f"epoch {epoch + 1}/{self.params['epochs']}"

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Report the batch."""
        self._progress(self._stage, batch + 1, self.params["steps"] or 0)


def write_checkpoint(model: keras.Model, epochs_done: int, best: float, average: Arrays, run: Path) -> None:
    """Store the model's and its optimizer's weights in the run's folder."""
    optimizer = [keras.ops.convert_to_numpy(v.value) for v in model.optimizer.variables]
    Checkpoint(epochs_done, best, model.get_weights(), optimizer, average).write(run)


def save_atomic(model: keras.Model, path: Path) -> None:
    """Save a model as ``.keras``; the old file stays until the new one is complete."""
    with atomic_path(path) as partial:
        model.save(partial)
