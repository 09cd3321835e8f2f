"""What happens after each epoch: the averaged weights are judged, the best and the run's state kept."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from livecam.core.fileio import atomic_path
from livecam.core.types import Matte
from livecam.evaluation.metrics import ValidationMetrics, mean_metrics
from livecam.training.checkpoint import Arrays, Checkpoint, append_history
from livecam.training.data.dataset import SceneDataset, TrainingExample
from livecam.training.figures import plot_curves, plot_predictions

EMA_INTERVAL = 5
"""Steps from one look at the weights to the next."""
PREDICTIONS_SHOWN = 2
"""Batches whose predictions are drawn."""


class EmaEvaluator(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps an exponential moving average of all weights (Polyak and Juditsky, 1992) and judges that one.

    After each epoch the averaged weights are scored on `validation` in `judged`, an untrained network of the
    same build; the best so far are saved, a row is added to the history, the state is kept and the pictures
    are drawn anew.
    """

    def __init__(
        self,
        run: Path,
        validation: SceneDataset,
        decay: float,
        judged: keras.Model,
        state: Checkpoint | None = None,
    ) -> None:
        super().__init__()
        self._run, self._validation, self._decay, self._judged = run, validation, decay, judged
        self._average: Arrays = list(state.average) if state else []
        self._best = state.best if state else -1.0

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Begin with the weights themselves, unless a run goes on."""
        if not self._average:
            # Copies: what Keras gives may be the memory that the optimizer writes to.
            self._average = [weight.copy() for weight in self.model.get_weights()]

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Update the average every `EMA_INTERVAL` steps, and at least once an epoch."""
        every = min(EMA_INTERVAL, self.params["steps"] or EMA_INTERVAL)
        if (batch + 1) % every:
            return
        share = 1 - self._decay**every
        for average, weight in zip(self._average, self.model.get_weights(), strict=True):
            average += share * (weight - average)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Judge, save, draw."""
        self._judged.set_weights(self._average)
        scores, views, mattes = validate(self._judged, self._validation)
        if scores.miou > self._best:
            self._best = scores.miou
            save_atomic(self._judged, self._run / "best.keras")
        losses = {name: float(value) for name, value in sorted((logs or {}).items())}
        append_history(self._run, {"epoch": epoch + 1, **asdict(scores), **losses})
        self._keep(epoch + 1)
        plot_curves(self._run / "history.csv", self._run / "curves.png")
        plot_predictions(views, mattes, self._run / "predictions.png")
        tqdm.write(
            f"epoch {epoch + 1}: loss {losses.get('loss', float('nan')):.4f}  {scores}", file=sys.stderr
        )

    def _keep(self, done: int) -> None:
        # After history and best: a row beyond the state is dropped by --resume, the best found again.
        optimizer = [keras.ops.convert_to_numpy(v.value) for v in self.model.optimizer.variables]
        Checkpoint(done, self._best, self.model.get_weights(), optimizer, self._average).write(self._run)


class ProgressBar(keras.callbacks.Callback):  # type: ignore[misc]
    """A bar an epoch, on a terminal only."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Any = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Draw an empty bar."""
        of = f"epoch {epoch + 1}/{self.params['epochs']}"
        self._bar = tqdm(total=self.params["steps"], desc=of, unit="batch", leave=False, disable=None)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Move it on."""
        self._bar.update(batch + 1 - self._bar.n)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Take it away."""
        self._bar.close()


def save_atomic(model: keras.Model, path: Path) -> None:
    """Save a model as ``.keras``, the old file staying until the new one is whole."""
    with atomic_path(path) as partial:
        model.save(partial)


def validate(
    model: keras.Model, validation: SceneDataset
) -> tuple[ValidationMetrics, list[TrainingExample], list[Matte]]:
    """Score a model's mattes on all views of `validation`; give views and mattes of the first batches too."""
    mattes: list[Matte] = []
    truths: list[Matte] = []
    known, kept = [], []
    for index in range(len(validation)):
        views = validation.examples(index)
        pictures = np.stack([v.frame for v in views]).astype(np.float32) / np.float32(255)
        mattes += list(keras.ops.convert_to_numpy(model(pictures, training=False)["matte"])[..., 0])
        truths += [np.asarray(v.matte, np.float32) / np.float32(255) for v in views]
        known += [v.valid_mask > 0 for v in views]
        kept += views if index < PREDICTIONS_SHOWN else []
    return mean_metrics(mattes, truths, known), kept, mattes[: len(kept)]
