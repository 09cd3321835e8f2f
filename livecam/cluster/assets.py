"""The model and background files that a worker needs beside the installation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from livecam.cluster.transfer import Workspace
from livecam.core.paths import expand_user
from livecam.models.registry import builtin_dir, resolve_model


@dataclass(frozen=True)
class Asset:
    """A model, background or preset as the user names it.

    Attributes:
        name: what is given to the loading function.
        paths: its files and folders; none for one that comes with livecam, and for a color or an effect.
    """

    name: str
    paths: tuple[Path, ...] = ()

    def local_name(self, work: Workspace) -> str:
        """Return the name on a worker."""
        return str(work.local(self.paths[0])) if self.paths else self.name


def model_asset(name: str) -> Asset:
    """Return the asset of a model.

    Raises:
        UsageError: there is no model of this name.
    """
    card = resolve_model(name)
    if card.parent == builtin_dir():
        return Asset(name)
    return Asset(name, (card.absolute(), card.with_suffix(".tflite").absolute()))


def path_asset(name: str) -> Asset:
    """Return the asset of a background or preset: a file or folder if there is one of this name."""
    path = expand_user(name)
    return Asset(name, (path.absolute(),)) if path.exists() else Asset(name)


def all_paths(assets: Sequence[Asset]) -> list[Path]:
    """Return the files and folders of assets."""
    return [path for asset in assets for path in asset.paths]
