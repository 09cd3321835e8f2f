"""The textbook recipe: an encoder-decoder for trimaps as courses present it, for readers who learn.

Read from top to bottom: settings, network, data, recipe. The images and their trimaps are resized to 200x200;
there is one loss and no augmentation. The network follows F. Chollet, "Deep Learning with Python", 2nd
edition (2021), chapter 9, at half the widths, so that it trains on a processor. `livecam.training.trainer`
runs it, as it runs livecam's own recipe (`livecam.training.matting`).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from livecam.core.errors import ImageError, TrainingError, UsageError
from livecam.core.geometry import Size
from livecam.core.progress import ProgressCallback, ignore_progress
from livecam.core.types import Frame
from livecam.datasets.pets import SamplePaths, list_samples, load_image
from livecam.imaging.ops import resize
from livecam.imaging.trimap import FOREGROUND, Trimap, read_trimap, resize_trimap
from livecam.training.checkpoint import Arrays, Checkpoint
from livecam.training.config import RunConfig
from livecam.training.figures import plot_trimaps
from livecam.training.networks.registry import register_network
from livecam.training.recipe import EpochResult

NAME = "textbook"
SIZE = Size(200, 200)
WIDTHS = (32, 64, 128)
"""Channels of the three encoder stages."""
IMAGES_SHOWN = 8
"""Test images in ``predictions.png``."""
_FULL_SIZE = 1 << 20
"""Longest side in pixels, larger than any image: decode at the stored size."""

logger = logging.getLogger("livecam.training")


@dataclass(frozen=True)
class TextbookSettings:
    """Settings of a textbook run. An epoch is one pass over all images."""

    run: RunConfig
    network: ClassVar[str] = NAME

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "TextbookSettings":
        """Make settings of the command line's options; `epochs` and `learning_rate` have their own defaults.

        Raises:
            UsageError: an option that means nothing here, even with its default value, or a value out of
                range.
        """
        known = {f.name for f in fields(RunConfig)}
        for name in options:
            if name not in {*known, "network"}:
                option = name.replace("_", "-")
                raise UsageError(f"--{option} is nothing to --network {NAME}; leave one of them out")
        given = {name: value for name, value in options.items() if name in known}
        return cls(RunConfig(**{"epochs": 40, "learning_rate": 1e-3, **given}))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values for ``settings.json``."""
        return {**self.run.to_dict(), "network": NAME}


def with_matte(model: keras.Model) -> keras.Model:
    """Return the network with the outputs of livecam's own: ``classes``, and ``matte`` (batch, 200, 200, 1).

    The matte is foreground + contour / 2, because a trimap does not give the outline within the contour.
    """
    classes = model.output
    matte = layers.Rescaling(0.5, name="half_contour")(classes[..., 2:]) + classes[..., :1]
    return keras.Model(model.input, {"classes": classes, "matte": matte}, name=NAME)


@register_network(NAME, recipe="livecam.training.textbook:TextbookRecipe", add_matte=with_matte)
def build(size: Size | None = None) -> keras.Model:
    """Build the network, untrained, for images of `SIZE` or another size.

    Input: float32 RGB in [0, 1], shape (batch, 200, 200, 3). Output: softmax over foreground, background and
    contour, (batch, 200, 200, 3).
    """
    width, height = size or SIZE
    image = keras.Input((height, width, 3), name="picture")
    x = image
    for channels in WIDTHS:  # 200 -> 100 -> 50 -> 25: less position, more meaning
        x = layers.Conv2D(channels, 3, strides=2, padding="same", activation="relu")(x)
        x = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
    for channels in reversed(WIDTHS):  # 25 -> 50 -> 100 -> 200: back to the input size
        x = layers.Conv2DTranspose(channels, 3, padding="same", activation="relu")(x)
        x = layers.Conv2DTranspose(channels, 3, strides=2, padding="same", activation="relu")(x)
    classes = layers.Conv2D(3, 3, padding="same", activation="softmax", name="classes")(x)
    return keras.Model(image, classes, name=NAME)


def compile_textbook(model: keras.Model, learning_rate: float, losses: Mapping[str, Any]) -> None:
    """Compile with Adam and two IoU metrics; labels are (batch, height, width), 0, 1 or 2."""
    foreground = keras.metrics.IoU(
        num_classes=3, target_class_ids=(0,), sparse_y_pred=False, name="foreground_iou"
    )
    mean = keras.metrics.MeanIoU(num_classes=3, sparse_y_pred=False, name="miou")
    model.compile(optimizer=keras.optimizers.Adam(learning_rate), metrics=[foreground, mean], **losses)


def load_arrays(
    samples: Sequence[SamplePaths], progress: ProgressCallback = ignore_progress
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Load all images, (n, 200, 200, 3), and labels, (n, 200, 200): 0, 1, 2 for the trimap's 1, 2, 3.

    A file that cannot be read (the official set has a few) is left out with a warning.

    Raises:
        TrainingError: no file can be read.
    """
    images = np.empty((len(samples), SIZE.height, SIZE.width, 3), np.uint8)
    labels = np.empty(images.shape[:3], np.uint8)
    count = 0
    for done, sample in enumerate(samples, 1):
        progress("read", done, len(samples))
        try:
            images[count], trimap = read_pair(sample)
        except (ImageError, TrainingError) as error:
            logger.warning("left out: %s", error)
            continue
        labels[count] = trimap - FOREGROUND
        count += 1
    if not count:
        raise TrainingError(f"none of {len(samples)} images can be read; fetch or copy the data again")
    return images[:count], labels[:count]


def read_pair(sample: SamplePaths) -> tuple[Frame, Trimap]:
    """Read an image (resized by area or bilinear) and its trimap (by nearest neighbour), both 200x200.

    Raises:
        ImageError: the trimap cannot be decoded.
        TrainingError: the image cannot be decoded, or they differ in size (such as when one is rotated).
    """
    image, trimap = load_image(sample.image, _FULL_SIZE), read_trimap(sample.trimap)
    if Size.of(image) != Size.of(trimap):
        raise TrainingError(
            f"{sample.trimap} is {Size.of(trimap)}, but {sample.image} is {Size.of(image)} "
            "(upright); make them the same size"
        )
    return resize(image, SIZE), resize_trimap(trimap, SIZE)


def scale_images(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert [0, 255] to the network's input range, [0, 1]."""
    return np.asarray(images.astype(np.float32) / np.float32(255))


class TrimapDataset(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of images and labels, shuffled by (seed, epoch): a resumed run sees the same order.

    Every batch can be divided by `devices`, the last one too: up to `devices` - 1 images, others in each
    epoch, are left out.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        batch: int,
        seed: int,
        devices: int = 1,
    ) -> None:
        """Make batches of `batch` images.

        Raises:
            TrainingError: there are fewer images than devices.
        """
        super().__init__()
        self.images, self.labels, self.epoch = images, labels, 0
        self._batch, self._seed = batch, seed
        self._used = len(images) - len(images) % devices
        if not self._used:
            raise TrainingError(
                f"{len(images)} images are too few for --devices {devices}; give fewer devices"
            )

    def __len__(self) -> int:
        return -(-self._used // self._batch)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        order = np.random.default_rng((self._seed, self.epoch)).permutation(len(self.images))[: self._used]
        chosen = order[index * self._batch : (index + 1) * self._batch]
        return scale_images(self.images[chosen]), self.labels[chosen]

    def on_epoch_end(self) -> None:
        """Move on to the next epoch's order; called by Keras."""
        self.epoch += 1


class TextbookRecipe:
    """Recipe of the textbook network."""

    def __init__(self, settings: TextbookSettings) -> None:
        self.settings = settings
        self._samples: list[list[SamplePaths]] = []
        self._test_set: TrimapDataset
        self._model: keras.Model

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "TextbookRecipe":
        """Make a recipe of the command line's options."""
        return cls(TextbookSettings.from_options(options))

    def check_data(self) -> None:
        """List the samples of both splits.

        Raises:
            TrainingError: a folder or a file is missing.
        """
        data = self.settings.run.data
        self._samples = [
            [s for folder in data for s in list_samples(folder, p)] for p in ("trainval", "test")
        ]

    def build_model(self, *, resumed: bool) -> keras.Model:
        """Return the compiled network with new weights."""
        model = build()
        compile_textbook(model, self.settings.run.learning_rate, self.loss())
        return model

    def loss(self) -> dict[str, Any]:
        """Return the crossentropy of the three classes."""
        return {"loss": "sparse_categorical_crossentropy"}

    def datasets(
        self, config: RunConfig, progress: ProgressCallback = ignore_progress
    ) -> tuple[TrimapDataset, TrimapDataset]:
        """Load both splits; Keras evaluates the test split after each epoch."""
        training, self._test_set = (
            TrimapDataset(*load_arrays(samples, progress), config.batch, config.seed, config.devices)
            for samples in self._samples
        )
        return training, self._test_set

    def callbacks(self, checkpoint: Checkpoint | None) -> list[keras.callbacks.Callback]:
        """Return no callback."""
        return []

    def evaluate(self, model: keras.Model, average: Arrays, logs: Mapping[str, float]) -> EpochResult:
        """Return Keras' metrics on the test split; the score is a fraction, the row is in %."""
        self._model = model
        row = {
            "loss": logs["loss"],
            "test_loss": logs["val_loss"],
            "train_foreground_iou": 100 * logs["foreground_iou"],
            "foreground_iou": 100 * logs["val_foreground_iou"],
            "miou": 100 * logs["val_miou"],
        }
        return EpochResult(logs["val_miou"], row, model)

    def write_figures(self, run: Path) -> None:
        """Write ``predictions.png``: test images, true trimaps and predicted trimaps."""
        # Evenly spaced, because the list is sorted by breed.
        count = len(self._test_set.labels)
        chosen = np.linspace(0, count - 1, min(IMAGES_SHOWN, count)).astype(int)
        images, labels = self._test_set.images[chosen], self._test_set.labels[chosen]
        classes = keras.ops.convert_to_numpy(self._model(scale_images(images), training=False))
        predicted = classes.argmax(-1).astype(np.uint8)
        plot_trimaps(images, labels + FOREGROUND, predicted + FOREGROUND, run / "predictions.png")
