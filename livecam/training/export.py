"""A trained network to LiteRT: ``NAME.tflite`` and its card ``NAME.json``, after checking that both say the same."""

import csv
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found,import-untyped,unused-ignore]
from numpy.typing import NDArray

from livecam.card import Card, checksum
from livecam.errors import TrainingError, UsageError
from livecam.frames import Size
from livecam.training.network import CLASSES

TOLERANCE = 1e-3


@dataclass(frozen=True)
class Parity:
    """How far LiteRT's outputs lie from Keras' on the same pictures, at most and in the mean."""

    largest: float
    mean: float
    pictures: int


def export(run: Path, out: Path, notes: tuple[str, ...] = ()) -> Card:
    """Export a run's best weights as `out` (``.tflite``) with its card beside it.

    Args:
        run: a run's folder, or a ``.keras`` file.
        out: where to; the card gets the same stem.
        notes: lines for the card's reader: sources, licences, limits.

    Raises:
        UsageError: `out` is no ``.tflite`` file.
        TrainingError: nothing to export, not a livecam network, or LiteRT says something else than Keras.
    """
    if out.suffix != ".tflite":
        raise UsageError(f"{out} must end in .tflite; its card gets the same name with .json")
    saved = run / "best.keras" if run.is_dir() else run
    model = _read_model(saved)
    _, height, width, _ = model.input_shape
    weights = convert(model)
    outputs = _places(weights)
    parity = check_parity(model, weights, outputs)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".partial")
    partial.write_bytes(weights)
    partial.replace(out)
    about = {
        "parameters": int(model.count_params()),
        "classes": list(CLASSES),
        "parity_with_keras": {"largest": parity.largest, "mean": parity.mean, "pictures": parity.pictures},
        "notes": list(notes),
        **_history(saved.parent),
    }
    card = Card(out.stem, out.name, checksum(out), Size(width, height), 0.0, 1.0, outputs, about)
    card.write(out.with_suffix(".json"))
    return card


def _read_model(saved: Path) -> keras.Model:
    try:
        model = keras.models.load_model(saved, compile=False)
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(
            f"{saved} can't be read as a trained network; name a run's folder of livecam train"
        ) from error
    if set(getattr(model, "output_names", ())) != {"classes", "matte"} and not isinstance(model.output, dict):
        raise TrainingError(f"{saved} is not a livecam network: it has no outputs called classes and matte")
    return model


def convert(model: keras.Model) -> bytes:
    """The network as the bytes of a ``.tflite`` file, one picture at a time, float32."""
    shape = (1, *model.input_shape[1:])
    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint(
            "serve", lambda x: model(x, training=False), input_signature=[tf.TensorSpec(shape, tf.float32, name="picture")]
        )
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["serve"])
        return bytes(converter.convert())


def _places(weights: bytes) -> dict[str, int]:
    """Which of the file's outputs is which: by their last axis, 1 for the matte, 3 for the classes."""
    interpreter = Interpreter(model_content=weights)
    names = {1: "matte", len(CLASSES): "classes"}
    return {names[int(d["shape"][-1])]: i for i, d in enumerate(interpreter.get_output_details())}


def check_parity(model: keras.Model, weights: bytes, outputs: dict[str, int], pictures: int = 8) -> Parity:
    """Run both on the same pictures.

    Raises:
        TrainingError: they differ by more than `TOLERANCE` somewhere.
    """
    interpreter = Interpreter(model_content=weights)
    interpreter.allocate_tensors()
    place, details = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()
    largest, means = 0.0, []
    for picture in _pictures(model.input_shape[1:], pictures):
        said = model(picture[None], training=False)
        interpreter.set_tensor(place, picture[None])
        interpreter.invoke()
        for name, index in outputs.items():
            difference = np.abs(keras.ops.convert_to_numpy(said[name]) - interpreter.get_tensor(details[index]["index"]))
            largest, _ = max(largest, float(difference.max())), means.append(float(difference.mean()))
    if not largest <= TOLERANCE:
        raise TrainingError(f"LiteRT differs from Keras by {largest:.2g} (allowed {TOLERANCE:g}); nothing was exported")
    return Parity(largest, float(np.mean(means)), pictures)


def _pictures(shape: tuple[int, ...], count: int) -> list[NDArray[np.float32]]:
    """Smooth blots of colour with some noise: nearer to pictures than noise alone."""
    rng = np.random.default_rng(7)
    coarse = rng.random((count, 6, 8, 3), dtype=np.float32)
    smooth = keras.ops.convert_to_numpy(keras.ops.image.resize(coarse, shape[:2], interpolation="bicubic"))
    noisy = smooth + rng.normal(0, 0.03, smooth.shape)
    return list(np.clip(noisy, 0, 1).astype(np.float32))


def _history(run: Path) -> dict[str, Any]:
    """What the run's folder tells: data, settings, the scores of the best epoch."""
    about: dict[str, Any] = {}
    if (run / "settings.json").is_file():
        about["training"] = json.loads((run / "settings.json").read_text())
    if (run / "history.csv").is_file():
        with (run / "history.csv").open() as file:
            rows = list(csv.DictReader(file))
        best = max(rows, key=lambda row: float(row["miou"]))
        names = ("epoch", "miou", "foreground_iou", "boundary_f", "mad")
        about["scores_on_test_scenes"] = {name: float(best[name]) for name in names}
    return about
