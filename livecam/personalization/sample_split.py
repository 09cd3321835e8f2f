"""Split of a user's annotated frames into training, selection and test frames. Imports no Keras."""

from pathlib import Path

from livecam.core.errors import AnnotationError
from livecam.datasets.pets import SamplePaths, list_samples

MIN_FRAMES = 4
"""Number of training frames below which fine-tuning is refused."""
SELECTION_INTERVAL = 5
"""Every fifth frame is not trained with, but used to select alpha (see `weight_interpolation`)."""


def split_samples(labels: Path) -> tuple[list[SamplePaths], list[SamplePaths], list[SamplePaths]]:
    """Split the annotated frames. Returns: training, selection and test frames, disjoint.

    Raises:
        AnnotationError: there are too few frames.
        TrainingError: `labels` is not in Pets layout.
    """
    test, rest = (_list(labels, split) for split in ("test", "trainval"))
    test_names = {sample.name for sample in test}
    rest = [sample for sample in rest if sample.name not in test_names]
    select = rest[SELECTION_INTERVAL // 2 :: SELECTION_INTERVAL]
    train = [sample for sample in rest if sample not in select]
    if len(train) < MIN_FRAMES or not select or not test:
        raise AnnotationError(
            f"only {len(rest)} frames are labelled to learn from and {len(test)} to judge by; look at those "
            f"that were set aside (livecam label --review {labels}) and give the same command again, or "
            "record more with --seconds under another --name"
        )
    return train, select, test


def _list(labels: Path, split: str) -> list[SamplePaths]:
    listing = labels / "annotations" / f"{split}.txt"
    # If all frames are flagged, the lists exist and are empty; `list_samples` refuses an empty list.
    is_empty = listing.is_file() and not listing.read_text(encoding="utf-8").strip()
    return [] if is_empty else list_samples(labels, split)
