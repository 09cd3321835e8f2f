"""Contract between `livecam.training.trainer` and what it trains: a recipe."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import keras

from livecam.core.progress import ProgressCallback
from livecam.training.checkpoint import Arrays, Checkpoint
from livecam.training.config import RunConfig, RunSettings


class EpochDataset(Protocol):
    """A `keras.utils.PyDataset` whose batches depend on `epoch`, so that a resumed run sees the same ones."""

    epoch: int


class EpochResult(NamedTuple):
    """Evaluation after an epoch.

    `score` decides which weights are best. `row` is the epoch's line in ``history.csv`` (without ``epoch``)
    and contains ``miou`` in %. `model` is saved as ``best.keras`` if the score is the best so far.
    """

    score: float
    row: Mapping[str, float]
    model: keras.Model


class Recipe(Protocol):
    """Data, network and loss of a training. `trainer.fit` calls the methods in the order given here."""

    @property
    def settings(self) -> RunSettings:
        """All settings, as they are stored in ``settings.json``."""

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "Recipe":
        """Make a recipe of the command line's options, only those that were given.

        Raises:
            UsageError: an option that the recipe does not have, or a value out of range.
        """

    def check_data(self) -> None:
        """List the data; decode and write nothing.

        Raises:
            TrainingError: a folder or a file is missing.
        """

    def build_model(self, *, resumed: bool) -> keras.Model:
        """Return the compiled model with its initial weights.

        If `resumed`, the weights are replaced afterwards, so no file of initial weights is read.
        """

    def loss(self) -> Mapping[str, Any]:
        """Return the arguments ``loss`` and, if needed, ``loss_weights`` of Keras' ``compile``."""

    def datasets(
        self, config: RunConfig, progress: ProgressCallback
    ) -> tuple[EpochDataset, EpochDataset | None]:
        """Decode the data; return the training set and the set that Keras validates with, if any.

        The run's folder exists by then: previews can be written.
        """

    def callbacks(self, checkpoint: Checkpoint | None) -> Sequence[keras.callbacks.Callback]:
        """Return the recipe's own Keras callbacks. An `EmaCallback` among them is stored and restored."""

    def evaluate(self, model: keras.Model, average: Arrays, logs: Mapping[str, float]) -> EpochResult:
        """Score the epoch's weights, or their `average`. `logs` are Keras' losses and metrics."""

    def write_figures(self, run: Path) -> None:
        """Write the images of the epoch that was evaluated last."""
