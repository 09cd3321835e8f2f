"""A personal model as one file: written to be given away, and read with distrust.

A parcel is a zip of ``model.json`` (the card), ``model.tflite`` and, where known, ``model.keras``. Nothing
is unpacked by the names or the sizes that a parcel tells of itself.
"""

import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from livecam.core.errors import UsageError, WeightsError
from livecam.core.fileio import missing, reason
from livecam.core.types import check_matte
from livecam.models.model_card import read_card
from livecam.models.registry import PARTS, check_name, find_personal, install, personal_names
from livecam.models.segmenter import Segmenter

SUFFIXES = (".livecam", ".zip")
MOST_BYTES = 256 << 20
"""Of each part, unpacked: hundreds of times what livecam's networks need."""
_STEM = "model"


def export_model(name: str, file: Path) -> Path:
    """Write a personal model into one file.

    Raises:
        UsageError: no such model, another suffix, or the file exists. WeightsError: the model is damaged, or
        the file can't be written.
    """
    card = find_personal(name)
    if file.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{file} must end in {' or '.join(SUFFIXES)}, for example {name}.livecam")
    if file.exists():
        raise UsageError(f"{file} exists already; name another file or delete it")
    check_runs(card)
    partial = file.with_name(f".{file.name}.partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as parcel:
            for suffix in PARTS:
                if card.with_suffix(suffix).is_file():
                    parcel.write(card.with_suffix(suffix), f"{_STEM}{suffix}")
        partial.replace(file)
    except OSError as error:
        raise WeightsError(
            f"can't write {file} ({reason(error)}); choose another folder or free space"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return file


def import_model(file: Path, name: str = "") -> str:
    """Install the model of a parcel under `name`, or under its own; give back what it is called now.

    Raises:
        UsageError: no such file, or a name that can't be used or is taken. WeightsError: no parcel, or one
        whose model is damaged or can't be run.
    """
    if not file.is_file():
        raise UsageError(missing(file))
    with tempfile.TemporaryDirectory(prefix="livecam-") as folder:
        card = _unpack(file, Path(folder))
        told = read_card(card)
        name = check_name(name or told.name)
        if name in personal_names():
            raise UsageError(
                f"there is a model {name} already; give another name (livecam models import {file} NAME), "
                f"or remove that one first (livecam models remove {name})"
            )
        # Whatever file the card names, here it is this one.
        replace(told, file=f"{_STEM}.tflite").write(card)
        check_runs(card)
        install(card, name)
    return name


def check_runs(card: Path) -> None:
    """Run a model on a picture.

    Raises:
        WeightsError: it is damaged, not what its card says, or gives no matte.
    """
    told = read_card(card)
    size = told.size
    if not (16 <= size.width <= 2048 and 16 <= size.height <= 2048):
        raise WeightsError(f"{card} tells of pictures of {size}; export the model again")
    ramp = np.linspace(0, 255, size.width * size.height * 3).reshape(size.height, size.width, 3)
    matte = Segmenter.load(str(card), threads=1).segment(ramp.astype(np.uint8))
    try:
        check_matte(matte, (size.height, size.width))
    except ValueError as error:
        raise WeightsError(f"the model {told.name} gives nonsense ({error}); export it again") from error


def _unpack(file: Path, folder: Path) -> Path:
    """The three parts, and nothing else, into `folder`; the card's path there."""
    try:
        with zipfile.ZipFile(file) as parcel:
            there = [suffix for suffix in PARTS if f"{_STEM}{suffix}" in parcel.namelist()]
            if ".json" not in there or ".tflite" not in there:
                raise WeightsError(f"{file} is no model of livecam; make one with `livecam models export`")
            for suffix in there:
                with parcel.open(f"{_STEM}{suffix}") as part:
                    content = part.read(MOST_BYTES + 1)
                if len(content) > MOST_BYTES:
                    raise WeightsError(f"{file} holds far more than a model of livecam; don't trust it")
                (folder / f"{_STEM}{suffix}").write_bytes(content)
    except WeightsError:
        raise
    except Exception as error:  # damage meets zipfile with zlib's, struct's and errors of its own
        raise WeightsError(
            f"{file} can't be read as a model ({reason(error)}); copy or export it again"
        ) from error
    return folder / f"{_STEM}.json"
