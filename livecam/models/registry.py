"""Personal models: where they lie, what they may be called, how they come and go. No network is run here.

A model called NAME is ``NAME.tflite`` with its card ``NAME.json`` beside it, as the shipped ones are;
``NAME.keras``, where it is there too, is the same network in the form that `livecam learn` goes on from.
They lie in ``models/`` of the user's data folder.
"""

import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import resources
from pathlib import Path

import platformdirs

from livecam.core.errors import ModelError, UsageError
from livecam.core.fileio import os_error_reason
from livecam.models.model_card import ModelCard, read_model_card

DATA_VARIABLE = "LIVECAM_DATA"
"""The environment variable that names another data folder."""
MODEL_SUFFIXES = (".tflite", ".keras", ".json")
"""Of a model; the card is put in place last and taken away first, as a model is found by it."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,39}")
_DEVICES = re.compile(r"(?i:con|prn|aux|nul|com\d|lpt\d)")
"""What Windows takes for devices, whatever their suffix."""


def data_dir() -> Path:
    """Where livecam keeps what is the user's own: $LIVECAM_DATA, or the platform's folder for such data."""
    named = os.environ.get(DATA_VARIABLE)
    return Path(named).expanduser() if named else Path(platformdirs.user_data_dir("livecam", appauthor=False))


def user_models_dir() -> Path:
    """Where personal models lie; it may not exist yet."""
    return data_dir() / "models"


def builtin_dir() -> Path:
    """The folder of the weights that come with livecam: in the wheel, or beside the package in a checkout."""
    package = Path(str(resources.files("livecam")))
    inside = package / "weights"
    return inside if inside.is_dir() else package.parent / "weights"


def list_builtin() -> list[str]:
    """What the models are called that come with livecam, in order."""
    return sorted(path.stem for path in builtin_dir().glob("*.json"))


def list_user() -> list[str]:
    """What the personal models are called, in order."""
    return sorted(path.stem for path in user_models_dir().glob("*.json") if _NAME.fullmatch(path.stem))


def check_name(name: str) -> str:
    """Give back `name` if a personal model may be called so.

    Raises:
        UsageError: other characters than letters, digits, - and _, too long, or a shipped model's name.
    """
    if not _NAME.fullmatch(name) or _DEVICES.fullmatch(name):
        raise UsageError(
            f"{name!r} can't be a model's name; take up to 40 letters, digits, - and _, for example me"
        )
    if name.casefold() in {shipped.casefold() for shipped in list_builtin()}:
        raise UsageError(f"{name} is a model that comes with livecam; choose another name, for example me")
    return name


def user_model_path(name: str) -> Path:
    """The card of a personal model.

    Raises:
        UsageError: there is none of this name.
    """
    card = user_models_dir() / f"{name}.json"
    if name in list_user():
        return card
    there = ", ".join(list_user()) or "none yet; `livecam learn` makes one"
    raise UsageError(f"there is no personal model {name!r}; there are: {there}")


def install(card: Path, name: str) -> Path:
    """Copy the model of a card into the models' folder under a name, replacing what is called so; its card.

    Whatever interrupts it, what was there before stays whole until all of the new one is written.

    Raises:
        UsageError: `name` can't be a model's. ModelError: the model can't be read or written.
    """
    check_name(name)
    told, folder = read_model_card(card), user_models_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _put(replace(told, name=name, file=f"{name}.tflite"), card.parent / told.file, folder)
    except OSError as error:
        raise ModelError(
            f"can't put the model {name} into {folder} ({os_error_reason(error)}); free space there "
            "or allow writing"
        ) from error


def _put(card: ModelCard, weights: Path, folder: Path) -> Path:
    network, name = weights.with_suffix(".keras"), card.name
    partials = {suffix: folder / f".{name}{suffix}.partial" for suffix in MODEL_SUFFIXES}
    try:
        shutil.copyfile(weights, partials[".tflite"])
        if network.is_file():
            shutil.copyfile(network, partials[".keras"])
        card.write(partials[".json"])
        (folder / f"{name}.keras").unlink(missing_ok=True)
        for suffix, partial in partials.items():
            if partial.exists():
                partial.replace(folder / f"{name}{suffix}")
    finally:
        for partial in partials.values():
            with suppress(OSError):
                partial.unlink(missing_ok=True)
    return folder / f"{name}.json"


def remove(name: str) -> Sequence[Path]:
    """Delete a personal model; the files that are gone.

    Raises:
        UsageError: there is none of this name. ModelError: it can't be deleted.
    """
    card = user_model_path(name)
    gone = [path for suffix in reversed(MODEL_SUFFIXES) if (path := card.with_suffix(suffix)).exists()]
    try:
        for path in gone:
            path.unlink()
    except OSError as error:
        raise ModelError(
            f"can't delete {card.parent / name}.* ({os_error_reason(error)}); allow writing there"
        ) from error
    return gone


def resolve_model(words: str) -> Path:
    """The card of a model named by the path of its ``.tflite`` or ``.json`` file, or by its name.

    Shipped names go before those of personal models.

    Raises:
        UsageError: no such model.
    """
    if words.endswith((".tflite", ".json")):
        return Path(words).expanduser().with_suffix(".json")
    card = builtin_dir() / f"{words}.json"
    if card.is_file():
        return card
    if words in list_user():
        return user_model_path(words)
    names = ", ".join([*list_builtin(), *list_user()]) or "none; reinstall livecam"
    raise UsageError(f"no model is called {words!r}; there are: {names} (or give the path of a .tflite file)")
