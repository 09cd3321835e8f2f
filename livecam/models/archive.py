"""Export and import of user models as one zip archive. An imported archive is untrusted.

An archive holds ``model.json`` (the card), ``model.tflite`` and, if it exists, ``model.keras``. The import
uses these fixed member names, limits the unpacked bytes instead of believing the archive's own sizes,
verifies the checksum and runs the model once before it installs it.
"""

import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from livecam.core.errors import FileWriteError, ModelError, UsageError
from livecam.core.fileio import atomic_path, not_found_message, os_error_reason
from livecam.core.types import check_matte
from livecam.models.model_card import ModelCard
from livecam.models.registry import MODEL_SUFFIXES, check_name, install, list_user, user_model_path
from livecam.models.segmenter import LiteRTSegmenter

SUFFIXES = (".livecam", ".zip")
MAX_MEMBER_BYTES = 256 << 20
"""Bytes of each unpacked member; livecam's networks need less than a hundredth of it."""
_STEM = "model"


def export_model(name: str, file: Path) -> Path:
    """Write a user model to an archive and return the path of the archive.

    Raises:
        UsageError: there is no user model of this name, the suffix is not in `SUFFIXES`, or the file exists.
        ModelError: the model is damaged.
        FileWriteError: the archive cannot be written.
    """
    card = user_model_path(name)
    if file.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{file} must end in {' or '.join(SUFFIXES)}, for example {name}.livecam")
    if file.exists():
        raise UsageError(f"{file} exists already", "name another file or delete it", path=file)
    smoke_test(card)
    try:
        with atomic_path(file) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for suffix in MODEL_SUFFIXES:
                if card.with_suffix(suffix).is_file():
                    archive.write(card.with_suffix(suffix), f"{_STEM}{suffix}")
    except OSError as error:
        problem = f"can't write {file} ({os_error_reason(error)})"
        raise FileWriteError(problem, "choose another folder or free space", path=file) from error
    return file


def import_model(file: Path, name: str = "") -> str:
    """Install the model of an archive as a user model and return its name.

    Args:
        file: the archive.
        name: the new name; "" keeps the name in the model card.

    Raises:
        UsageError: there is no such file, or the name is invalid or in use.
        ModelError: the file is no model archive, or its model is damaged or cannot run.
        FileWriteError: the model cannot be installed.
    """
    if not file.is_file():
        raise UsageError(not_found_message(file))
    with tempfile.TemporaryDirectory(prefix="livecam-") as folder:
        path = _unpack(file, Path(folder))
        card = ModelCard.read(path)
        name = check_name(name or card.name)
        if name in list_user():
            raise UsageError(
                f"there is a model {name} already",
                f"give another name (livecam models import {file} NAME), "
                f"or remove that one first (livecam models remove {name})",
            )
        # The card of an untrusted archive must not name a file outside the temporary folder.
        replace(card, file=f"{_STEM}.tflite").write(path)
        smoke_test(path)
        install(path, name)
    return name


def smoke_test(path: Path) -> None:
    """Run a model once on a synthetic image.

    Args:
        path: the model card.

    Raises:
        ModelError: the model is damaged, differs from its card or returns no valid matte.
    """
    card = ModelCard.read(path)
    size = card.size
    if not (16 <= size.width <= 2048 and 16 <= size.height <= 2048):
        raise ModelError(f"{path} tells of images of {size}", "export the model again", path=path)
    ramp = np.linspace(0, 255, size.width * size.height * 3).reshape(size.height, size.width, 3)
    matte = LiteRTSegmenter.load(str(path), threads=1).predict(ramp.astype(np.uint8))
    try:
        check_matte(matte, (size.height, size.width))
    except ValueError as error:
        raise ModelError(f"the model {card.name} gives nonsense ({error})", "export it again") from error


def _unpack(file: Path, folder: Path) -> Path:
    """Write the known members of an archive to `folder` and return the path of the card there."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = set(archive.namelist())
            suffixes = [suffix for suffix in MODEL_SUFFIXES if f"{_STEM}{suffix}" in members]
            if ".json" not in suffixes or ".tflite" not in suffixes:
                raise ModelError(
                    f"{file} is no model of livecam", "make one with `livecam models export`", path=file
                )
            for suffix in suffixes:
                with archive.open(f"{_STEM}{suffix}") as member:
                    content = member.read(MAX_MEMBER_BYTES + 1)
                if len(content) > MAX_MEMBER_BYTES:
                    raise ModelError(
                        f"{file} holds far more than a model of livecam", "don't trust it", path=file
                    )
                (folder / f"{_STEM}{suffix}").write_bytes(content)
    except ModelError:
        raise
    except Exception as error:  # zipfile meets damage with errors of its own, of zlib and of struct
        problem = f"{file} can't be read as a model ({os_error_reason(error)})"
        raise ModelError(problem, "copy or export it again", path=file) from error
    return folder / f"{_STEM}.json"
