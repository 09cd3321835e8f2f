"""The textbook recipe: the encoder-decoder as courses teach it, for those who learn.

Read from top to bottom: what may be chosen, the training, the network, the data, what is kept of each epoch.
Nothing here is livecam's own: plain pictures and their trimaps, made 200x200, one loss, no augmentation. It
follows F. Chollet, "Deep Learning with Python", 2nd edition (2021), chapter 9, at half the widths, so that it
trains on a processor. The recipe behind livecam's own networks is ``train``.

A run's folder holds ``settings.json``, ``history.csv``, ``curves.png``, ``predictions.png`` (picture, true
trimap, predicted trimap), ``best.keras`` and ``backup/`` (to go on from with ``--resume``).
"""

import sys
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray
from tqdm import tqdm

from livecam.core.errors import ImageError, TrainingError, UsageError
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.datasets.pets import SamplePaths, list_samples, load_image
from livecam.imaging.ops import resize
from livecam.imaging.trimap import FOREGROUND, Trimap, read_trimap, resize_trimap
from livecam.training.callbacks import ProgressBar
from livecam.training.checkpoint import Checkpoint, append_history, find_checkpoint, prepare_run_dir, restore
from livecam.training.config import TrainSettings, validate_settings
from livecam.training.figures import plot_curves, plot_trimaps
from livecam.training.malloc import retain_freed_memory

NAME = "textbook"
SIZE = Size(200, 200)
WIDTHS = (32, 64, 128)
"""Channels of the three stages down."""
SHOWN = 8
"""Test pictures in ``predictions.png``."""
_CHOICES = ("data", "out", "network", "epochs", "batch", "learning_rate", "seed", "resume")
_WHOLE = 1 << 20
"""Longer than any picture: read it at its own size."""


@dataclass(frozen=True)
class TextbookSettings(TrainSettings):
    """What a textbook run depends on; an epoch sees every picture once. Other settings must be left alone."""

    network: str = NAME
    epochs: int = 40
    batch: int = 16
    learning_rate: float = 1e-3

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``settings.json``."""
        return {name: value for name, value in super().to_dict().items() if name in _CHOICES}


def train_textbook(settings: TextbookSettings) -> Path:
    """Train the network; give back the path of the weights with the best mean IoU on the test split.

    Raises:
        UsageError: a word or number that can't be used, or the run's folder is in use or not to be resumed
        so. TrainingError: data or a folder that can't be trained with.
    """
    _check(settings)
    retain_freed_memory()
    state = find_checkpoint(settings)
    listed = [[s for folder in settings.data for s in list_samples(folder, p)] for p in ("trainval", "test")]
    keras.utils.set_random_seed(settings.seed)
    model = build()
    compile_textbook(model, settings.learning_rate)
    if state:
        restore(model, state, settings.out)
    prepare_run_dir(settings, state)
    learned, tested = (
        TrimapDataset(*load_arrays(samples), settings.batch, settings.seed) for samples in listed
    )
    best = settings.out / "best.keras"
    done = learned.epoch = state.epoch if state else 0
    checkpoint = keras.callbacks.ModelCheckpoint(
        best, "val_miou", mode="max", save_best_only=True, initial_value_threshold=state and state.best
    )
    keeper = _RunFiles(settings.out, tested, state.best if state else -1.0)
    model.fit(
        learned, validation_data=tested, initial_epoch=done, epochs=settings.epochs, shuffle=False, verbose=0,
        callbacks=[ProgressBar(), checkpoint, keeper],
    )  # fmt: skip
    if not best.is_file():
        raise TrainingError(f"{best} is missing; begin another run with --out")
    return best


def _check(settings: TextbookSettings) -> None:
    validate_settings(settings, (NAME,))
    for field in fields(settings):
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if field.name not in _CHOICES and getattr(settings, field.name) != default:
            word = "real" if field.name == "mix" else field.name.replace("_", "-")
            raise UsageError(f"--{word} is nothing to --network {NAME}; leave one of them out")


def build() -> keras.Model:
    """Build the network, untrained.

    Input: float32 RGB in [0, 1], shape (batch, 200, 200, 3). Output: the softmax over foreground, background
    and contour, (batch, 200, 200, 3).
    """
    picture = keras.Input((SIZE.height, SIZE.width, 3), name="picture")
    x = picture
    for width in WIDTHS:  # 200 -> 100 -> 50 -> 25: less of where, more of what
        x = layers.Conv2D(width, 3, strides=2, padding="same", activation="relu")(x)
        x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
    for width in reversed(WIDTHS):  # 25 -> 50 -> 100 -> 200: and back
        x = layers.Conv2DTranspose(width, 3, padding="same", activation="relu")(x)
        x = layers.Conv2DTranspose(width, 3, strides=2, padding="same", activation="relu")(x)
    classes = layers.Conv2D(3, 3, padding="same", activation="softmax", name="classes")(x)
    return keras.Model(picture, classes, name=NAME)


def compile_textbook(model: keras.Model, learning_rate: float) -> None:
    """Loss, metrics and optimizer; labels are (batch, height, width), 0, 1 or 2."""
    foreground = keras.metrics.IoU(
        num_classes=3, target_class_ids=(0,), sparse_y_pred=False, name="foreground_iou"
    )
    mean = keras.metrics.MeanIoU(num_classes=3, sparse_y_pred=False, name="miou")
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=[foreground, mean],
    )


def with_matte(model: keras.Model) -> keras.Model:
    """The network with the outputs of livecam's own: ``classes``, and ``matte``, (batch, 200,
    200, 1).

    The matte is foreground + contour / 2: where the outline runs inside the contour was never taught.
    """
    classes = model.output
    matte = layers.Rescaling(0.5, name="half_contour")(classes[..., 2:]) + classes[..., :1]
    return keras.Model(model.input, {"classes": classes, "matte": matte}, name=NAME)


def load_arrays(samples: Sequence[SamplePaths]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """All pictures, (n, 200, 200, 3), and their labels, (n, 200, 200): 0, 1, 2 for the trimap's 1, 2, 3.

    What can't be read (the official set has a few odd files) is left out, and told on stderr.

    Raises:
        TrainingError: nothing is left.
    """
    pictures = np.empty((len(samples), SIZE.height, SIZE.width, 3), np.uint8)
    labels = np.empty(pictures.shape[:3], np.uint8)
    kept = 0
    for sample in tqdm(samples, desc="reading", unit="picture", disable=None):
        try:
            pictures[kept], trimap = read_pair(sample)
        except (ImageError, TrainingError) as error:
            tqdm.write(f"left out: {error}", file=sys.stderr)
            continue
        labels[kept] = trimap - FOREGROUND
        kept += 1
    if not kept:
        raise TrainingError(f"none of {len(samples)} pictures can be read; fetch or copy the data again")
    return pictures[:kept], labels[:kept]


def read_pair(sample: SamplePaths) -> tuple[Frame, Trimap]:
    """A picture (by area or bilinear) and its trimap (by the nearest pixel), both 200x200.

    Raises:
        ImageError: the trimap can't be decoded.
        TrainingError: the picture can't be decoded, or they differ in size (as where one is rotated).
    """
    picture, trimap = load_image(sample.image, _WHOLE), read_trimap(sample.trimap)
    if Size.of(picture) != Size.of(trimap):
        raise TrainingError(
            f"{sample.trimap} is {Size.of(trimap)}, but {sample.image} is {Size.of(picture)} "
            "(upright); make them the same size"
        )
    return resize(picture, SIZE), resize_trimap(trimap, SIZE)


def scaled(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the network takes: [0, 1] for 0 to 255."""
    return np.asarray(pictures.astype(np.float32) / np.float32(255))


class TrimapDataset(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of pictures and labels, in an order drawn from (seed, epoch): a resumed run sees the same."""

    def __init__(self, pictures: NDArray[np.uint8], labels: NDArray[np.uint8], batch: int, seed: int) -> None:
        super().__init__()
        self.pictures, self.labels, self.epoch = pictures, labels, 0
        self._batch, self._seed = batch, seed

    def __len__(self) -> int:
        return -(-len(self.pictures) // self._batch)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        order = np.random.default_rng((self._seed, self.epoch)).permutation(len(self.pictures))
        chosen = order[index * self._batch : (index + 1) * self._batch]
        return scaled(self.pictures[chosen]), self.labels[chosen]

    def on_epoch_end(self) -> None:
        """Keras calls this after each epoch: the next one has another order."""
        self.epoch += 1


class _RunFiles(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps of each epoch its row of the history, where to go on from, and the pictures."""

    def __init__(self, run: Path, tested: TrimapDataset, best: float) -> None:
        super().__init__()
        self._run, self._tested, self._best = run, tested, best

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write and draw."""
        said = {name: float(value) for name, value in (logs or {}).items()}
        row = {
            "epoch": epoch + 1,
            "loss": said["loss"],
            "test_loss": said["val_loss"],
            "train_foreground_iou": 100 * said["foreground_iou"],
            "foreground_iou": 100 * said["val_foreground_iou"],
            "miou": 100 * said["val_miou"],
        }
        self._best = max(self._best, said["val_miou"])
        append_history(self._run, row)
        optimizer = [keras.ops.convert_to_numpy(v.value) for v in self.model.optimizer.variables]
        Checkpoint(epoch + 1, self._best, self.model.get_weights(), optimizer, []).write(self._run)
        plot_curves(self._run / "history.csv", self._run / "curves.png")
        # From all over the list, which goes by breeds.
        shown = np.linspace(0, len(self._tested.labels) - 1, min(SHOWN, len(self._tested.labels))).astype(int)
        pictures, labels = self._tested.pictures[shown], self._tested.labels[shown]
        classes = keras.ops.convert_to_numpy(self.model(scaled(pictures), training=False))
        predicted = classes.argmax(-1).astype(np.uint8)
        plot_trimaps(pictures, labels + FOREGROUND, predicted + FOREGROUND, self._run / "predictions.png")
        tqdm.write("  ".join(f"{name} {value:.4g}" for name, value in row.items()), file=sys.stderr)
