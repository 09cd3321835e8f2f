"""Settings of a training run and their checks. Reads nothing from disk and needs no Keras."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

from livecam.core.errors import UsageError
from livecam.core.geometry import Size
from livecam.training.data.scene_sampler import SceneMix

VIEWS_PER_PAIR = 4
"""One in this many examples of a batch starts a pair; also the smallest batch."""
SIZE_MULTIPLE = 16
"""Sides of a network's input are divisible by this. Levels below 1/16 are rounded up."""


@dataclass(frozen=True)
class RunConfig:
    """Options that every recipe has; checked when it is made.

    `data` are folders in Pets layout, `out` is the run's folder, `learning_rate` is the peak value. Each of
    `devices` computes an equal share of every batch (`livecam.training.distribution`).

    Raises:
        UsageError: a value is out of range.
    """

    data: tuple[Path, ...]
    out: Path
    epochs: int = 60
    batch: int = 16
    learning_rate: float = 2e-3
    seed: int = 1
    devices: int = 1
    resume: bool = False

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """Check all values.

        Raises:
            UsageError: a value is out of range.
        """
        if not self.data:
            raise UsageError("nothing to train with; name at least one folder in Pets layout")
        check_minimum(self, {"epochs": 1, "batch": VIEWS_PER_PAIR, "seed": 0, "devices": 1})
        _check_shares(self.batch, self.devices)
        if self.seed >= 2**32:
            raise UsageError(f"--seed {self.seed} is too large; give less than {2**32}")
        if not 0 < self.learning_rate <= 1:
            raise UsageError(
                f"--learning-rate {self.learning_rate:g} is not above 0 and at most 1; try 0.002"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values for ``settings.json``; `resume` is left out."""
        return {name: to_json(value) for name, value in asdict(self).items() if name != "resume"}


class RunSettings(Protocol):
    """Settings of a recipe: the shared `run`, the network's name, and all of it as JSON values."""

    @property
    def run(self) -> RunConfig: ...  # noqa: D102
    @property
    def network(self) -> str: ...  # noqa: D102
    def to_dict(self) -> dict[str, Any]: ...  # noqa: D102


@dataclass(frozen=True)
class TrainSettings:
    """Settings of livecam's own recipe; the same settings give the same scenes. Checked when made.

    `rooms` are folders of background images, `empty` folders of negative images. `size` replaces the
    network's own input size; half the size is a cheap first phase. `start` is a ``.keras`` file with the
    initial weights; its network may be narrower, or larger and of the same blocks
    (`livecam.training.networks.slimming`). `teacher` is a ``.keras`` file whose mattes and features are
    learned besides the labels. With `freeze_norms` the batch normalisation of `start` stays as it is.
    Foregrounds whose names start with a name in `often` are sampled that many times as often as others;
    those whose names start with a name in `never_pasted` are only shown in their own images.

    Raises:
        UsageError: a value is out of range.
    """

    run: RunConfig
    rooms: tuple[Path, ...] = ()
    empty: tuple[Path, ...] = ()
    network: str = "person"
    size: Size | None = None
    start: Path | None = None
    teacher: Path | None = None
    freeze_norms: bool = False
    steps: int = 250
    workers: int = 2
    longest: int = 416
    often: tuple[tuple[str, int], ...] = ()
    never_pasted: tuple[str, ...] = ()
    mix: SceneMix = field(default_factory=SceneMix)

    def __post_init__(self) -> None:
        self.validate()

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "TrainSettings":
        """Make settings of the command line's options, those of the run among them.

        Raises:
            UsageError: a value is out of range.
        """
        own = dict(options)
        run = RunConfig(**{f.name: own.pop(f.name) for f in fields(RunConfig) if f.name in own})
        if fractions := {name: own.pop(name) for name in ("real", "zoom", "close") if name in own}:
            own["mix"] = SceneMix(**fractions)
        return cls(run, **own)

    @property
    def pairs(self) -> int:
        """Number of pairs of one scene in each batch."""
        return self.run.batch // VIEWS_PER_PAIR

    @property
    def total_steps(self) -> int:
        """Number of batches in the whole run."""
        return self.run.epochs * self.steps

    def validate(self) -> None:
        """Check all values. Whether the network exists is checked by the registry.

        Raises:
            UsageError: a value is out of range.
        """
        check_minimum(self, {"steps": 1, "workers": 1, "longest": 32})
        if self.freeze_norms and not self.start:
            raise UsageError("--freeze-norms keeps what a trained network has counted; name one with --start")
        if self.size:
            check_size(self.size)
        for name, times in self.often:
            if times < 1:
                raise UsageError(f"--often {name}={times} is too small; give {name}=2 or more")
        _check_mix(self.mix)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values for ``settings.json``, the run's and these on one level."""
        own = {f.name: to_json(getattr(self, f.name)) for f in fields(self) if f.name not in ("run", "mix")}
        return {**self.run.to_dict(), **own, "mix": asdict(self.mix)}


def to_json(value: Any) -> Any:
    """Convert sizes and paths to text, and tuples to lists."""
    if isinstance(value, Size):
        return str(value)
    if isinstance(value, tuple):
        return [to_json(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def check_minimum(settings: Any, minimum: Mapping[str, int]) -> None:
    """Check integer fields against their smallest values.

    Raises:
        UsageError: a value is smaller.
    """
    for name, smallest in minimum.items():
        if getattr(settings, name) < smallest:
            raise UsageError(f"--{name} {getattr(settings, name)} is too small; give {smallest} or more")


def check_size(size: Size) -> None:
    """Check that both sides are divisible by `SIZE_MULTIPLE`.

    Raises:
        UsageError: one is not.
    """
    if min(size) < SIZE_MULTIPLE or any(side % SIZE_MULTIPLE for side in size):
        near = Size(*(max(SIZE_MULTIPLE, round(side / SIZE_MULTIPLE) * SIZE_MULTIPLE) for side in size))
        raise UsageError(f"--size {size} is not divisible by {SIZE_MULTIPLE}; try {near}")


def _check_shares(batch: int, devices: int) -> None:
    if batch % devices:
        above = batch + devices - batch % devices
        fitting = [size for size in (above - devices, above) if size >= VIEWS_PER_PAIR]
        raise UsageError(
            f"--batch {batch} can't be divided equally by --devices {devices}; "
            f"give --batch {' or '.join(map(str, fitting))}"
        )


def _check_mix(mix: SceneMix) -> None:
    for name, fraction in (("real", mix.real), ("zoom", mix.zoom), ("close", mix.close)):
        if not 0 <= fraction <= 1:
            raise UsageError(f"--{name} {fraction:g} is not between 0 and 1; try 0.5")
    if mix.zoom + mix.close > 1:
        raise UsageError(
            f"--zoom {mix.zoom:g} and --close {mix.close:g} are more than 1 in all; try 0.5 and 0.1"
        )
    fractions = [mix.real, mix.empty, mix.double]
    if (
        not all(0 <= fraction <= 1 for fraction in (*fractions, mix.clothes, mix.clutter))
        or not math.fsum(fractions) <= 1
    ):
        raise UsageError(
            f"the shares of {mix} are not between 0 and 1 with a sum of at most 1; make them smaller"
        )
