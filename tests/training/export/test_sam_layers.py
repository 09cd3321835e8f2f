"""TinyViT's layers for LiteRT give what the trained ones give, and XNNPACK runs them in one piece."""

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is missing: pip install 'livecam[train]'")
pytest.importorskip("keras_hub", reason="KerasHub is missing: pip install 'livecam[label]'")

pytestmark = [
    pytest.mark.labelling,
    # Keras' own, when it saves weights.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def encoder() -> Any:
    """Return a small TinyViT in which every weight is random: also scales, offsets and attention biases.

    Its windows do not divide its 16 x 16 and 8 x 8 tokens.
    """
    from livecam.annotation.sam.tiny_vit import TinyViTBackbone

    encoder = TinyViTBackbone(
        image_shape=(128, 128, 3), widths=(8, 16, 16, 24), depths=(1, 2, 1, 1), num_heads=(1, 2, 2, 3),
        window_sizes=(3, 3, 5, 3), num_output_channels=12,
    )  # fmt: skip
    rng = np.random.default_rng(9)
    for weight in encoder.weights:
        weight.assign(weight + rng.normal(0, 0.3, weight.shape))
    return encoder


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(10).random((1, 128, 128, 3), np.float32)


def test_output_is_that_of_the_trained_layers(encoder: Any, image: np.ndarray) -> None:
    from livecam.training.export.sam_layers import FastWindowAttention, optimize_encoder

    fast = optimize_encoder(encoder)
    assert sum(isinstance(layer, FastWindowAttention) for layer in fast.layers) == 4
    expected = np.asarray(encoder(image))
    assert expected.std() > 0.1
    np.testing.assert_allclose(np.asarray(fast(image)), expected, atol=2e-4)


def test_the_trained_encoder_is_not_changed(encoder: Any, image: np.ndarray) -> None:
    from livecam.training.export.sam_layers import optimize_encoder

    before, names = np.asarray(encoder(image)), [layer.name for layer in encoder.layers]
    optimize_encoder(encoder)
    np.testing.assert_array_equal(np.asarray(encoder(image)), before)
    assert [layer.name for layer in encoder.layers] == names


def test_another_encoder_is_returned_as_it_is() -> None:
    from livecam.training.export.sam_layers import optimize_encoder

    other = keras.Sequential([keras.layers.Input((8, 8, 3)), keras.layers.Conv2D(4, 1)])
    assert optimize_encoder(other) is other


def test_xnnpack_runs_the_exported_encoder_in_one_piece(encoder: Any) -> None:
    """An operation that XNNPACK does not know splits the network: one part for each block, 26 % slower."""
    from types import SimpleNamespace

    from ai_edge_litert.interpreter import Interpreter

    from livecam.training.export.sam_exporter import convert_encoder

    exported = convert_encoder(SimpleNamespace(image_encoder=encoder))
    interpreter = Interpreter(model_content=exported, num_threads=1)
    interpreter.allocate_tensors()
    names = [operation["op_name"] for operation in interpreter._get_ops_details()]
    assert names.count("DELEGATE") == 1
