"""A user's labelled frames in three parts: to learn from, to choose by, held out."""

from pathlib import Path

from livecam.core.errors import LabellingError
from livecam.datasets.pets import Sample, read_samples

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
