"""A user's labelled frames in three parts: to learn from, to choose by, held out."""

from pathlib import Path

from livecam.errors import LabellingError
from livecam.training.samples import Sample, read_samples

LEAST_FRAMES, CHOOSING = 4, 5
"""So many frames are needed to learn from; every fifth of them only chooses how far the weights may go."""


def part_samples(labels: Path) -> tuple[list[Sample], list[Sample], list[Sample]]:
    """The user's labelled frames: to learn from, to choose by, held out. No frame is in two of them.

    Raises:
        LabellingError: too few frames. TrainingError: not in Pets layout.
    """
    test = read_samples(labels, "test")
    held_out = {sample.name for sample in test}
    rest = [sample for sample in read_samples(labels, "trainval") if sample.name not in held_out]
    choose = rest[CHOOSING // 2 :: CHOOSING]
    learn = [sample for sample in rest if sample not in choose]
    if len(learn) < LEAST_FRAMES or not choose:
        raise LabellingError(
            f"only {len(rest)} frames are labelled to learn from; record more with --seconds, or accept "
            f"frames on the page in {labels / 'review'}"
        )
    return learn, choose, test
