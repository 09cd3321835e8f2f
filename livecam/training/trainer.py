"""The recipe: settings in, a run's folder out.

A run's folder holds ``settings.json``, ``history.csv``, ``curves.png``, ``scenes.png`` (what the network is
shown), ``augmentations.png`` (what may happen to a scene, by name), ``predictions.png`` (what it answers),
``best.keras`` (the averaged weights that scored best) and ``backup/`` (to go on from with ``--resume``).
"""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import cv2
import keras
from tqdm import tqdm

from livecam.core.errors import LivecamError, TrainingError
from livecam.core.geometry import Size
from livecam.datasets.pets import SamplePaths, list_images, list_samples, load_foreground, load_image
from livecam.training.augmentation_preview import write_augmentation_preview
from livecam.training.callbacks import EmaEvaluator, ProgressBar, validate
from livecam.training.checkpoint import Checkpoint, find_checkpoint, prepare_run_dir, restore
from livecam.training.config import TrainSettings, validate_settings
from livecam.training.data.dataset import AssetPool, SceneDataset
from livecam.training.distillation import DistillationDataset, TeacherModel, student_losses, student_model
from livecam.training.figures import plot_scenes
from livecam.training.losses import MattingLoss
from livecam.training.malloc import retain_freed_memory
from livecam.training.networks.matting_net import (
    ARCHITECTURES,
    AnyNetwork,
    build_model,
    freeze_batch_norm,
    logits_model,
)
from livecam.training.networks.net2net import transfer_weights
from livecam.training.networks.slimming import is_separable, slim
from livecam.training.networks.torch_layers import use_fused_torch_layers

__all__ = ["EmaEvaluator", "TrainSettings", "compile_model", "fit", "load_asset_pool", "train", "validate"]

T = TypeVar("T")
TEACHER_WEIGHT = 1.0
"""The weight of the teacher's matte in the loss."""
VALIDATION_BATCHES, VALIDATION_BATCH_SIZE, VALIDATION_SEED = 24, 16, 99


def train(settings: TrainSettings) -> Path:
    """Train a network; give back the path of the best averaged weights.

    Raises:
        UsageError: a word or number that can't be used, or the run's folder is in use or not to be resumed
        so. TrainingError: data, first weights or a folder that can't be trained with.
    """
    validate_settings(settings, tuple(ARCHITECTURES))
    retain_freed_memory()
    # Scenes are drawn in threads of their own.
    cv2.setNumThreads(1)
    state = find_checkpoint(settings)
    for split in ("trainval", "test"):
        _list(settings, split)
    keras.utils.set_random_seed(settings.seed)
    network = _network(settings)
    model = _first_model(settings, network, state)
    prepare_run_dir(settings, state)
    batches, validation = _batches(settings, Size(*network.size))
    plot_scenes(batches.examples(0), settings.out / "scenes.png")
    write_augmentation_preview(batches.pool, Size(*network.size), settings.out / "augmentations.png")
    averager = EmaEvaluator(settings.out, validation, _decay(settings), build_model(network), state)
    taught_batches = (
        DistillationDataset(batches, _teacher(settings.teacher, network)) if settings.teacher else batches
    )
    fit(model, batches, averager, state.epoch if state else 0, settings.epochs, taught_batches)
    best = settings.out / "best.keras"
    if not best.is_file():
        raise TrainingError(f"{best} is missing; begin another run with --out")
    return best


def fit(
    model: keras.Model,
    batches: SceneDataset,
    averager: EmaEvaluator,
    done: int,
    epochs: int,
    taught_batches: keras.utils.PyDataset | None = None,
) -> None:
    """Train a compiled model from epoch `done` on until `epochs` are done.

    `taught_batches` are `batches` with what a teacher adds to them.
    """

    def follow(epoch: int, logs: dict[str, float] | None = None) -> None:
        # What is drawn depends on the epoch's number, also when a run goes on in its middle.
        batches.epoch = epoch

    follow(done)
    callbacks = [keras.callbacks.LambdaCallback(on_epoch_begin=follow), ProgressBar(), averager]
    model.fit(
        taught_batches or batches,
        initial_epoch=done,
        epochs=epochs,
        shuffle=False,
        callbacks=callbacks,
        verbose=0,
    )


def load_asset_pool(settings: TrainSettings, split: str) -> AssetPool:
    """Decode all that scenes of a split are made of; the last tenth of the rooms is kept for the test split.

    Raises:
        TrainingError: a folder or a file that can't be trained with.
    """
    samples, rooms, empties = _list(settings, split)
    bar = tqdm(samples, desc=f"decoding {split}", unit="picture", disable=None)
    # What is judged stays what it is.
    often = dict(settings.often) if split == "trainval" else {}
    subjects = [load_foreground(sample, settings.longest) for sample in bar]
    return AssetPool(
        subjects,
        [load_image(path, settings.longest) for path in rooms],
        [load_image(path, settings.longest) for path in empties],
        often,
    )


def _list(settings: TrainSettings, split: str) -> tuple[list[SamplePaths], list[Path], list[Path]]:
    samples = [sample for folder in settings.data for sample in list_samples(folder, split)]
    rooms = [path for folder in settings.rooms for path in _part(list_images(folder), split)]
    return samples, rooms, [path for folder in settings.empty for path in _part(list_images(folder), split)]


def _part(pictures: list[T], split: str) -> list[T]:
    held = max(1, len(pictures) // 10)
    return pictures[-held:] if split == "test" else pictures[:-held] or pictures


def _network(settings: TrainSettings) -> AnyNetwork:
    network = ARCHITECTURES[settings.network]
    return replace(network, size=(settings.size.width, settings.size.height)) if settings.size else network


def _batches(settings: TrainSettings, size: Size) -> tuple[SceneDataset, SceneDataset]:
    """The batches to learn from and those to judge by."""
    learned = SceneDataset(
        load_asset_pool(settings, "trainval"),
        size,
        batch=settings.batch,
        steps=settings.steps,
        seed=settings.seed,
        pairs=settings.pairs,
        mix=settings.mix,
        workers=settings.workers,
        echo=True,
    )
    judged = load_asset_pool(settings, "test")
    return learned, SceneDataset(
        judged,
        size,
        batch=VALIDATION_BATCH_SIZE,
        steps=VALIDATION_BATCHES,
        seed=VALIDATION_SEED,
        mix=settings.mix,
    )


def _decay(settings: TrainSettings) -> float:
    return min(0.9995, 1 - 20 / (settings.total + 20))


def _first_model(settings: TrainSettings, network: AnyNetwork, state: Checkpoint | None) -> keras.Model:
    """The model that this part of the run begins with: new, of another run's weights, or where it stood."""
    model = build_model(network)
    if settings.start and not state:
        _load_initial_weights(model, settings.start)
    if settings.freeze_norms:
        freeze_batch_norm(model)
    model = use_fused_torch_layers(student_model(model) if settings.teacher else logits_model(model))
    compile_model(model, settings)
    if state:
        restore(model, state, settings.out)
    return model


def _load_initial_weights(model: keras.Model, start: Path) -> None:
    try:
        first = keras.models.load_model(start, compile=False)
        if is_separable(model) and not is_separable(first):
            slim(first, model)
        else:
            transfer_weights(first, model)
    except Exception as error:  # Keras, zipfile, h5py and json each have their own
        raise TrainingError(
            f"{start} doesn't hold weights for this network; name a run's best.keras with --start"
        ) from error


def _teacher(path: Path, network: AnyNetwork) -> TeacherModel:
    try:
        return TeacherModel(keras.models.load_model(path, compile=False), Size(*network.size))
    except LivecamError:
        raise
    except Exception as error:  # Keras, zipfile, h5py and json each have their own
        raise TrainingError(f"{path} can't be read as a trained network; name a .keras file") from error


def compile_model(model: keras.Model, settings: TrainSettings) -> None:
    """AdamW with a warm-up and a cosine's decay over the whole run, and the loss of scenes."""
    warm = min(200, settings.total // 10)
    # With no step to warm up in, the highest rate comes first; a schedule of no steps is none.
    first = settings.learning_rate / 20 if warm else settings.learning_rate
    rate = keras.optimizers.schedules.CosineDecay(
        first,
        max(1, settings.total - warm),
        alpha=0.02,
        warmup_target=settings.learning_rate if warm else None,
        warmup_steps=warm,
    )
    losses = (
        student_losses(settings.pairs, TEACHER_WEIGHT)
        if settings.teacher
        else {"loss": MattingLoss(settings.pairs)}
    )
    model.compile(optimizer=keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=1.0), **losses)
