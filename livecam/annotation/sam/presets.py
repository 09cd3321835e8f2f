"""Loading of SAM presets by name or directory, with one clear line if that fails."""

import json
import os
from difflib import get_close_matches
from pathlib import Path
from textwrap import shorten
from typing import Any

from livecam.annotation.sam.memory_estimate import MemoryEstimate, check_memory, oom_as_error
from livecam.annotation.sam.network import KerasSam, LiteRTSam, SamNetwork
from livecam.core.errors import AnnotationError
from livecam.core.fileio import not_found_message, os_error_reason
from livecam.core.native_logs import hide_tensorflow_info
from livecam.core.paths import expand_user
from livecam.models.registry import builtin_dir

BUILTIN = "mobile_sam"
"""MobileSAM, in the folder of the built-in models."""
PRESETS = (BUILTIN, "sam_base_sa1b", "sam_large_sa1b", "sam_huge_sa1b")
_CONFIG, _BACKBONE = "config.json", "SAMBackbone"
_WEIGHTS = ("model.weights.h5", "model.weights.json")


def builtin_folder() -> Path:
    """Return the folder of `BUILTIN`: its card and LiteRT files, and in a checkout KerasHub's preset."""
    return builtin_dir() / BUILTIN


def load_network(preset: str, threads: int | None = None) -> tuple[SamNetwork, MemoryEstimate | None]:
    """Load a preset as a network: `BUILTIN` with LiteRT, any other with KerasHub.

    Args:
        preset: as for `load_preset`.
        threads: processor threads of LiteRT; by default as many as there are processors.

    Returns:
        The network, and its memory (None if that is not known).

    Raises:
        AnnotationError: as `load_preset`.
    """
    if preset != BUILTIN:
        task, memory = load_preset(preset)
        return KerasSam(task), memory
    memory = MemoryEstimate.of_preset(preset)
    if memory is not None:
        check_memory(preset, memory)
    with oom_as_error(f"loading {preset}"):
        return LiteRTSam.load(builtin_folder(), threads), memory


def load_preset(preset: str) -> tuple[Any, MemoryEstimate | None]:
    """Load a preset with KerasHub.

    Args:
        preset: one of `PRESETS`, a directory written by `save_to_preset`, or a KerasHub address with ://.

    Returns:
        KerasHub's SAMImageSegmenter, and its memory (None if that is not known).

    Raises:
        AnnotationError: KerasHub is missing, the preset does not exist, can't be downloaded or is not a SAM,
            or there is not enough memory.
    """
    folder = _folder(preset)
    memory = _read_memory(folder) if folder else MemoryEstimate.of_preset(preset)
    if memory is not None:
        check_memory(preset, memory)
    segmenter = _import_segmenter()
    try:
        with oom_as_error(f"loading {preset}"):
            return segmenter.from_preset(str(folder or preset)), memory
    except AnnotationError:
        raise
    except Exception as error:  # Keras, HDF5 and the network raise errors of different types
        raise AnnotationError(_load_error(preset, folder, error)) from error


def _folder(preset: str) -> Path | None:
    """Return the directory of a preset; None for a preset that is downloaded."""
    if preset == BUILTIN:
        return builtin_folder()
    if preset in PRESETS or "://" in preset:
        return None
    path = expand_user(preset)
    if path.is_dir():
        return path
    if path.exists():
        raise AnnotationError(f"{path} is a file; name the folder that save_to_preset has written")
    if len(path.parts) > 1 or preset.startswith((".", "~")):
        raise AnnotationError(not_found_message(path))
    near = get_close_matches(preset, PRESETS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(PRESETS)}, or name a folder"
    raise AnnotationError(f"there is no preset {preset!r}; {hint}")


def _read_memory(folder: Path) -> MemoryEstimate | None:
    return MemoryEstimate.of_config(
        check_folder(folder, _BACKBONE, f"SAM; use {PRESETS[0]} or a SAM's folder")
    )


def check_folder(folder: Path, backbone: str, expected: str) -> dict[str, Any]:
    """Check that a folder holds a preset with a backbone of this class, and return its config.json.

    Args:
        folder: an existing folder.
        backbone: the name of the class.
        expected: the end of the message for another class: "<folder> holds a ..., no <expected>".

    Raises:
        AnnotationError: it has no readable configuration, another backbone, or no weights.
    """
    try:
        config: dict[str, Any] = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        kind = str(config["registered_name"]).rpartition(">")[2]
    except FileNotFoundError as error:
        raise AnnotationError(
            f"{folder} is no preset, it has no {_CONFIG}; name a folder that save_to_preset has written"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AnnotationError(
            f"{folder / _CONFIG} can't be read ({os_error_reason(error)}); download or copy the preset again"
        ) from error
    if kind != backbone:
        raise AnnotationError(f"{folder} holds a {kind}, no {expected}")
    if not any((folder / name).exists() for name in _WEIGHTS):
        raise AnnotationError(f"{folder} has no {_WEIGHTS[0]}; download or copy the preset again")
    return config


def _import_segmenter() -> Any:
    try:
        with hide_tensorflow_info():
            import keras_hub

            import livecam.annotation.sam.tiny_vit  # noqa: F401  registers the encoder of `BUILTIN`
    except ImportError as error:
        raise AnnotationError(
            f"this SAM needs more packages ({error.name}): pip install 'livecam[label]', or use "
            f"--preset {BUILTIN}"
        ) from error
    return keras_hub.models.SAMImageSegmenter


def _load_error(preset: str, folder: Path | None, error: Exception) -> str:
    reason = load_reason(error)
    if folder is not None:
        return f"{folder} can't be loaded as SAM ({reason}); download or copy the preset again"
    if preset not in PRESETS:
        return f"{preset} can't be loaded ({reason}); check the address and the network, or name a folder"
    cache = os.environ.get("KAGGLEHUB_CACHE") or "~/.cache/kagglehub"
    fetch = f"import kagglehub; print(kagglehub.model_download('keras/sam/keras/{preset}'))"
    return (
        f"{preset} can't be downloaded ({reason}); once it is, it lies in {cache} (KAGGLEHUB_CACHE). Without "
        f'a network: run python -c "{fetch}" on another machine (pip install kagglehub), copy the folder it '
        "prints, and give that with --preset FOLDER"
    )


def load_reason(error: Exception) -> str:
    """Return why loading failed, in less than a line."""
    return shorten(os_error_reason(error), 140, placeholder=" ...")
