"""What a training run depends on, and the checks before anything is read."""

import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from livecam.core.errors import UsageError
from livecam.core.geometry import Size
from livecam.training.data.scene_sampler import SceneMix

VIEWS_PER_PAIR = 4
"""One in so many views of a batch begins a pair; so many are the smallest batch."""
SIZE_MULTIPLE = 16
"""Networks halve a picture four times without a rest; what they halve further is rounded up."""


@dataclass(frozen=True)
class TrainSettings:
    """What a run depends on; the same settings give the same scenes.

    `data` are folders in Pets layout; `rooms` are folders of pictures to paste subjects on,
    `empty` of
    pictures with nothing to keep. `size` trains at another size than the network's own: half the size is a
    cheap first phase. `start` is a ``.keras`` file whose weights are the first ones; its network may be
    narrower, or larger and of the same blocks (see `livecam.training.networks.slimming`). `teacher` is a
    ``.keras`` file whose mattes and features are learnt besides the labels. With `freeze_norms` its
    normalisations stay as they are
    (see `livecam.training.networks.matting_net`).
    Pictures whose names begin with a word of `often` are shown so many times as often as others.
    """

    data: tuple[Path, ...]
    out: Path
    rooms: tuple[Path, ...] = ()
    empty: tuple[Path, ...] = ()
    network: str = "person"
    size: Size | None = None
    start: Path | None = None
    teacher: Path | None = None
    freeze_norms: bool = False
    epochs: int = 60
    steps: int = 250
    batch: int = 16
    learning_rate: float = 2e-3
    seed: int = 1
    workers: int = 2
    longest: int = 416
    resume: bool = False
    often: tuple[tuple[str, int], ...] = ()
    mix: SceneMix = field(default_factory=SceneMix)

    @property
    def pairs(self) -> int:
        """Pairs of the same scene in each batch."""
        return self.batch // VIEWS_PER_PAIR

    @property
    def total(self) -> int:
        """Batches of the whole run."""
        return self.epochs * self.steps

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``settings.json``."""
        return {k: _plain(v) for k, v in asdict(self).items() if k != "resume"}


def _plain(value: Any) -> Any:
    if isinstance(value, Size):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def validate_settings(settings: TrainSettings, networks: tuple[str, ...]) -> None:
    """Check every word and number; reads nothing from disk.

    Raises:
        UsageError: one of them can't be used.
    """
    if settings.network not in networks:
        raise UsageError(f"no network is called {settings.network!r}; there are {', '.join(networks)}")
    if not settings.data:
        raise UsageError("nothing to train with; name at least one folder in Pets layout")
    _check_numbers(settings)
    if settings.freeze_norms and not settings.start:
        raise UsageError("--freeze-norms keeps what a trained network has counted; name one with --start")
    if settings.size:
        check_size(settings.size)
    for name, times in settings.often:
        if times < 1:
            raise UsageError(f"--often {name}={times} is too small; give {name}=2 or more")
    _check_mix(settings.mix)


def _check_numbers(settings: TrainSettings) -> None:
    smallest = {"epochs": 1, "steps": 1, "batch": VIEWS_PER_PAIR, "seed": 0, "workers": 1, "longest": 32}
    for name, least in smallest.items():
        if getattr(settings, name) < least:
            raise UsageError(f"--{name} {getattr(settings, name)} is too small; give {least} or more")
    if settings.seed >= 2**32:
        raise UsageError(f"--seed {settings.seed} is too large; give less than {2**32}")
    if not 0 < settings.learning_rate <= 1:
        raise UsageError(
            f"--learning-rate {settings.learning_rate:g} is not above 0 and at most 1; try 0.002"
        )


def check_size(size: Size) -> None:
    """Check that the network can halve pictures of `size` as often as it does.

    Raises:
        UsageError: it can't.
    """
    if min(size) < SIZE_MULTIPLE or any(side % SIZE_MULTIPLE for side in size):
        near = Size(*(max(SIZE_MULTIPLE, round(side / SIZE_MULTIPLE) * SIZE_MULTIPLE) for side in size))
        raise UsageError(f"--size {size} is not divisible by {SIZE_MULTIPLE}; try {near}")


def _check_mix(mix: SceneMix) -> None:
    shares = [getattr(mix, part.name) for part in fields(mix)]
    if not all(0 <= share <= 1 for share in shares) or not math.fsum(shares) <= 1:
        raise UsageError(
            f"the shares of {mix} are not between 0 and 1 with a sum of at most 1; make them smaller"
        )
