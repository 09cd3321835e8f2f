"""A model made by hand, without TensorFlow: keeps what is much greener than it is magenta."""

import hashlib
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as tflite

from livecam.core.geometry import Size
from livecam.models.model_card import ModelCard

SIZE = Size(32, 24)


def green_weights(size: Size = SIZE, bias: float = -12.0) -> bytes:
    """sigmoid(60 × (green - 0.6 × red - 0.6 × blue) + bias) of every pixel, as a ``.tflite`` file's bytes."""
    image, matte = [1, size.height, size.width, 3], [1, size.height, size.width, 1]
    weights = np.array([-36, 60, -36], np.float32)
    tensors = [
        tensor("picture", image, 0),
        tensor("weights", [1, 1, 1, 3], 1),
        tensor("bias", [1], 2),
        tensor("sum", matte, 0),
        tensor("matte", matte, 0),
    ]
    model = tflite.ModelT()
    model.version = 3
    model.operatorCodes = [
        operator_code(tflite.BuiltinOperator.CONV_2D),
        operator_code(tflite.BuiltinOperator.LOGISTIC),
    ]
    model.buffers = [buffer(b""), buffer(weights.tobytes()), buffer(np.float32([bias]).tobytes())]
    model.subgraphs = [subgraph(tensors, [convolution(), logistic()])]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def tensor(name: str, shape: list[int], buffer: int) -> Any:
    made = tflite.TensorT()
    made.name, made.shape, made.buffer, made.type = name, shape, buffer, tflite.TensorType.FLOAT32
    return made


def operator_code(number: int) -> Any:
    made = tflite.OperatorCodeT()
    made.builtinCode = made.deprecatedBuiltinCode = number
    made.version = 1
    return made


def buffer(content: bytes) -> Any:
    made = tflite.BufferT()
    made.data = np.frombuffer(content, np.uint8) if content else None
    return made


def convolution() -> Any:
    options = tflite.Conv2DOptionsT()
    options.padding, options.strideW, options.strideH = tflite.Padding.SAME, 1, 1
    options.dilationWFactor = options.dilationHFactor = 1
    made = tflite.OperatorT()
    made.opcodeIndex, made.inputs, made.outputs = 0, [0, 1, 2], [3]
    made.builtinOptionsType, made.builtinOptions = tflite.BuiltinOptions.Conv2DOptions, options
    return made


def logistic() -> Any:
    made = tflite.OperatorT()
    made.opcodeIndex, made.inputs, made.outputs = 1, [3], [4]
    return made


def subgraph(tensors: list[Any], operators: list[Any]) -> Any:
    made = tflite.SubGraphT()
    made.name, made.tensors, made.operators, made.inputs, made.outputs = "main", tensors, operators, [0], [4]
    return made


def card_of(weights: bytes, size: Size = SIZE, outputs: dict[str, int] | None = None) -> ModelCard:
    """The card of `green_weights`."""
    digest = hashlib.sha256(weights).hexdigest()
    return ModelCard("green", "green.tflite", digest, size, (0.0, 1.0), outputs or {"matte": 0})


def write_model(folder: Path, size: Size = SIZE, *, keep_all: bool = False) -> Path:
    """`green.tflite` and its card in `folder`; gives the path of the first. `keep_all`: keeps every pixel."""
    weights = green_weights(size, 100.0 if keep_all else -12.0)
    path = folder / "green.tflite"
    path.write_bytes(weights)
    card_of(weights, size).write(path.with_suffix(".json"))
    return path
