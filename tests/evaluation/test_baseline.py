from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as tflite

from livecam.core.errors import ModelError
from livecam.core.geometry import Size
from livecam.evaluation.baseline import BaselineSegmenter
from tests.support import tiny_model as small_model
from tests.support.fakes import is_person, secret_frame

GREEN = np.float32([[18, -30, 18], [-18, 30, -18]])
"""Weights that give each pixel's background score (magenta) and foreground score (green)."""


def write_network(folder: Path, channels: int) -> Path:
    """Some channels of each pixel, without an activation, at 32x24: those of `GREEN`, then zeros."""
    weights = np.zeros((channels, 3), np.float32)
    weights[:2] = GREEN[:channels]
    bias = np.zeros(channels, np.float32)
    bias[:2] = [6, -6][:channels]
    tensors = [
        small_model.tensor("picture", [1, 24, 32, 3], 0),
        small_model.tensor("weights", [channels, 1, 1, 3], 1),
        small_model.tensor("bias", [channels], 2),
        small_model.tensor("said", [1, 24, 32, channels], 0),
    ]
    model = tflite.ModelT()
    model.version = 3
    model.operatorCodes = [small_model.operator_code(tflite.BuiltinOperator.CONV_2D)]
    model.buffers = [small_model.buffer(part) for part in (b"", weights.tobytes(), bias.tobytes())]
    graph = small_model.subgraph(tensors, [small_model.convolution()])
    graph.outputs = [3]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = folder / f"{channels}.tflite"
    path.write_bytes(bytes(builder.Output()))
    return path


def finds(path: Path) -> bool:
    frame = secret_frame(size=Size(128, 96))
    matte = BaselineSegmenter(path).matte(frame)
    assert matte.dtype == np.float32
    assert matte.shape == frame.shape[:2]
    assert matte.min() >= 0
    assert matte.max() <= 1
    return bool(((matte > 0.5) == (is_person(frame) > 0.5)).mean() > 0.95)


def test_one_channel_is_the_matte(tmp_path: Path) -> None:
    assert finds(small_model.write_model(tmp_path))


def test_of_two_channels_the_second_is_the_subject(tmp_path: Path) -> None:
    assert finds(write_network(tmp_path, 2))


def test_a_matte_beyond_0_and_1_is_cut_off(tmp_path: Path) -> None:
    assert not finds(write_network(tmp_path, 1))


def test_what_is_no_rival_is_told(tmp_path: Path) -> None:
    (tmp_path / "not.tflite").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"name a .tflite file"):
        BaselineSegmenter(tmp_path / "not.tflite")
    with pytest.raises(ModelError, match="check the path"):
        BaselineSegmenter(tmp_path / "missing.tflite")
    with pytest.raises(ModelError, match="1 or 2 channels is needed"):
        BaselineSegmenter(write_network(tmp_path, 3))
