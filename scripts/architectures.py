#!/usr/bin/env python3
"""Measure what networks cost: parameters, operations, LiteRT milliseconds at several precisions.

The table is Markdown. The networks are untrained, because time does not depend on the weights. All are timed
in turn, in one run, so that the noise of the machine affects each of them. "int8" is what `livecam export`
writes: weights as integers, activations quantized dynamically. "all int8" also quantizes activations, by
ranges that were measured before on crops of the shipped demo photograph.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from livecam.core.geometry import Size
from livecam.imaging.image_io import read_image
from livecam.imaging.ops import resize
from livecam.training.export.litert_converter import PRECISIONS, convert_to_litert, quantize_weights
from livecam.training.export.litert_layers import optimize_for_litert
from livecam.training.networks.efficientnet_lite import STEM_CHANNELS
from livecam.training.networks.matting_net import ARCHITECTURES, MattingNetConfig, build_model

PHOTO = Path(__file__).resolve().parent.parent / "livecam" / "assets" / "astronaut.jpg"
TRIED = {
    **{name: network for name, network in ARCHITECTURES.items() if name != "tiny"},
    "person-large, 224x128": replace(ARCHITECTURES["person-large"], size=(224, 128)),
    "person-large, 256x144": replace(ARCHITECTURES["person-large"], size=(256, 144)),
    "0.7's person-lite": MattingNetConfig("plain", (176, 96), (16, 32, 96, 192), (1, 3, 6)),
    "0.5's": MattingNetConfig("plain", (256, 144), (16, 32, 96, 192), (1, 3, 6)),
    "0.3's": MattingNetConfig("former", (256, 144), (16, 32, 80, 160), (1, 2, 4)),
    "narrow (0.1's)": MattingNetConfig("narrow", (256, 144), (8, 24, 48, 96), (1, 1, 4)),
    "wider above": MattingNetConfig("above", (256, 144), (24, 40, 96, 192), (1, 3, 6)),
    "wider and deeper below": MattingNetConfig("below", (256, 144), (16, 32, 96, 256), (1, 3, 8)),
    "no convolution at 1/4": MattingNetConfig("light", (256, 144), (16, 24, 96, 192), (0, 3, 6)),
    "320x176": MattingNetConfig("larger", (320, 176), (16, 32, 96, 192), (1, 3, 6)),
    "384x208": MattingNetConfig("largest", (384, 208), (16, 32, 96, 192), (1, 3, 6)),
    "160x96": MattingNetConfig("small", (160, 96), (16, 32, 96, 192), (1, 3, 6)),
}
KINDS = ("float32", "float16", "int8", "all int8")


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=40, metavar="N", help="runs of each (40)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of LiteRT (1)")
    parser.add_argument(
        "--beside", type=Path, nargs="*", default=[], metavar="FILE", help="other .tflite files"
    )
    args = parser.parse_args()
    models = {name: build_model(network) for name, network in TRIED.items()}
    with tempfile.TemporaryDirectory() as folder:
        files = {
            (name, kind): write(Path(folder), model, kind) for name, model in models.items() for kind in KINDS
        }
        files |= {(path.name, "float32"): path for path in args.beside}
        times = measure(files, args.runs, args.threads)
    print(
        "| network | input | widths | depths | parameters | MFLOPs | ms float32 | float16 | int8 | all int8 |"
    )
    print("|---|---|---|---|---:|---:|---:|---:|---:|---:|")
    for name, model in models.items():
        network = TRIED[name]
        size = "x".join(map(str, network.size))
        below = " + Lite0" if network.stages else ""
        if isinstance(network, MattingNetConfig):
            widths, depths = network.widths, network.depths
        else:
            widths, depths = (network.stem, STEM_CHANNELS), ()
        cells = [name, size, " ".join(map(str, widths)) + below, " ".join(map(str, depths))]
        cells += [f"{model.count_params():,}", f"{operations(model) / 1e6:.0f}"]
        print(f"| {' | '.join(cells + [f'{times[name, kind]:.2f}' for kind in KINDS])} |")
    for path in args.beside:
        print(f"| {path.name} | | | | | | {times[path.name, 'float32']:.2f} | | | |")
    return 0


def operations(model: keras.Model) -> int:
    """Count the multiplications and additions of the convolutions."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):
            total += int(np.prod(layer.input.shape[1:3])) * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
            total += int(np.prod(layer.output.shape[1:3])) * int(np.prod(layer.kernel.shape))
    return 2 * total


def write(folder: Path, model: keras.Model, kind: str) -> Path:
    """Write the network as a ``.tflite`` file of the precision `kind`; return its path."""
    path = folder / f"{model.name}_{model.input_shape[2]}_{kind.replace(' ', '_')}.tflite"
    path.write_bytes(
        quantize_weights(convert_to_litert(model), kind) if kind in PRECISIONS else quantize(model, kind)
    )
    return path


def quantize(model: keras.Model, kind: str) -> bytes:
    """Convert with the weights as float16, or with weights and activations as int8."""
    with tempfile.TemporaryDirectory() as folder:
        optimize_for_litert(model).export(folder, verbose=False)
        converter: Any = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if kind == "float16":
            converter.target_spec.supported_types = [tf.float16]
        else:
            converter.representative_dataset = lambda: calibration_images(Size(*model.input_shape[2:0:-1]))
        return bytes(converter.convert())


def calibration_images(size: Size) -> Iterator[list[np.ndarray]]:
    """Yield crops of the demo photograph, in [0, 1]."""
    photo = read_image(PHOTO, longest=1024).image
    for i in range(8):
        crop = photo[i * 10 : photo.shape[0] - i * 20, i * 12 :]
        yield [resize(np.ascontiguousarray(crop), size)[None].astype(np.float32) / 255]


def measure(files: dict[Any, Path], runs: int, threads: int) -> dict[Any, float]:
    """Return the median milliseconds of each file, all timed in turn."""
    ready = {name: prepare(path, threads) for name, path in files.items()}
    samples: dict[Any, list[float]] = {name: [] for name in files}
    for _ in range(runs):
        for name, interpreter in ready.items():
            interpreter.invoke()
            start = time.perf_counter()
            interpreter.invoke()
            samples[name].append(1e3 * (time.perf_counter() - start))
    return {name: float(np.median(values)) for name, values in samples.items()}


def prepare(path: Path, threads: int) -> Any:
    """Load an interpreter and set its input to noise."""
    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()[0]
    noise = np.random.default_rng(0).random(details["shape"], dtype=np.float32)
    interpreter.set_tensor(details["index"], noise.astype(details["dtype"]))
    return interpreter


if __name__ == "__main__":
    sys.exit(main())
