"""The heavy stages of learning on disk: labels to a tuned network, to a model, to a verdict."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livecam.core.errors import LabellingError, TrainingError
from livecam.core.geometry import Size
from livecam.datasets.evaluation_set import Shot, read_cases
from livecam.datasets.pets import Sample, Subject, read_samples, read_subject
from livecam.models.model_card import read_card
from livecam.models.registry import find_model
from livecam.models.segmenter import Segmenter
from livecam.personalization.comparison import Verdict, compare, live_miou
from livecam.personalization.finetune import Effort, Tell, load_network, save_network, tune
from livecam.personalization.regression_set import astronaut, regression_set, rooms_of
from livecam.personalization.replay import make_lessons
from livecam.personalization.weight_interpolation import LEEWAY, SHARES, choose_share
from livecam.training.export.exporter import export

LONGEST = 640
"""Pixels of the longer side of what is learnt from; the network sees less."""
EFFORT = Effort()


def tune_on(
    folder: Path, base: str, data: Sequence[Path], rooms: Sequence[Path], out: Path, tell: Tell
) -> dict[str, Any]:
    """Fine-tune `base` on the labels of a learning folder and export what came of it to `out`.

    Raises:
        LivecamError: data, a network or a model that can't be used. OSError: nothing can be written.
    """
    card = find_model(base)
    model = load_network(card.with_suffix(".keras"))
    old = [weight.copy() for weight in model.get_weights()]
    learn, choose, _ = part_samples(folder / "labels")
    walls, others = rooms_of(rooms), astronaut(base)
    given = [_read(sample) for path in data for sample in read_samples(path, "trainval")]
    height, width = model.input_shape[1:3]
    lessons, loss = make_lessons(
        [_read(sample) for sample in learn], given, others, walls,
        Segmenter.load(base, threads=1), Size(width, height), EFFORT.rows, EFFORT.steps, EFFORT.seed,
    )  # fmt: skip
    new = tune(model, lessons, loss, EFFORT, folder / "run", tell)
    own = _shots(folder / "labels", {sample.name for sample in choose}, "trainval")
    regression = regression_set(others, rooms_of(()), data)
    before = live_miou(base, regression)
    shares: tuple[float, ...] = SHARES
    while True:
        choice = choose_share(model, old, new, own, regression, shares)
        save_network(model, folder / "run" / "tuned.keras")
        _export(folder / "run" / "tuned.keras", out, _notes(card))
        lost = before - live_miou(str(out), regression)
        shares = tuple(share for share in SHARES if share < choice.share)
        # Rounded weights and the whole way of a frame have the last word.
        if lost <= LEEWAY or not shares:
            break
        tell(f"{choice.share:.0%} of the way makes other scenes worse by {lost:.1f} points: less of it")
    tell(f"of the way from the old weights to the new ones {choice.share:.0%} is best")
    return {"share": choice.share, "chosen_iou": choice.own, "chosen_regression": choice.regression}


def _export(network: Path, out: Path, notes: tuple[str, ...]) -> None:
    """In small weights where they say the same as the network, in exact ones otherwise."""
    try:
        export(network, out, notes)
    except TrainingError:
        export(network, out, notes, precision="float32")


def _read(sample: Sample) -> Subject:
    return read_subject(sample, LONGEST)


def _notes(card: Path) -> tuple[str, ...]:
    base = read_card(card)
    return (
        f"Learnt further from {base.name}, from frames of one user, by `livecam learn`: it is theirs.",
        *(str(note) for note in base.about.get("notes", ())),
    )


def _shots(labels: Path, names: set[str], split: str) -> list[Shot]:
    return [shot for case in read_cases(labels, split) if case.name in names for shot in case.shots()]


def judge(folder: Path, base: str, data: Sequence[Path], model: Path, picture: Path) -> Verdict:
    """Compare `base` and `model` on the held-out frames and the regression set.

    Raises:
        LivecamError: frames or a model that can't be used.
    """
    _, _, test = part_samples(folder / "labels")
    held_out = _shots(folder / "labels", {sample.name for sample in test}, "test")
    return compare((base, str(model)), held_out, regression_set(astronaut(base), rooms_of(()), data), picture)


LEAST_FRAMES, CHOOSING = 4, 5
"""So many frames are needed to learn from; every fifth of them only chooses how far the weights may go."""


def part_samples(labels: Path) -> tuple[list[Sample], list[Sample], list[Sample]]:
    """The user's labelled frames: to learn from, to choose by, held out. No frame is in two of them.

    Raises:
        LabellingError: too few frames. TrainingError: not in Pets layout.
    """
    test, rest = (_listed(labels, split) for split in ("test", "trainval"))
    held_out = {sample.name for sample in test}
    rest = [sample for sample in rest if sample.name not in held_out]
    choose = rest[CHOOSING // 2 :: CHOOSING]
    learn = [sample for sample in rest if sample not in choose]
    if len(learn) < LEAST_FRAMES or not choose or not test:
        raise LabellingError(
            f"only {len(rest)} frames are labelled to learn from and {len(test)} to judge by; look at those "
            f"that were set aside (livecam label --review {labels}) and give the same command again, or "
            "record more with --seconds under another --name"
        )
    return learn, choose, test


def _listed(labels: Path, split: str) -> list[Sample]:
    listing = labels / "annotations" / f"{split}.txt"
    # While everything is set aside, lists are there and empty.
    empty = listing.is_file() and not listing.read_text(encoding="utf-8").strip()
    return [] if empty else read_samples(labels, split)
