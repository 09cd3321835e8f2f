"""A personal model as one file: written to be given away, and read with distrust.

A parcel is a zip of ``model.json`` (the card), ``model.tflite`` and, where known, ``model.keras``. Nothing
is unpacked by the names or the sizes that a parcel tells of itself.
"""

import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from livecam.core.errors import ModelError, UsageError
from livecam.core.fileio import not_found_message, os_error_reason
from livecam.core.types import check_matte
from livecam.models.model_card import read_model_card
from livecam.models.registry import MODEL_SUFFIXES, check_name, install, list_user, user_model_path
from livecam.models.segmenter import LiteRTSegmenter

SUFFIXES = (".livecam", ".zip")
MAX_MEMBER_BYTES = 256 << 20
"""Of each part, unpacked: hundreds of times what livecam's networks need."""
_STEM = "model"


def export_model(name: str, file: Path) -> Path:
    """Write a personal model into one file.

    Raises:
        UsageError: no such model, another suffix, or the file exists. ModelError: the model is damaged, or
        the file can't be written.
    """
    card = user_model_path(name)
    if file.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{file} must end in {' or '.join(SUFFIXES)}, for example {name}.livecam")
    if file.exists():
        raise UsageError(f"{file} exists already; name another file or delete it")
    smoke_test(card)
    partial = file.with_name(f".{file.name}.partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as parcel:
            for suffix in MODEL_SUFFIXES:
                if card.with_suffix(suffix).is_file():
                    parcel.write(card.with_suffix(suffix), f"{_STEM}{suffix}")
        partial.replace(file)
    except OSError as error:
        raise ModelError(
            f"can't write {file} ({os_error_reason(error)}); choose another folder or free space"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return file


def import_model(file: Path, name: str = "") -> str:
    """Install the model of a parcel under `name`, or under its own; give back what it is called now.

    Raises:
        UsageError: no such file, or a name that can't be used or is taken. ModelError: no parcel, or one
        whose model is damaged or can't be run.
    """
    if not file.is_file():
        raise UsageError(not_found_message(file))
    with tempfile.TemporaryDirectory(prefix="livecam-") as folder:
        card = _unpack(file, Path(folder))
        told = read_model_card(card)
        name = check_name(name or told.name)
        if name in list_user():
            raise UsageError(
                f"there is a model {name} already; give another name (livecam models import {file} NAME), "
                f"or remove that one first (livecam models remove {name})"
            )
        # Whatever file the card names, here it is this one.
        replace(told, file=f"{_STEM}.tflite").write(card)
        smoke_test(card)
        install(card, name)
    return name


def smoke_test(card: Path) -> None:
    """Run a model on a picture.

    Raises:
        ModelError: it is damaged, not what its card says, or gives no matte.
    """
    told = read_model_card(card)
    size = told.size
    if not (16 <= size.width <= 2048 and 16 <= size.height <= 2048):
        raise ModelError(f"{card} tells of pictures of {size}; export the model again")
    ramp = np.linspace(0, 255, size.width * size.height * 3).reshape(size.height, size.width, 3)
    matte = LiteRTSegmenter.load(str(card), threads=1).predict(ramp.astype(np.uint8))
    try:
        check_matte(matte, (size.height, size.width))
    except ValueError as error:
        raise ModelError(f"the model {told.name} gives nonsense ({error}); export it again") from error


def _unpack(file: Path, folder: Path) -> Path:
    """The three parts, and nothing else, into `folder`; the card's path there."""
    try:
        with zipfile.ZipFile(file) as parcel:
            there = [suffix for suffix in MODEL_SUFFIXES if f"{_STEM}{suffix}" in parcel.namelist()]
            if ".json" not in there or ".tflite" not in there:
                raise ModelError(f"{file} is no model of livecam; make one with `livecam models export`")
            for suffix in there:
                with parcel.open(f"{_STEM}{suffix}") as part:
                    content = part.read(MAX_MEMBER_BYTES + 1)
                if len(content) > MAX_MEMBER_BYTES:
                    raise ModelError(f"{file} holds far more than a model of livecam; don't trust it")
                (folder / f"{_STEM}{suffix}").write_bytes(content)
    except ModelError:
        raise
    except Exception as error:  # damage meets zipfile with zlib's, struct's and errors of its own
        raise ModelError(
            f"{file} can't be read as a model ({os_error_reason(error)}); copy or export it again"
        ) from error
    return folder / f"{_STEM}.json"
