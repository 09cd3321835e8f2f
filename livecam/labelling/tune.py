"""The fine-tune: a trained network, a user's frames, and a few minutes on two cores of a processor.

Three things keep it from forgetting what it could: its normalisation stays as it is, half of what it is shown
must be answered as before (`lessons`), and at the end each weight is taken between its old and its new value
("WiSE-FT", Wortsman et al., "Robust Fine-Tuning of Zero-Shot Models", CVPR 2022). How far, is decided by
frames that were not learnt from, and by scenes at which it may not become worse.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from livecam.errors import TrainingError
from livecam.frames import Size
from livecam.images import shrink, shrink_matte
from livecam.islands import tidy
from livecam.labelling.lessons import LessonLoss, Lessons
from livecam.training.averager import save_whole
from livecam.training.cases import Shot
from livecam.training.memory import keep_freed_memory
from livecam.training.network import learner
from livecam.training.quick import quicken
from livecam.training.scores import iou
from livecam.training.state import Arrays, State, read_state, restore

Tell = Callable[[str], None]
SHARES: tuple[float, ...] = (1.0, 0.8, 0.6, 0.4, 0.25)
"""How far the weights may go from the old ones to the tuned ones."""
LEEWAY = 0.3
"""Points of mIoU that the regression set may lose where the share is chosen: less than what is allowed in
the end, as the whole way of a frame and rounded weights come on top."""


@dataclass(frozen=True)
class Effort:
    """How long and how boldly: `laps` of `steps` batches, the state being kept after each lap.

    `rows` are the views of a batch that are learnt and those at which nothing may change; `rate` is the
    learning rate at its highest.
    """

    laps: int = 12
    steps: int = 30
    rows: tuple[int, int] = (8, 4)
    rate: float = 4e-4
    seed: int = 1


@dataclass(frozen=True)
class Choice:
    """How far the weights went, and what chose it: foreground IoU and mIoU in %, before and after."""

    share: float
    own: tuple[float, float]
    regression: tuple[float, float]


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


def tune(
    model: keras.Model, lessons: Lessons, loss: LessonLoss, effort: Effort, run: Path, tell: Tell
) -> Arrays:
    """Train a network, or go on where `run` was interrupted; the averaged weights. `model` gets them too.

    Raises:
        OSError: the state can't be kept.
    """
    keep_freed_memory()
    cv2.setNumThreads(1)
    keras.utils.set_random_seed(effort.seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    student = quicken(learner(model))
    _compile(student, loss, effort)
    state = _last_state(run, tell)
    if state:
        restore(student, state, run)
    done = state.epoch if state else 0
    keeper = Keeper(run, effort, list(state.average) if state else [], lessons, tell)
    lessons.follow(done)
    if done < effort.laps:
        student.fit(
            lessons, initial_epoch=done, epochs=effort.laps, shuffle=False, callbacks=[keeper], verbose=0
        )
    average = keeper.average
    model.set_weights(average)
    return average


def _compile(student: keras.Model, loss: LessonLoss, effort: Effort) -> None:
    total = effort.laps * effort.steps
    warm = min(30, total // 5)
    rate = keras.optimizers.schedules.CosineDecay(
        effort.rate / 10 if warm else effort.rate,
        max(1, total - warm),
        alpha=0.05,
        warmup_target=effort.rate if warm else None,
        warmup_steps=warm,
    )
    student.compile(optimizer=keras.optimizers.AdamW(rate, weight_decay=1e-5, clipnorm=1.0), loss=loss)


def _last_state(run: Path, tell: Tell) -> State | None:
    try:
        return read_state(run)
    except TrainingError:
        tell("what was kept of the fine-tune is damaged; it begins anew")
        return None


class Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Averages the weights (Polyak and Juditsky, 1992), and keeps the state after each lap."""

    def __init__(self, run: Path, effort: Effort, average: Arrays, lessons: Lessons, tell: Tell) -> None:
        super().__init__()
        self.average = average
        self._run, self._effort, self._lessons, self._tell = run, effort, lessons, tell
        self._decay = 1 - 8 / (effort.laps * effort.steps + 8)
        self._lap_began = 0.0

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Begin with the weights themselves, unless a run goes on."""
        if not self.average:
            self.average = [weight.copy() for weight in self.model.get_weights()]

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Have other scenes drawn."""
        self._lessons.follow(epoch)
        self._lap_began = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Move the average a little towards the weights."""
        for average, weight in zip(self.average, self.model.get_weights(), strict=True):
            average += (1 - self._decay) * (weight - average)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keep all that the next lap needs."""
        optimizer = [keras.ops.convert_to_numpy(v.value) for v in self.model.optimizer.variables]
        State(epoch + 1, -1.0, self.model.get_weights(), optimizer, self.average).write(self._run)
        took = time.monotonic() - self._lap_began
        left = took * (self._effort.laps - epoch - 1)
        loss = (logs or {}).get("loss", float("nan"))
        self._tell(f"learning {epoch + 1}/{self._effort.laps}: loss {loss:.3f}, {left:.0f} s left")


def between(old: Arrays, new: Arrays, share: float) -> Arrays:
    """The weights on the line from the old ones (share 0) to the new ones (share 1)."""
    return [np.asarray(o + share * (n - o), o.dtype) for o, n in zip(old, new, strict=True)]


def choose_share(
    model: keras.Model,
    old: Arrays,
    new: Arrays,
    own: Sequence[Shot],
    regression: Sequence[Shot],
    shares: Sequence[float] = SHARES,
) -> Choice:
    """Give `model` the weights between old and new that see best: `own` frames, kept back, decide.

    Only those are chosen from at which `regression` loses at most `LEEWAY`; if there are none, the nearest to
    the old ones.
    """
    before = _marks(model, old, own)[0], _marks(model, old, regression)[1]
    tried: dict[float, tuple[float, float]] = {}
    for share in shares:
        weights = between(old, new, share)
        tried[share] = _marks(model, weights, own)[0], _marks(model, weights, regression)[1]
    allowed = [share for share in shares if tried[share][1] >= before[1] - LEEWAY] or [min(shares)]
    best = max(allowed, key=lambda share: tried[share][0])
    model.set_weights(between(old, new, best))
    return Choice(best, (before[0], tried[best][0]), (before[1], tried[best][1]))


def _marks(model: keras.Model, weights: Arrays, shots: Sequence[Shot]) -> tuple[float, float]:
    """Foreground IoU and mIoU in %, means over shots, of the network alone at its own size."""
    model.set_weights(weights)
    _, height, width, _ = model.input_shape
    size, rows = Size(width, height), []
    for first in range(0, len(shots), 16):
        some = shots[first : first + 16]
        pictures = np.stack([shrink(shot.frame, size) for shot in some]).astype(np.float32) / np.float32(255)
        said = keras.ops.convert_to_numpy(model(pictures, training=False)["matte"])[..., 0]
        # As live: an island that is nowhere sure would else count as much as a person in an empty room.
        rows += [_ious(tidy(matte), shot, size) for matte, shot in zip(said, some, strict=True)]
    foreground, background = np.mean(rows, axis=0)
    return 100 * float(foreground), 50 * float(foreground + background)


def _ious(said: NDArray[Any], shot: Shot, size: Size) -> tuple[float, float]:
    known = shrink_matte(shot.known.astype(np.float32), size) > 0.99
    inside, subject = said > 0.5, shrink_matte(shot.matte, size) > 0.5
    return iou(inside, subject, known), iou(~inside, ~subject, known)


def save_network(model: keras.Model, path: Path) -> None:
    """Save it whole or not at all.

    Raises:
        OSError: it can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    save_whole(model, path)
