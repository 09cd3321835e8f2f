"""Training loop: a recipe and its run configuration in, a run's folder out.

The folder holds ``settings.json``, ``history.csv``, ``curves.png``, ``predictions.png``, ``best.keras`` (the
weights with the best score) and ``backup/`` (the checkpoint that ``--resume`` continues from). livecam's own
recipe adds ``scenes.png`` (the network's input) and ``augmentations.png`` (each augmentation by its name).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from livecam.core.errors import TrainingError
from livecam.core.progress import ProgressCallback, ignore_progress
from livecam.training.callbacks import EmaCallback, EpochCallback, RunRecorder
from livecam.training.checkpoint import find_checkpoint, prepare_run_dir, restore
from livecam.training.config import RunConfig
from livecam.training.distribution import data_parallel
from livecam.training.malloc import retain_freed_memory
from livecam.training.networks.registry import get_network
from livecam.training.recipe import EpochDataset, Recipe

DEFAULT_NETWORK = "person"


def create_recipe(options: Mapping[str, Any]) -> Recipe:
    """Make the recipe of the network in `options`, which are the command line's, only those given.

    Raises:
        UsageError: no such network, an option that its recipe does not have, or a value out of range.
    """
    network = get_network(options.get("network", DEFAULT_NETWORK))
    return network.recipe_class().from_options(options)


def fit(recipe: Recipe, config: RunConfig, progress: ProgressCallback = ignore_progress) -> Path:
    """Train, or continue an interrupted run. Return the path of the best weights.

    Raises:
        UsageError: the run's folder is in use, cannot be resumed with these settings, or there are fewer
            devices.
        TrainingError: data, initial weights or a folder cannot be used.
    """
    retain_freed_memory()
    with data_parallel(config.devices):
        _fit(recipe, config, progress)
    best = config.out / "best.keras"
    if not best.is_file():
        raise TrainingError(f"{best} is missing; begin another run with --out")
    return best


def _fit(recipe: Recipe, config: RunConfig, progress: ProgressCallback) -> None:
    settings = recipe.settings
    checkpoint = find_checkpoint(settings)
    recipe.check_data()
    keras.utils.set_random_seed(config.seed)
    model = recipe.build_model(resumed=checkpoint is not None)
    if checkpoint:
        restore(model, checkpoint, config.out)
    prepare_run_dir(settings, checkpoint)
    dataset, validation = recipe.datasets(config, progress)
    callbacks = list(recipe.callbacks(checkpoint))
    ema = next((callback for callback in callbacks if isinstance(callback, EmaCallback)), None)
    callbacks.append(RunRecorder(recipe, config.out, checkpoint, lambda: ema.average if ema else []))
    epochs_done = checkpoint.epoch if checkpoint else 0
    fit_epochs(model, dataset, callbacks, epochs_done, config.epochs, validation, progress)


def fit_epochs(
    model: keras.Model,
    dataset: EpochDataset,
    callbacks: Sequence[keras.callbacks.Callback],
    epochs_done: int,
    epochs: int,
    validation: EpochDataset | None = None,
    progress: ProgressCallback = ignore_progress,
) -> None:
    """Train a compiled model from epoch `epochs_done` on until `epochs` are done."""
    # Keras may load the first batches before on_epoch_begin.
    dataset.epoch = epochs_done
    model.fit(
        dataset,
        validation_data=validation,
        initial_epoch=epochs_done,
        epochs=epochs,
        shuffle=False,
        callbacks=[EpochCallback(dataset, progress), *callbacks],
        verbose=0,
    )
