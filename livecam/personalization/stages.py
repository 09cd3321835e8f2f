"""The heavy stages of learning on disk: labels to a tuned network, to a model, to a verdict."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livecam.core.errors import AnnotationError, TrainingError
from livecam.core.geometry import Size
from livecam.datasets.evaluation_set import LabeledFrame, load_evaluation_set
from livecam.datasets.pets import Foreground, SamplePaths, list_samples, load_foreground
from livecam.models.model_card import ModelCard
from livecam.models.registry import resolve_model
from livecam.models.segmenter import LiteRTSegmenter
from livecam.personalization.comparison import ComparisonResult, compare, live_miou
from livecam.personalization.finetune import FinetuneConfig, Notify, finetune, load_network, save_network
from livecam.personalization.regression_set import demo_foregrounds, load_backgrounds, regression_set
from livecam.personalization.replay import build_replay_dataset
from livecam.personalization.weight_interpolation import ALPHAS, MAX_REGRESSION_DROP, select_alpha
from livecam.training.export.exporter import export_model

LONGEST = 640
"""Pixels of the longer side of what is learnt from; the network sees less."""
FINETUNE_CONFIG = FinetuneConfig()


def run_finetune(
    folder: Path, base: str, data: Sequence[Path], rooms: Sequence[Path], out: Path, tell: Notify
) -> dict[str, Any]:
    """Fine-tune `base` on the labels of a learning folder and export what came of it to `out`.

    Raises:
        LivecamError: data, a network or a model that can't be used. OSError: nothing can be written.
    """
    card = resolve_model(base)
    model = load_network(card.with_suffix(".keras"))
    old = [weight.copy() for weight in model.get_weights()]
    learn, choose, _ = split_samples(folder / "labels")
    walls, others = load_backgrounds(rooms), demo_foregrounds(base)
    given = [_read(sample) for path in data for sample in list_samples(path, "trainval")]
    height, width = model.input_shape[1:3]
    lessons, loss = build_replay_dataset(
        [_read(sample) for sample in learn], given, others, walls,
        LiteRTSegmenter.load(base, threads=1), Size(width, height), FINETUNE_CONFIG.rows,
        FINETUNE_CONFIG.steps, FINETUNE_CONFIG.seed,
    )  # fmt: skip
    new = finetune(model, lessons, loss, FINETUNE_CONFIG, folder / "run", tell)
    own = _shots(folder / "labels", {sample.name for sample in choose}, "trainval")
    regression = regression_set(others, load_backgrounds(()), data)
    before = live_miou(base, regression)
    shares: tuple[float, ...] = ALPHAS
    while True:
        choice = select_alpha(model, old, new, own, regression, shares)
        save_network(model, folder / "run" / "tuned.keras")
        _export(folder / "run" / "tuned.keras", out, _notes(card))
        lost = before - live_miou(str(out), regression)
        shares = tuple(share for share in ALPHAS if share < choice.alpha)
        # Rounded weights and the whole way of a frame have the last word.
        if lost <= MAX_REGRESSION_DROP or not shares:
            break
        tell(f"{choice.alpha:.0%} of the way makes other scenes worse by {lost:.1f} points: less of it")
    tell(f"of the way from the old weights to the new ones {choice.alpha:.0%} is best")
    return {"share": choice.alpha, "chosen_iou": choice.own, "chosen_regression": choice.regression}


def _export(network: Path, out: Path, notes: tuple[str, ...]) -> None:
    """In small weights where they say the same as the network, in exact ones otherwise."""
    try:
        export_model(network, out, notes)
    except TrainingError:
        export_model(network, out, notes, precision="float32")


def _read(sample: SamplePaths) -> Foreground:
    return load_foreground(sample, LONGEST)


def _notes(card: Path) -> tuple[str, ...]:
    base = ModelCard.read(card)
    return (
        f"Learnt further from {base.name}, from frames of one user, by `livecam learn`: it is theirs.",
        *(str(note) for note in base.metadata.get("notes", ())),
    )


def _shots(labels: Path, names: set[str], split: str) -> list[LabeledFrame]:
    return [
        shot for case in load_evaluation_set(labels, split) if case.name in names for shot in case.frames()
    ]


def run_comparison(
    folder: Path, base: str, data: Sequence[Path], model: Path, picture: Path
) -> ComparisonResult:
    """Compare `base` and `model` on the held-out frames and the regression set.

    Raises:
        LivecamError: frames or a model that can't be used.
    """
    _, _, test = split_samples(folder / "labels")
    held_out = _shots(folder / "labels", {sample.name for sample in test}, "test")
    return compare(
        (base, str(model)),
        held_out,
        regression_set(demo_foregrounds(base), load_backgrounds(()), data),
        picture,
    )


MIN_FRAMES, SELECTION_SHARE = 4, 5
"""So many frames are needed to learn from; every fifth of them only chooses how far the weights may go."""


def split_samples(labels: Path) -> tuple[list[SamplePaths], list[SamplePaths], list[SamplePaths]]:
    """The user's labelled frames: to learn from, to choose by, held out. No frame is in two of them.

    Raises:
        AnnotationError: too few frames. TrainingError: not in Pets layout.
    """
    test, rest = (_listed(labels, split) for split in ("test", "trainval"))
    held_out = {sample.name for sample in test}
    rest = [sample for sample in rest if sample.name not in held_out]
    choose = rest[SELECTION_SHARE // 2 :: SELECTION_SHARE]
    learn = [sample for sample in rest if sample not in choose]
    if len(learn) < MIN_FRAMES or not choose or not test:
        raise AnnotationError(
            f"only {len(rest)} frames are labelled to learn from and {len(test)} to judge by; look at those "
            f"that were set aside (livecam label --review {labels}) and give the same command again, or "
            "record more with --seconds under another --name"
        )
    return learn, choose, test


def _listed(labels: Path, split: str) -> list[SamplePaths]:
    listing = labels / "annotations" / f"{split}.txt"
    # While everything is set aside, lists are there and empty.
    empty = listing.is_file() and not listing.read_text(encoding="utf-8").strip()
    return [] if empty else list_samples(labels, split)
