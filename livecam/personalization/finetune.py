"""The fine-tune: a trained network, a user's frames, and a few minutes on two cores of a processor.

Three things keep it from forgetting what it could: its normalisation stays as it is, part of what it is shown
must be answered as before (`lessons`), and at the end each weight is taken between its old and its new value
(`alpha`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import keras

from livecam.core.errors import TrainingError
from livecam.personalization.replay import ReplayDataset, ReplayDistillationLoss
from livecam.training.callbacks import save_atomic
from livecam.training.checkpoint import Arrays, Checkpoint, read_checkpoint, restore
from livecam.training.malloc import retain_freed_memory
from livecam.training.networks.matting_net import freeze_batch_norm, logits_model
from livecam.training.networks.torch_layers import use_fused_torch_layers

Notify = Callable[[str], None]


@dataclass(frozen=True)
class FinetuneConfig:
    """How long and how boldly: `laps` of `steps` batches, the state being kept after each lap.

    `rows` are the views of a batch that are learnt and those at which nothing may change; `learning_rate`
    is the
    learning rate at its highest.
    """

    epochs: int = 12
    steps: int = 30
    rows: tuple[int, int] = (8, 4)
    learning_rate: float = 4e-4
    seed: int = 1


def load_network(path: Path) -> keras.Model:
    """The network that is to be learnt further.

    Raises:
        TrainingError: there is none, or it is damaged or of another kind.
    """
    if not path.is_file():
        raise TrainingError(
            f"there is no {path}: a model is learnt further from its .keras file; export it with this livecam"
        )
    try:
        model = keras.models.load_model(path, compile=False)
        model.get_layer("head")
    except Exception as error:  # Keras, zipfile, h5py and json each have their own
        raise TrainingError(
            f"{path} is no network that can be learnt further; copy or export it again"
        ) from error
    return model


def finetune(
    model: keras.Model,
    lessons: ReplayDataset,
    loss: ReplayDistillationLoss,
    effort: FinetuneConfig,
    run: Path,
    tell: Notify,
) -> Arrays:
    """Train a network, or go on where `run` was interrupted; the averaged weights. `model` gets them too.

    Raises:
        OSError: the state can't be kept.
    """
    retain_freed_memory()
    cv2.setNumThreads(1)
    keras.utils.set_random_seed(effort.seed)
    freeze_batch_norm(model)
    student = use_fused_torch_layers(logits_model(model))
    _compile(student, loss, effort)
    state = _last_state(run, tell)
    if state:
        restore(student, state, run)
    done = state.epoch if state else 0
    keeper = FinetuneCheckpoint(run, effort, list(state.average) if state else [], lessons, tell)
    lessons.set_epoch(done)
    if done < effort.epochs:
        student.fit(
            lessons, initial_epoch=done, epochs=effort.epochs, shuffle=False, callbacks=[keeper], verbose=0
        )
    average = keeper.average
    model.set_weights(average)
    return average


def _compile(student: keras.Model, loss: ReplayDistillationLoss, effort: FinetuneConfig) -> None:
    total = effort.epochs * effort.steps
    warm = min(30, total // 5)
    rate = keras.optimizers.schedules.CosineDecay(
        effort.learning_rate / 10 if warm else effort.learning_rate,
        max(1, total - warm),
        alpha=0.05,
        warmup_target=effort.learning_rate if warm else None,
        warmup_steps=warm,
    )
    student.compile(optimizer=keras.optimizers.AdamW(rate, weight_decay=1e-5, clipnorm=1.0), loss=loss)


def _last_state(run: Path, tell: Notify) -> Checkpoint | None:
    try:
        return read_checkpoint(run)
    except TrainingError:
        tell("what was kept of the fine-tune is damaged; it begins anew")
        return None


class FinetuneCheckpoint(keras.callbacks.Callback):  # type: ignore[misc]
    """Averages the weights (Polyak and Juditsky, 1992), and keeps the state after each lap."""

    def __init__(
        self, run: Path, effort: FinetuneConfig, average: Arrays, lessons: ReplayDataset, tell: Notify
    ) -> None:
        super().__init__()
        self.average = average
        self._run, self._effort, self._lessons, self._tell = run, effort, lessons, tell
        self._decay = 1 - 8 / (effort.epochs * effort.steps + 8)
        self._lap_began = 0.0

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Begin with the weights themselves, unless a run goes on."""
        if not self.average:
            self.average = [weight.copy() for weight in self.model.get_weights()]

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Have other scenes drawn."""
        self._lessons.set_epoch(epoch)
        self._lap_began = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Move the average a little towards the weights."""
        for average, weight in zip(self.average, self.model.get_weights(), strict=True):
            average += (1 - self._decay) * (weight - average)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keep all that the next lap needs."""
        optimizer = [keras.ops.convert_to_numpy(v.value) for v in self.model.optimizer.variables]
        Checkpoint(epoch + 1, -1.0, self.model.get_weights(), optimizer, self.average).write(self._run)
        took = time.monotonic() - self._lap_began
        left = took * (self._effort.epochs - epoch - 1)
        loss = (logs or {}).get("loss", float("nan"))
        self._tell(f"learning {epoch + 1}/{self._effort.epochs}: loss {loss:.3f}, {left:.0f} s left")


def save_network(model: keras.Model, path: Path) -> None:
    """Save it whole or not at all.

    Raises:
        OSError: it can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    save_atomic(model, path)
