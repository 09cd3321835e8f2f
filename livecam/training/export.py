"""A trained network to LiteRT: ``NAME.tflite`` and its card ``NAME.json``, if both say the same."""

import hashlib
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found,import-untyped,unused-ignore]
from numpy.typing import NDArray

from livecam.card import Card
from livecam.errors import TrainingError, UsageError
from livecam.frames import Size
from livecam.paths import reason
from livecam.training.figures import read_figures
from livecam.training.network import CLASSES
from livecam.training.state import read_history
from livecam.training.textbook import NAME, with_matte

TOLERANCE = 1e-3
PATHS = ("data", "rooms", "empty", "out", "start")
"""Settings of a run that name places on its machine."""
OUTPUTS = {"matte": 1, "classes": len(CLASSES)}
"""What a livecam network says of each pixel, and in how many numbers."""


@dataclass(frozen=True)
class Parity:
    """How far LiteRT's outputs lie from Keras' on the same pictures, at most and in the mean."""

    largest: float
    mean: float
    pictures: int


def export(run: Path, out: Path, notes: tuple[str, ...] = (), scores: tuple[Path, ...] = ()) -> Card:
    """Export a run's best weights as `out` (``.tflite``), its card beside it; what is there is replaced.

    Args:
        run: a run's folder, or a ``.keras`` file.
        out: where to; the card gets the same stem.
        notes: lines for the card's reader: sources, licences, limits.
        scores: the ``scores.json`` of evaluations of what an earlier export of this run gave.

    Raises:
        UsageError: `out` is no ``.tflite`` file.
        TrainingError: nothing to export, not a livecam network, or LiteRT says something else than Keras.
    """
    if out.suffix != ".tflite" or out.is_dir():
        raise UsageError(f"{out} must be a file that ends in .tflite; its card gets the same name with .json")
    saved = run / "best.keras" if run.is_dir() else run
    model = _read_model(saved)
    about = {
        "parameters": int(model.count_params()),
        "classes": list(CLASSES),
        "notes": list(notes),
        **_history(saved),
    }
    weights = convert(model)
    outputs = _places(weights)
    about["parity_with_keras"] = asdict(check_parity(model, weights, outputs))
    _, height, width, _ = model.input_shape
    sha256 = hashlib.sha256(weights).hexdigest()
    if scores:
        about["figures"] = read_figures(scores, sha256)
    card = Card(out.stem, out.name, sha256, Size(width, height), 0.0, 1.0, outputs, about)
    _write(out, weights, card)
    return card


def _write(out: Path, weights: bytes, card: Card) -> None:
    partials = out.with_name(f".{out.name}.partial"), out.with_name(f".{out.stem}.json.partial")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partials[0].write_bytes(weights)
        card.write(partials[1])
        partials[0].replace(out)
        partials[1].replace(out.with_suffix(".json"))
    except OSError as error:
        raise TrainingError(
            f"can't write {out} ({reason(error)}); choose another folder or free space"
        ) from error
    finally:
        for partial in partials:
            if partial.is_file():
                partial.unlink()


def _read_model(saved: Path) -> keras.Model:
    if not saved.is_file():
        raise TrainingError(f"there is no {saved}; train first, or name a run's folder of livecam train")
    try:
        model = keras.models.load_model(saved, compile=False)
    except Exception as error:  # Keras, zipfile, h5py and json each have their own
        raise TrainingError(
            f"{saved} can't be read as a trained network; name a run's folder of livecam train"
        ) from error
    if model.name == NAME:
        model = with_matte(model)
    shape, output = getattr(model, "input_shape", None), getattr(model, "output", None)
    if not isinstance(output, dict) or {name: part.shape[-1] for name, part in output.items()} != OUTPUTS:
        raise TrainingError(
            f"{saved} is not a livecam network (outputs classes and matte); name a run's folder"
        )
    if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:] or shape[3] != 3:
        raise TrainingError(f"{saved} is not a livecam network (input: one RGB picture); name a run's folder")
    return model


def convert(model: keras.Model) -> bytes:
    """The network as the bytes of a ``.tflite`` file, one picture at a time, float32."""
    signature = [tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="picture")]
    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint("serve", lambda x: model(x, training=False), input_signature=signature)
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["serve"])
        return bytes(converter.convert())


def _open(weights: bytes) -> Any:
    try:
        interpreter = Interpreter(model_content=weights)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise TrainingError("LiteRT can't run what was converted; nothing was exported") from error
    return interpreter


def _places(weights: bytes) -> dict[str, int]:
    """Which of the file's outputs is which: by their last axis, 1 for the matte, 3 for the classes."""
    channels = [int(detail["shape"][-1]) for detail in _open(weights).get_output_details()]
    if sorted(channels) != sorted(OUTPUTS.values()):
        raise TrainingError(
            f"LiteRT has outputs of {channels} channels, not a matte and classes; nothing was exported"
        )
    return {name: channels.index(count) for name, count in OUTPUTS.items()}


def check_parity(model: keras.Model, weights: bytes, outputs: dict[str, int], pictures: int = 8) -> Parity:
    """Run both on the same pictures.

    Raises:
        TrainingError: they take or give other shapes, or differ by more than `TOLERANCE` somewhere.
    """
    interpreter = _open(weights)
    differences = []
    for picture in _pictures(model.input_shape[1:], pictures):
        said, found = model(picture[None], training=False), _run(interpreter, picture[None])
        for name, place in outputs.items():
            differences.append(_difference(keras.ops.convert_to_numpy(said[name]), found[place]))
    largest = float(np.max([d.max() for d in differences]))
    # A NaN fails every comparison: so asked, it is refused.
    if not largest <= TOLERANCE:
        raise TrainingError(
            f"LiteRT differs from Keras by {largest:.2g} (allowed {TOLERANCE:g}); nothing was exported"
        )
    return Parity(largest, float(np.mean([d.mean() for d in differences])), pictures)


def _run(interpreter: Any, picture: NDArray[np.float32]) -> list[NDArray[Any]]:
    given = interpreter.get_input_details()[0]
    shape = tuple(int(side) for side in given["shape"])
    if shape != picture.shape:
        raise TrainingError(f"LiteRT takes {shape}, Keras {picture.shape}; nothing was exported")
    interpreter.set_tensor(given["index"], picture)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def _difference(keras_said: NDArray[Any], litert_said: NDArray[Any]) -> NDArray[Any]:
    if keras_said.shape != litert_said.shape:
        raise TrainingError(
            f"LiteRT gives {litert_said.shape}, Keras {keras_said.shape}; nothing was exported"
        )
    return np.asarray(np.abs(keras_said - litert_said))


def _pictures(shape: tuple[int, ...], count: int) -> list[NDArray[np.float32]]:
    """Smooth blots of colour with some noise: nearer to pictures than noise alone."""
    rng = np.random.default_rng(7)
    coarse = rng.random((count, 6, 8, 3), dtype=np.float32)
    smooth = keras.ops.convert_to_numpy(
        keras.ops.image.resize(coarse, shape[:2], interpolation="bicubic", data_format="channels_last")
    )
    noisy = smooth + rng.normal(0, 0.03, smooth.shape)
    return list(np.clip(noisy, 0, 1).astype(np.float32))


def _history(saved: Path) -> dict[str, Any]:
    """What the run's folder tells of its best weights: data, settings, the scores of the best epoch."""
    about: dict[str, Any] = {}
    run = saved.parent
    # Other files that lie in a run's folder are not what its history tells of.
    if saved.name != "best.keras":
        return about
    if (run / "settings.json").is_file():
        try:
            settings = json.loads((run / "settings.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"{run / 'settings.json'} can't be read ({reason(error)}); mend it"
            ) from error
        # Folders by their names alone: where they lay is nobody's business.
        about["training"] = {
            key: _names(value) if key in PATHS else value for key, value in dict(settings).items()
        }
    rows = read_history(run)
    if rows:
        best = max(rows, key=lambda row: float(row["miou"]))
        names = ("epoch", "miou", "foreground_iou", "boundary_f", "mad")
        about["scores_on_test_scenes"] = {name: float(best[name]) for name in names if name in best}
    return about


def _names(paths: Any) -> Any:
    if isinstance(paths, list):
        return [_names(path) for path in paths]
    return Path(paths).name if isinstance(paths, str) else paths
