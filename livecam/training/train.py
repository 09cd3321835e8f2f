"""The recipe: settings in, a run's folder out.

A run's folder holds ``settings.json``, ``history.csv``, ``curves.png``, ``scenes.png`` (what the network is shown),
``predictions.png`` (what it answers), ``best.keras`` (the averaged weights that scored best) and ``backup/`` (to go on
from with ``--resume``).
"""

import csv
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from livecam.errors import TrainingError, UsageError
from livecam.frames import Size
from livecam.training.dataset import Batches, Mix, Stock
from livecam.training.losses import MatteLoss, classes_loss
from livecam.training.network import NETWORKS, build
from livecam.training.samples import read_rooms, read_samples, read_subject
from livecam.training.scores import Scores, score
from livecam.training.sheets import draw_curves, draw_predictions, draw_scenes


EVERY = 5


@dataclass(frozen=True)
class TrainSettings:
    """What a run depends on; the same settings give the same scenes.

    `data` are folders in Pets layout; `rooms` are folders of pictures to paste subjects on, `empty` of pictures with
    nothing to keep. `size` trains at another size than the network's own: half the size is a cheap first phase.
    `start` is a ``.keras`` file whose weights are the first ones.
    """

    data: tuple[Path, ...]
    out: Path
    rooms: tuple[Path, ...] = ()
    empty: tuple[Path, ...] = ()
    network: str = "person"
    size: Size | None = None
    start: Path | None = None
    epochs: int = 60
    steps: int = 250
    batch: int = 16
    learning_rate: float = 2e-3
    seed: int = 1
    workers: int = 2
    longest: int = 416
    resume: bool = False
    mix: Mix = field(default_factory=Mix)

    def as_json(self) -> dict[str, Any]:
        """Plain values, for ``settings.json``."""
        return {k: _plain(v) for k, v in asdict(self).items() if k != "resume"}


def _plain(value: Any) -> Any:
    if isinstance(value, Size):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


class ForegroundIoU(keras.metrics.IoU):  # type: ignore[misc]
    """`keras.metrics.IoU` of class 0 for labels that carry a weight behind the class."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch."""
        super().update_state(y_true[..., 0], y_pred, sample_weight)


class Averager(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps an exponential moving average of all weights (Polyak and Juditsky, 1992) and judges that one.

    After each epoch the averaged weights are scored on `validation`, the best so far are saved, a row is added to the
    history and the pictures are drawn anew.
    """

    def __init__(self, run: Path, validation: Batches, decay: float) -> None:
        super().__init__()
        self._run, self._validation, self._decay = run, validation, decay
        self._average: list[np.ndarray[Any, Any]] = []
        self._best = -1.0

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Take up the average of an interrupted run, if there is one."""
        kept = self._run / "backup" / "average.npz"
        if kept.is_file():
            with np.load(kept) as stored:
                self._average = [stored[f"w{i}"] for i in range(len(stored.files) - 1)]
                self._best = float(stored["best"])
        else:
            # Copies: what Keras gives may be the memory that the optimizer writes to.
            self._average = [weight.copy() for weight in self.model.get_weights()]

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Move the average a little towards the weights, every `EVERY` steps."""
        if batch % EVERY:
            return
        share = 1 - self._decay**EVERY
        for average, weight in zip(self._average, self.model.get_weights(), strict=True):
            average += share * (weight - average)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Judge, save, draw."""
        now = [weight.copy() for weight in self.model.get_weights()]
        self.model.set_weights(self._average)
        scores, views, mattes = judge(self.model, self._validation)
        if scores.miou > self._best:
            self._best = scores.miou
            self.model.save(self._run / "best.keras")
        self._write_row(epoch, scores, logs or {})
        draw_curves(self._run / "history.csv", self._run / "curves.png")
        draw_predictions(views, mattes, self._run / "predictions.png")
        self.model.set_weights(now)
        (self._run / "backup").mkdir(exist_ok=True)
        weights = {f"w{i}": w for i, w in enumerate(self._average)}
        np.savez(self._run / "backup" / "average.npz", best=np.float64(self._best), **weights)
        tqdm.write(f"epoch {epoch + 1}: {scores}")

    def _write_row(self, epoch: int, scores: Scores, logs: dict[str, float]) -> None:
        path = self._run / "history.csv"
        row = {"epoch": epoch + 1, **asdict(scores), **{k: float(v) for k, v in sorted(logs.items())}}
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, row.keys())
            if fresh:
                writer.writeheader()
            writer.writerow({k: round(v, 5) for k, v in row.items()})


def judge(model: keras.Model, validation: Batches) -> tuple[Scores, list[Any], list[Any]]:
    """Score a model's mattes on every view of `validation`; give the views and mattes of the first batch too."""
    mattes, truths, known, kept = [], [], [], []
    for index in range(len(validation)):
        views = validation.views(index)
        pictures = np.stack([v.frame for v in views]).astype(np.float32) / 255
        said = keras.ops.convert_to_numpy(model(pictures, training=False)["matte"])[..., 0]
        mattes += list(said)
        truths += [v.matte.astype(np.float32) / 255 for v in views]
        known += [v.known > 0 for v in views]
        kept += views if index < 2 else []
    return score(mattes, truths, known), kept, mattes[: len(kept)]


def read_stock(settings: TrainSettings, split: str) -> Stock:
    """Decode all that scenes of a split are made of; the last tenth of the rooms is kept for the test split."""
    samples = [s for folder in settings.data for s in read_samples(folder, split)]
    subjects = [read_subject(s, settings.longest) for s in tqdm(samples, desc=f"decoding {split}", unit="picture")]
    rooms = [_part(read_rooms(f, settings.longest), split) for f in settings.rooms]
    empties = [_part(read_rooms(f, settings.longest), split) for f in settings.empty]
    return Stock(subjects, sum(rooms, []), sum(empties, []))


def _part(pictures: list[Any], split: str) -> list[Any]:
    held = max(1, len(pictures) // 10)
    return pictures[-held:] if split == "test" else pictures[:-held] or pictures


def train(settings: TrainSettings) -> Path:
    """Train a network; give back the path of the best averaged weights.

    Raises:
        UsageError: no such network, or the run's folder is already in use.
        TrainingError: data that can't be trained with.
    """
    if settings.network not in NETWORKS:
        raise UsageError(f"no network is called {settings.network!r}; there are {', '.join(NETWORKS)}")
    run = settings.out
    if (run / "history.csv").exists() and not settings.resume:
        raise UsageError(f"{run} holds a run already; go on with --resume or name another folder with --out")
    _write_settings(run, settings)
    keras.utils.set_random_seed(settings.seed)
    network = NETWORKS[settings.network]
    if settings.size:
        network = replace(network, size=tuple(settings.size))
    size, pairs = Size(*network.size), settings.batch // 4
    stock = read_stock(settings, "trainval")
    batches = Batches(
        stock, size, batch=settings.batch, steps=settings.steps, seed=settings.seed, pairs=pairs, mix=settings.mix,
        workers=settings.workers,
    )  # fmt: skip
    draw_scenes(batches.views(0), run / "scenes.png")
    validation = Batches(read_stock(settings, "test"), size, batch=16, steps=24, seed=99, mix=settings.mix)
    model = build(network)
    if settings.start:
        _begin_with(model, settings.start)
    _compile(model, settings, pairs)
    total = settings.epochs * settings.steps
    averager = Averager(run, validation, decay=min(0.998, 1 - 20 / (total + 20)))
    # Keras' own backup brings back weights, optimizer and epoch after an interruption.
    backup = keras.callbacks.BackupAndRestore(run / "backup" / "state", delete_checkpoint=False)
    follow = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: setattr(batches, "epoch", epoch))
    model.fit(batches, epochs=settings.epochs, callbacks=[follow, averager, backup], verbose=2)
    best = run / "best.keras"
    if not best.is_file():
        raise TrainingError(f"{run}: no epoch was finished; train for at least one with --epochs 1")
    return best


def _begin_with(model: keras.Model, start: Path) -> None:
    try:
        model.set_weights(keras.models.load_model(start, compile=False).get_weights())
    except (OSError, ValueError) as error:
        raise TrainingError(f"{start} doesn't hold weights for this network; name its best.keras") from error


def _write_settings(run: Path, settings: TrainSettings) -> None:
    try:
        run.mkdir(parents=True, exist_ok=True)
        text = json.dumps(replace(settings, resume=False).as_json(), indent=1)
        (run / "settings.json").write_text(text + "\n")
    except OSError as error:
        raise TrainingError(f"can't write in {run}: {error.strerror}; choose another folder with --out") from error


def _compile(model: keras.Model, settings: TrainSettings, pairs: int) -> None:
    total = settings.epochs * settings.steps
    warm = min(200, total // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate / 20, total - warm, alpha=0.02, warmup_target=settings.learning_rate, warmup_steps=warm
    )
    iou = ForegroundIoU(num_classes=3, target_class_ids=(0,), sparse_y_pred=False, name="foreground_iou")
    model.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=1.0),
        loss={"classes": classes_loss, "matte": MatteLoss(pairs)},
        metrics={"classes": [iou]},
    )
