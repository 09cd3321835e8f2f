"""livecam's own recipe: synthetic scenes, a matting network, and averaged weights."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import cv2
import keras
import numpy as np

from livecam.core.errors import LivecamError, TrainingError
from livecam.core.geometry import Size
from livecam.core.progress import ProgressCallback, ignore_progress
from livecam.core.types import Matte
from livecam.datasets.pets import SamplePaths, list_images, list_samples, load_foreground, load_image
from livecam.evaluation.metrics import ValidationMetrics, mean_metrics
from livecam.training.augmentation_preview import write_augmentation_preview
from livecam.training.callbacks import EmaCallback
from livecam.training.checkpoint import Arrays, Checkpoint
from livecam.training.config import RunConfig, TrainSettings
from livecam.training.data.dataset import SceneDataset
from livecam.training.data.scene_renderer import TrainingExample
from livecam.training.data.scene_sampler import AssetPool
from livecam.training.distillation import DistillationDataset, TeacherModel, student_losses, student_model
from livecam.training.figures import plot_predictions, plot_scenes
from livecam.training.losses import MattingLoss
from livecam.training.networks.matting_net import ARCHITECTURES, freeze_batch_norm, logits_model
from livecam.training.networks.net2net import transfer_weights
from livecam.training.networks.registry import get_network
from livecam.training.networks.slimming import can_be_slimmed, slim
from livecam.training.networks.torch_layers import use_fused_torch_layers
from livecam.training.recipe import EpochResult

T = TypeVar("T")
TEACHER_WEIGHT = 1.0
"""Weight of the teacher's matte in the loss."""
VALIDATION_BATCHES, VALIDATION_BATCH_SIZE, VALIDATION_SEED = 24, 16, 99
PREVIEW_BATCHES = 2
"""Validation batches whose predictions are drawn."""


class MattingRecipe:
    """Recipe of the matting networks (`livecam.training.networks.matting_net`)."""

    def __init__(self, settings: TrainSettings) -> None:
        """Take the settings; nothing is read.

        Raises:
            UsageError: there is no such network.
        """
        self.settings = settings
        self._network = get_network(settings.network)
        self._input_size = settings.size or Size(*ARCHITECTURES[settings.network].size)
        self._validation: SceneDataset
        self._evaluated: keras.Model
        self._previews: tuple[list[TrainingExample], list[Matte]] = ([], [])

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "MattingRecipe":
        """Make a recipe of the command line's options."""
        return cls(TrainSettings.from_options(options))

    def check_data(self) -> None:
        """List the assets of both splits.

        Raises:
            TrainingError: a folder or a file is missing.
        """
        for split in ("trainval", "test"):
            _list_assets(self.settings, split)

    def build_model(self, *, resumed: bool) -> keras.Model:
        """Return the compiled logits model with new weights, or those of `settings.start`."""
        model = self._network.build(self.settings.size)
        if self.settings.start and not resumed:
            _load_initial_weights(model, self.settings.start)
        if self.settings.freeze_norms:
            freeze_batch_norm(model)
        model = use_fused_torch_layers(student_model(model) if self.settings.teacher else logits_model(model))
        compile_model(model, self.settings, self.loss())
        return model

    def loss(self) -> dict[str, Any]:
        """Return the matting loss, with a teacher also the losses of its features."""
        if self.settings.teacher:
            return student_losses(self.settings.pairs, TEACHER_WEIGHT)
        return {"loss": MattingLoss(self.settings.pairs)}

    def datasets(
        self, config: RunConfig, progress: ProgressCallback = ignore_progress
    ) -> tuple[SceneDataset | DistillationDataset, None]:
        """Decode all assets and write the previews. Validation happens in `evaluate`, not in Keras."""
        # Scenes are rendered in threads of their own.
        cv2.setNumThreads(1)
        settings, size = self.settings, self._input_size
        training = SceneDataset(
            load_asset_pool(settings, "trainval", progress),
            size,
            batch=config.batch,
            steps=settings.steps,
            seed=config.seed,
            pairs=settings.pairs,
            mix=settings.mix,
            workers=settings.workers,
            echo=True,
        )
        self._validation = SceneDataset(
            load_asset_pool(settings, "test", progress),
            size,
            batch=VALIDATION_BATCH_SIZE,
            steps=VALIDATION_BATCHES,
            seed=VALIDATION_SEED,
            mix=settings.mix,
        )
        plot_scenes(training.examples(0), config.out / "scenes.png")
        write_augmentation_preview(training.pool, size, config.out / "augmentations.png")
        if settings.teacher:
            return DistillationDataset(training, _load_teacher(settings.teacher, size)), None
        return training, None

    def callbacks(self, checkpoint: Checkpoint | None) -> list[keras.callbacks.Callback]:
        """Return the moving average, whose horizon is at most 2000 steps."""
        self._evaluated = self._network.build(self.settings.size)
        decay = min(0.9995, 1 - 20 / (self.settings.total_steps + 20))
        return [EmaCallback(decay, checkpoint.average if checkpoint else None)]

    def evaluate(self, model: keras.Model, average: Arrays, logs: Mapping[str, float]) -> EpochResult:
        """Score the averaged weights on the validation scenes."""
        self._evaluated.set_weights(average)
        metrics, examples, mattes = validate(self._evaluated, self._validation)
        self._previews = examples, mattes
        return EpochResult(metrics.miou, {**asdict(metrics), **logs}, self._evaluated)

    def write_figures(self, run: Path) -> None:
        """Write ``predictions.png``."""
        plot_predictions(*self._previews, run / "predictions.png")


def compile_model(model: keras.Model, settings: TrainSettings, losses: Mapping[str, Any]) -> None:
    """Compile with AdamW, a warm-up and a cosine decay over the whole run.

    `losses` are the arguments ``loss`` and, if needed, ``loss_weights`` of ``compile``.
    """
    warmup_steps = min(200, settings.total_steps // 10)
    peak = settings.run.learning_rate
    # Without a warm-up step the peak rate comes first; Keras refuses a schedule of 0 steps.
    rate = keras.optimizers.schedules.CosineDecay(
        peak / 20 if warmup_steps else peak,
        max(1, settings.total_steps - warmup_steps),
        alpha=0.02,
        warmup_target=peak if warmup_steps else None,
        warmup_steps=warmup_steps,
    )
    model.compile(optimizer=keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=1.0), **losses)


def validate(
    model: keras.Model, validation: SceneDataset
) -> tuple[ValidationMetrics, list[TrainingExample], list[Matte]]:
    """Score a model's mattes on all examples; also return examples and mattes of the first batches."""
    mattes: list[Matte] = []
    true_mattes: list[Matte] = []
    valid_masks, previews = [], []
    for index in range(len(validation)):
        examples = validation.examples(index)
        images = np.stack([e.frame for e in examples]).astype(np.float32) / np.float32(255)
        mattes += list(keras.ops.convert_to_numpy(model(images, training=False)["matte"])[..., 0])
        true_mattes += [np.asarray(e.matte, np.float32) / np.float32(255) for e in examples]
        valid_masks += [e.valid_mask > 0 for e in examples]
        previews += examples if index < PREVIEW_BATCHES else []
    return mean_metrics(mattes, true_mattes, valid_masks), previews, mattes[: len(previews)]


def load_asset_pool(
    settings: TrainSettings, split: str, progress: ProgressCallback = ignore_progress
) -> AssetPool:
    """Decode all assets of a split. The last tenth of background and negative images is for the test split.

    Raises:
        TrainingError: a folder or a file cannot be used.
    """
    samples, backgrounds, negatives = _list_assets(settings, split)
    foregrounds = []
    for done, sample in enumerate(samples, 1):
        foregrounds.append(load_foreground(sample, settings.longest))
        progress(f"decode {split}", done, len(samples))
    # The test split is never oversampled: its scores stay comparable.
    return AssetPool(
        foregrounds,
        [load_image(path, settings.longest) for path in backgrounds],
        [load_image(path, settings.longest) for path in negatives],
        dict(settings.often) if split == "trainval" else {},
        tuple(settings.never_pasted),
    )


def _list_assets(settings: TrainSettings, split: str) -> tuple[list[SamplePaths], list[Path], list[Path]]:
    samples = [sample for folder in settings.run.data for sample in list_samples(folder, split)]
    backgrounds = [path for folder in settings.rooms for path in _of_split(list_images(folder), split)]
    negatives = [path for folder in settings.empty for path in _of_split(list_images(folder), split)]
    return samples, backgrounds, negatives


def _of_split(images: list[T], split: str) -> list[T]:
    held_out = max(1, len(images) // 10)
    return images[-held_out:] if split == "test" else images[:-held_out] or images


def _load_initial_weights(model: keras.Model, start: Path) -> None:
    try:
        initial = keras.models.load_model(start, compile=False)
        if can_be_slimmed(initial, model):
            slim(initial, model)
        else:
            transfer_weights(initial, model)
    except Exception as error:  # Keras, zipfile, h5py and json each have their own
        raise TrainingError(
            f"{start} doesn't hold weights for this network; name a run's best.keras with --start"
        ) from error


def _load_teacher(path: Path, size: Size) -> TeacherModel:
    try:
        return TeacherModel(keras.models.load_model(path, compile=False), size)
    except LivecamError:
        raise
    except Exception as error:  # Keras, zipfile, h5py and json each have their own
        raise TrainingError(f"{path} can't be read as a trained network; name a .keras file") from error
