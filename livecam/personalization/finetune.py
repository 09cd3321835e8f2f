"""Fine-tune of a trained network on a user's frames, in a few minutes on two CPU cores.

Three things prevent forgetting: batch normalization is frozen, part of each batch must get the base
network's predictions (`replay`), and the weights are interpolated afterwards (`weight_interpolation`).
"""

import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import keras

from livecam.core.errors import TrainingError
from livecam.core.progress import Notify, ProgressLine
from livecam.personalization.replay import ReplayDataset, ReplayDistillationLoss
from livecam.training.callbacks import save_atomic
from livecam.training.checkpoint import Arrays, Checkpoint, read_checkpoint, restore
from livecam.training.malloc import retain_freed_memory
from livecam.training.networks.matting_net import freeze_batch_norm, logits_model
from livecam.training.networks.torch_layers import use_fused_torch_layers


@dataclass(frozen=True)
class FinetuneConfig:
    """Duration and step size of the fine-tune.

    Attributes:
        epochs: number of epochs; a checkpoint is written after each.
        steps: batches in an epoch.
        rows: training examples and replay examples in a batch.
        learning_rate: the highest learning rate.
        seed: seed of the scenes and of Keras.
    """

    epochs: int = 12
    steps: int = 30
    rows: tuple[int, int] = (8, 4)
    learning_rate: float = 4e-4
    seed: int = 1


def load_network(path: Path) -> keras.Model:
    """Load the network to fine-tune.

    Raises:
        TrainingError: the file is missing, damaged, or not a matting network.
    """
    if not path.is_file():
        raise TrainingError(
            f"there is no {path}: a model is learnt further from its .keras file; export it with this livecam"
        )
    try:
        model = keras.models.load_model(path, compile=False)
        model.get_layer("head")
    except Exception as error:  # Keras, zipfile, h5py and json raise errors of different types
        raise TrainingError(
            f"{path} is no network that can be learnt further; copy or export it again"
        ) from error
    return model


def finetune(
    model: keras.Model,
    dataset: ReplayDataset,
    loss: ReplayDistillationLoss,
    config: FinetuneConfig,
    run: Path,
    notify: Notify,
) -> Arrays:
    """Fine-tune a network, or continue from the checkpoint in `run`.

    Args:
        model: receives the averaged weights.
        dataset: batches to train with.
        loss: the loss for them.
        config: duration and step size.
        run: directory of the checkpoint.
        notify: receives a line after each epoch.

    Returns:
        The averaged weights.

    Raises:
        OSError: the checkpoint can't be written.
    """
    retain_freed_memory()
    cv2.setNumThreads(1)
    keras.utils.set_random_seed(config.seed)
    freeze_batch_norm(model)
    student = use_fused_torch_layers(logits_model(model))
    _compile(student, loss, config)
    checkpoint = _last_checkpoint(run, notify)
    if checkpoint:
        restore(student, checkpoint, run)
    done = checkpoint.epoch if checkpoint else 0
    callback = FinetuneCheckpoint(
        run, config, list(checkpoint.average) if checkpoint else [], dataset, notify
    )
    dataset.set_epoch(done)
    if done < config.epochs:
        student.fit(
            dataset,
            initial_epoch=done,
            epochs=config.epochs,
            shuffle=False,
            callbacks=[callback],
            verbose=0,
        )
    model.set_weights(callback.average)
    return callback.average


def _compile(student: keras.Model, loss: ReplayDistillationLoss, config: FinetuneConfig) -> None:
    """Compile with AdamW, a linear warmup and a cosine decay."""
    total = config.epochs * config.steps
    warmup = min(30, total // 5)
    rate = keras.optimizers.schedules.CosineDecay(
        config.learning_rate / 10 if warmup else config.learning_rate,
        max(1, total - warmup),
        alpha=0.05,
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    student.compile(optimizer=keras.optimizers.AdamW(rate, weight_decay=1e-5, clipnorm=1.0), loss=loss)


def _last_checkpoint(run: Path, notify: Notify) -> Checkpoint | None:
    try:
        return read_checkpoint(run)
    except TrainingError:
        notify("what was kept of the fine-tune is damaged; it begins anew")
        return None


class FinetuneCheckpoint(keras.callbacks.Callback):  # type: ignore[misc]
    """Averages the weights (Polyak and Juditsky, 1992), and writes a checkpoint after each epoch.

    `training.callbacks.EmaEvaluator` averages with another decay and evaluates on a validation set after
    each epoch, so it is not used here. Keras' own EMA (``use_ema``) would add variables to the optimizer, and
    the checkpoints of earlier versions could not be restored.

    Attributes:
        average: the averaged weights.
    """

    def __init__(
        self, run: Path, config: FinetuneConfig, average: Arrays, dataset: ReplayDataset, notify: Notify
    ) -> None:
        super().__init__()
        self.average = average
        self._run, self._config, self._dataset, self._notify = run, config, dataset, notify
        self._decay = 1 - 8 / (config.epochs * config.steps + 8)
        self._epoch_start = 0.0

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Start the average with the weights, unless a run is continued."""
        if not self.average:
            self.average = [weight.copy() for weight in self.model.get_weights()]

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Select the scenes of the epoch."""
        self._dataset.set_epoch(epoch)
        self._epoch_start = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Update the average."""
        for average, weight in zip(self.average, self.model.get_weights(), strict=True):
            average += (1 - self._decay) * (weight - average)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the checkpoint, and report the remaining time."""
        optimizer = [keras.ops.convert_to_numpy(v.value) for v in self.model.optimizer.variables]
        Checkpoint(epoch + 1, -1.0, self.model.get_weights(), optimizer, self.average).write(self._run)
        seconds = time.monotonic() - self._epoch_start
        remaining = seconds * (self._config.epochs - epoch - 1)
        loss = (logs or {}).get("loss", float("nan"))
        done, total = epoch + 1, self._config.epochs
        text = f"learning {done}/{total}: loss {loss:.3f}, {remaining:.0f} s left"
        self._notify(ProgressLine(text, "tune", done, total, seconds_left=remaining))


def save_network(model: keras.Model, path: Path) -> None:
    """Save a network atomically.

    Raises:
        OSError: the file can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    save_atomic(model, path)
