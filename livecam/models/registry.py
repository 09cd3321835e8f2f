"""Lookup, installation and removal of built-in and user models. Runs no network.

A model called NAME is ``NAME.tflite`` with its card ``NAME.json`` in the same folder. An optional
``NAME.keras`` holds the same network in the form that `livecam learn` continues from. User models are in
``models/`` of the data folder (`core.config.data_dir`).

These are functions, not a class over a list of folders: there are two folders with different rules (the
built-in one is read-only and its names are reserved), and ``LIVECAM_DATA`` is read at each call, so an
object would hold no state.
"""

import re
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib import resources
from pathlib import Path

from livecam.core.config import check_home, data_dir
from livecam.core.errors import FileWriteError, UsageError
from livecam.core.fileio import atomic_path, os_error_reason
from livecam.core.paths import expand_user
from livecam.models.model_card import ModelCard

MODEL_SUFFIXES = (".tflite", ".keras", ".json")
"""The files of a model. The card is written last and deleted first, because it makes the model visible."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,39}")
_DEVICES = re.compile(r"(?i:con|prn|aux|nul|com\d|lpt\d)")
"""Names that Windows reserves for devices, with any suffix."""


def user_models_dir() -> Path:
    """Return the folder of the user's models; it may not exist yet."""
    return data_dir() / "models"


def builtin_dir() -> Path:
    """Return the folder of the built-in models, in the wheel or in a checkout."""
    package = Path(str(resources.files("livecam")))
    inside = package / "weights"
    return inside if inside.is_dir() else package.parent / "weights"


def list_builtin() -> list[str]:
    """Return the names of the built-in models in alphabetical order."""
    return sorted(path.stem for path in builtin_dir().glob("*.json"))


def list_user() -> list[str]:
    """Return the names of the user's models in alphabetical order."""
    return sorted(path.stem for path in user_models_dir().glob("*.json") if _NAME.fullmatch(path.stem))


def check_name(name: str) -> str:
    """Return `name` if a user model may have it.

    Raises:
        UsageError: the name has other characters than letters, digits, - and _, is longer than 40
            characters, or is the name of a built-in model.
    """
    if not _NAME.fullmatch(name) or _DEVICES.fullmatch(name):
        raise UsageError(
            f"{name!r} can't be a model's name", "take up to 40 letters, digits, - and _, for example me"
        )
    if name.casefold() in {builtin.casefold() for builtin in list_builtin()}:
        raise UsageError(f"{name} is a model that comes with livecam", "choose another name, for example me")
    return name


def user_model_path(name: str) -> Path:
    """Return the path of the card of a user model.

    Raises:
        UsageError: there is no user model of this name.
    """
    names = list_user()
    if name in names:
        return user_models_dir() / f"{name}.json"
    existing = ", ".join(names) or "none yet; `livecam learn` makes one"
    raise UsageError(f"there is no personal model {name!r}", f"there are: {existing}")


def model_suffix(name: str) -> str:
    """Return ``.tflite`` or ``.json``, whatever its case, if `name` is the path of a model; else ""."""
    suffix = Path(name).suffix.lower()
    return suffix if suffix in (".tflite", ".json") else ""


def resolve_model(name: str) -> Path:
    """Return the path of the card of a model.

    Args:
        name: the path of a ``.tflite`` or ``.json`` file, which need not exist, or the name of a model. A
            built-in model takes precedence over a user model of the same name.

    Raises:
        UsageError: there is no model of this name.
    """
    suffix = model_suffix(name)
    if suffix:
        path = expand_user(name)
        return path if suffix == ".json" else path.with_suffix(".json")
    card = builtin_dir() / f"{name}.json"
    if card.is_file():
        return card
    if name in list_user():
        return user_model_path(name)
    names = ", ".join([*list_builtin(), *list_user()]) or "none; reinstall livecam"
    raise UsageError(
        f"no model is called {name!r}", f"there are: {names} (or give the path of a .tflite file)"
    )


def install(card: Path, name: str) -> Path:
    """Copy the model of a card to the user's models and return the path of the new card.

    An existing model of this name is replaced. It stays complete until all files of the new one are written.

    Raises:
        UsageError: a user model cannot have this name.
        ModelError: the card cannot be read.
        FileWriteError: the model cannot be copied.
    """
    check_name(name)
    source, folder = ModelCard.read(card), user_models_dir()
    try:
        check_home(folder).mkdir(parents=True, exist_ok=True)
        return _copy(replace(source, name=name, file=f"{name}.tflite"), card.parent / source.file, folder)
    except OSError as error:
        raise FileWriteError(
            f"can't put the model {name} into {folder} ({os_error_reason(error)})",
            "free space there or allow writing",
            path=folder,
        ) from error


def _copy(card: ModelCard, weights: Path, folder: Path) -> Path:
    network = weights.with_suffix(".keras")
    target = folder / f"{card.name}.json"
    with ExitStack() as stack:
        # Renamed in reverse order of entering: the card last.
        card.write(stack.enter_context(atomic_path(target)))
        if network.is_file():
            shutil.copyfile(network, stack.enter_context(atomic_path(target.with_suffix(".keras"))))
        shutil.copyfile(weights, stack.enter_context(atomic_path(target.with_suffix(".tflite"))))
        if not network.is_file():
            target.with_suffix(".keras").unlink(missing_ok=True)
    return target


def remove(name: str) -> Sequence[Path]:
    """Delete a user model and return the paths of the deleted files.

    Raises:
        UsageError: there is no user model of this name.
        FileWriteError: a file cannot be deleted.
    """
    card = user_model_path(name)
    paths = [path for suffix in reversed(MODEL_SUFFIXES) if (path := card.with_suffix(suffix)).exists()]
    try:
        for path in paths:
            path.unlink()
    except OSError as error:
        raise FileWriteError(
            f"can't delete {card.parent / name}.* ({os_error_reason(error)})",
            "allow writing there",
            path=card,
        ) from error
    return paths
