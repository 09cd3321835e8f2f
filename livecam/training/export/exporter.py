"""Export of a trained network to LiteRT: ``NAME.tflite`` and its model card ``NAME.json``.

LiteRT and Keras must have the same output. ``NAME.keras`` is the network before quantization, for further
training.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

from livecam.core.errors import FileWriteError, TrainingError, UsageError
from livecam.core.fileio import atomic_path, os_error_reason
from livecam.core.geometry import Size
from livecam.models.class_layout import CLASSES
from livecam.models.model_card import ModelCard
from livecam.training.checkpoint import read_history
from livecam.training.config import check_size
from livecam.training.export.litert_converter import (
    OUTPUTS,
    check_parity,
    convert_to_litert,
    output_indices,
    quantize_weights,
)
from livecam.training.networks.matting_net import resize_network
from livecam.training.networks.multiply_adds import count_multiply_adds
from livecam.training.networks.registry import find_network

PATHS = ("data", "rooms", "empty", "out", "start", "teacher")
"""Settings of a run that are paths on its machine."""


def export_model(
    run: Path,
    out: Path,
    notes: tuple[str, ...] = (),
    scores: tuple[Path, ...] = (),
    precision: str = "int8",
    size: Size | None = None,
) -> ModelCard:
    """Export a run's best weights as `out` (``.tflite``), with card and Keras network; replace old files.

    Args:
        run: a run's folder, or a ``.keras`` file.
        out: target file; the card has the same stem.
        notes: lines for the card: sources, licences, limits.
        scores: ``scores.json`` files of evaluations of an earlier export of this run.
        precision: of the weights, ``int8``, ``float16`` or ``float32``.
        size: input size of the model, both sides divisible by 16; by default the training size.

    Raises:
        UsageError: `out` is no ``.tflite`` file, or there is no such precision or size.
        TrainingError: nothing to export, not a livecam network, or LiteRT says something else than Keras.
    """
    if out.suffix != ".tflite" or out.is_dir():
        raise UsageError(f"{out} must be a file that ends in .tflite; its card gets the same name with .json")
    saved = run / "best.keras" if run.is_dir() else run
    model = with_input_size(_read_model(saved), size) if size else _read_model(saved)
    metadata = {
        "parameters": int(model.count_params()),
        "multiply_adds": count_multiply_adds(model),
        "classes": list(CLASSES),
        "notes": list(notes),
        **_history(saved),
    }
    exact = convert_to_litert(model)
    parity = check_parity(model, exact)
    weights = quantize_weights(exact, precision)
    if precision != "float32":
        parity = check_parity(model, weights, precision)
    metadata |= {"precision": precision, "parity_with_keras": asdict(parity)}
    _, height, width, _ = model.input_shape
    sha256 = hashlib.sha256(weights).hexdigest()
    if scores:
        metadata["figures"] = load_card_scores(scores, sha256)
    card = ModelCard(
        out.stem, out.name, sha256, Size(width, height), (0.0, 1.0), output_indices(weights), metadata
    )
    _write(out, weights, card, model)
    return card


def with_input_size(model: keras.Model, size: Size) -> keras.Model:
    """Return the network with the same weights for another input size.

    Raises:
        UsageError: a side is not divisible by 16.
    """
    check_size(size)
    return resize_network(model, size)


def _write(out: Path, weights: bytes, card: ModelCard, model: keras.Model) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            # Renamed in reverse order of entering: the card last, because it makes the model visible.
            card.write(stack.enter_context(atomic_path(out.with_suffix(".json"))))
            model.save(stack.enter_context(atomic_path(out.with_suffix(".keras"))))
            stack.enter_context(atomic_path(out)).write_bytes(weights)
    except OSError as error:
        problem = f"can't write {out} ({os_error_reason(error)})"
        raise FileWriteError(problem, "choose another folder or free space", path=out) from error


def _read_model(saved: Path) -> keras.Model:
    if not saved.is_file():
        raise TrainingError(f"there is no {saved}; train first, or name a run's folder of livecam train")
    try:
        model = keras.models.load_model(saved, compile=False)
    except Exception as error:  # Keras, zipfile, h5py and json each have their own
        raise TrainingError(
            f"{saved} can't be read as a trained network; name a run's folder of livecam train"
        ) from error
    network = find_network(model.name)
    if network is not None and not isinstance(model.output, dict):
        model = network.add_matte(model)
    shape, output = getattr(model, "input_shape", None), getattr(model, "output", None)
    if not isinstance(output, dict) or {name: part.shape[-1] for name, part in output.items()} != OUTPUTS:
        raise TrainingError(
            f"{saved} is not a livecam network (outputs classes and matte); name a run's folder"
        )
    if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:] or shape[3] != 3:
        raise TrainingError(f"{saved} is not a livecam network (input: one RGB image); name a run's folder")
    return model


def _history(saved: Path) -> dict[str, Any]:
    """Read data, settings and scores of the best epoch from the run's folder."""
    metadata: dict[str, Any] = {}
    run = saved.parent
    # The history belongs to best.keras only.
    if saved.name != "best.keras":
        return metadata
    if (run / "settings.json").is_file():
        try:
            settings = json.loads((run / "settings.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"{run / 'settings.json'} can't be read ({os_error_reason(error)}); mend it"
            ) from error
        # Names of folders only: their paths are private.
        metadata["training"] = {
            key: _names(value) if key in PATHS else value for key, value in dict(settings).items()
        }
    rows = read_history(run)
    if rows:
        best = max(rows, key=lambda row: float(row["miou"]))
        names = ("epoch", "miou", "foreground_iou", "boundary_f", "mad")
        metadata["scores_on_test_scenes"] = {name: float(best[name]) for name in names if name in best}
    return metadata


def _names(paths: Any) -> Any:
    if isinstance(paths, list):
        return [_names(path) for path in paths]
    return Path(paths).name if isinstance(paths, str) else paths


CARD_METRICS = ("miou", "fg_iou", "bf", "mad", "mse", "dtssd", "leak", "hole")
"""Metrics in a card; not ms, which depends on the machine."""


def load_card_scores(files: Sequence[Path], sha256: str) -> dict[str, Any]:
    """Return the rows of each evaluation (groups, mean, attributes) by the name of the data.

    Raises:
        TrainingError: a file cannot be read, or is the evaluation of other weights.
    """
    return dict(_read(path, sha256) for path in files)


def _read(path: Path, sha256: str) -> tuple[str, dict[str, Any]]:
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))
        rows = {row["name"]: _card_row(row) for row in scores["rows"]}
        data, model = str(scores["data"]), scores.get("sha256")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(
            f"{path} can't be read ({os_error_reason(error)}); name the scores.json of livecam evaluate"
        ) from error
    if model != sha256:
        raise TrainingError(f"{path} tells of other weights than these; run livecam evaluate again")
    return data, rows


def _card_row(row: dict[str, Any]) -> dict[str, Any]:
    return {"cases": row["cases"], **{name: round(row[name], 2) for name in CARD_METRICS if name in row}}
