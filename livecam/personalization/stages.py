"""The stages that need Keras: fine-tune and export a model, and compare it with its base."""

from collections.abc import Sequence
from pathlib import Path

from livecam.core.errors import TrainingError
from livecam.core.geometry import Size
from livecam.core.progress import Notify, ProgressLine
from livecam.datasets.evaluation_set import LabeledFrame, load_evaluation_set
from livecam.datasets.pets import Foreground, SamplePaths, list_samples, load_foreground
from livecam.models.model_card import ModelCard
from livecam.models.registry import resolve_model
from livecam.models.segmenter import LiteRTSegmenter
from livecam.personalization.comparison import ComparisonResult, compare, live_miou
from livecam.personalization.finetune import FinetuneConfig, finetune, load_network, save_network
from livecam.personalization.regression_set import demo_foregrounds, load_backgrounds, regression_set
from livecam.personalization.replay import build_replay_dataset
from livecam.personalization.results import FinetuneResult
from livecam.personalization.sample_split import split_samples
from livecam.personalization.weight_interpolation import ALPHAS, MAX_REGRESSION_DROP, select_alpha
from livecam.training.export.exporter import export_model

LONGEST = 640
"""Longer side in pixels of the training images; the network's input is smaller."""
FINETUNE_CONFIG = FinetuneConfig()


def run_finetune(
    folder: Path, base: str, data: Sequence[Path], backgrounds: Sequence[Path], out: Path, notify: Notify
) -> FinetuneResult:
    """Fine-tune `base` on the user's frames, and export the result.

    Args:
        folder: directory of the name, with the data set in ``labels``.
        base: name or file of the base model.
        data: further directories in Pets layout to train with.
        backgrounds: directories of background images.
        out: the .tflite file to write.
        notify: receives a line for each step of the progress.

    Raises:
        LivecamError: data or a model can't be used.
        OSError: nothing can be written.
    """
    card = resolve_model(base)
    model = load_network(card.with_suffix(".keras"))
    old = [weight.copy() for weight in model.get_weights()]
    train, select, _ = split_samples(folder / "labels")
    images, others = load_backgrounds(backgrounds), demo_foregrounds(base)
    extra = [_load(sample) for path in data for sample in list_samples(path, "trainval")]
    height, width = model.input_shape[1:3]
    dataset, loss = build_replay_dataset(
        [_load(sample) for sample in train], extra, others, images,
        LiteRTSegmenter.load(base, threads=1), Size(width, height), FINETUNE_CONFIG.rows,
        FINETUNE_CONFIG.steps, FINETUNE_CONFIG.seed,
    )  # fmt: skip
    new = finetune(model, dataset, loss, FINETUNE_CONFIG, folder / "run", notify)
    # This takes minutes on a busy machine, and no time left is known for it.
    notify(ProgressLine("looking for the best mixture of the old and the new weights", "compare"))
    own = _labeled_frames(folder / "labels", {sample.name for sample in select}, "trainval")
    regression = regression_set(others, load_backgrounds(()), data)
    before = live_miou(base, regression)
    alphas: tuple[float, ...] = ALPHAS
    while True:
        choice = select_alpha(model, old, new, own, regression, alphas)
        save_network(model, folder / "run" / "tuned.keras")
        _export(folder / "run" / "tuned.keras", out, _notes(card))
        lost = before - live_miou(str(out), regression)
        alphas = tuple(alpha for alpha in ALPHAS if alpha < choice.alpha)
        # The exported model is measured too: its weights are rounded, and its pipeline filters the matte.
        if lost <= MAX_REGRESSION_DROP or not alphas:
            break
        notify(f"{choice.alpha:.0%} of the way makes other scenes worse by {lost:.1f} points: less of it")
    text = f"of the way from the old weights to the new ones {choice.alpha:.0%} is best"
    notify(ProgressLine(text, "compare"))
    return FinetuneResult(choice.alpha, choice.own, choice.regression)


def run_comparison(
    folder: Path, base: str, data: Sequence[Path], model: Path, image: Path
) -> ComparisonResult:
    """Compare `base` and `model` on the user's held-out frames and the regression set.

    Raises:
        LivecamError: frames or a model can't be used.
    """
    _, _, test = split_samples(folder / "labels")
    held_out = _labeled_frames(folder / "labels", {sample.name for sample in test}, "test")
    regression = regression_set(demo_foregrounds(base), load_backgrounds(()), data)
    return compare((base, str(model)), held_out, regression, image)


def _export(network: Path, out: Path, notes: tuple[str, ...]) -> None:
    """Export with int8 weights, or with float32 weights if the int8 model differs from the network."""
    try:
        export_model(network, out, notes)
    except TrainingError:
        export_model(network, out, notes, precision="float32")


def _load(sample: SamplePaths) -> Foreground:
    return load_foreground(sample, LONGEST)


def _notes(card: Path) -> tuple[str, ...]:
    base = ModelCard.read(card)
    return (
        f"Learnt further from {base.name}, from frames of one user, by `livecam learn`: it is theirs.",
        *(str(note) for note in base.metadata.get("notes", ())),
    )


def _labeled_frames(labels: Path, names: set[str], split: str) -> list[LabeledFrame]:
    samples = load_evaluation_set(labels, split)
    return [frame for sample in samples if sample.name in names for frame in sample.frames()]
