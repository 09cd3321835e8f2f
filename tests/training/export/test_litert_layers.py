from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")

from ai_edge_litert.interpreter import Interpreter  # noqa: E402

from livecam.models.class_layout import decode_class_outputs  # noqa: E402
from livecam.training.export.litert_converter import convert_to_litert  # noqa: E402
from livecam.training.export.litert_layers import optimize_for_litert  # noqa: E402
from livecam.training.networks.matting_net import ARCHITECTURES, build_model  # noqa: E402

pytestmark = pytest.mark.training
TINY = ARCHITECTURES["tiny"]


def a_network(seed: int = 3) -> keras.Model:
    """Build a tiny network whose batch-norm statistics differ from the initial ones."""
    keras.utils.set_random_seed(seed)
    model = build_model(replace(TINY, widths=(8, 12, 16, 24)))
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights(
                [
                    rng.uniform(0.5, 1.5, gamma.shape),
                    rng.normal(0, 0.3, beta.shape),
                    rng.normal(0, 0.3, mean.shape),
                    rng.uniform(0.3, 2.0, variance.shape),
                ]
            )
    head = model.get_layer("head")
    head.set_weights([3 * head.get_weights()[0], rng.normal(0, 1, 4)])
    return model


def images(count: int = 2) -> np.ndarray:
    return np.random.default_rng(0).random((count, 48, 64, 3), dtype=np.float32)


def test_the_optimized_network_gives_the_same_outputs() -> None:
    model = a_network()
    expected = {
        name: keras.ops.convert_to_numpy(part) for name, part in model(images(), training=False).items()
    }
    optimized = optimize_for_litert(model)(images(), training=False)
    optimized = {name: keras.ops.convert_to_numpy(part) for name, part in optimized.items()}
    assert min(part.std() for part in expected.values()) > 0.05
    np.testing.assert_allclose(optimized["matte"], expected["matte"], atol=2e-6)
    for number, exact in enumerate(expected["classes"]):
        classes = decode_class_outputs({name: part[number] for name, part in optimized.items()})
        np.testing.assert_allclose(classes, exact, atol=2e-6)


def test_sure_answers_stay_numbers() -> None:
    model = a_network()
    head = model.get_layer("head")
    head.set_weights([300 * head.get_weights()[0], head.get_weights()[1]])
    for part in optimize_for_litert(model)(images(), training=False).values():
        numbers = keras.ops.convert_to_numpy(part)
        assert np.isfinite(numbers).all()
        assert numbers.min() >= 0
        assert numbers.max() <= 1 + 1e-6


def test_the_network_itself_stays_as_it_is() -> None:
    model = a_network()
    before = [weight.copy() for weight in model.get_weights()]
    optimize_for_litert(model)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert "up2_up" in {layer.name for layer in model.layers}


def test_what_is_exported_holds_none_of_the_slow_steps() -> None:
    interpreter = Interpreter(model_content=convert_to_litert(a_network()))
    steps = Counter(step["op_name"] for step in interpreter._get_ops_details())
    assert steps["TRANSPOSE_CONV"] == steps["SOFTMAX"] == 0
    # Three in the decoder and one for the matte; unused class outputs get no DEPTH_TO_SPACE.
    assert steps["DEPTH_TO_SPACE"] == 4


def test_another_network_is_given_back_as_it_is() -> None:
    image = keras.Input((16, 16, 3))
    other = keras.Model(image, keras.layers.Conv2DTranspose(4, 2, strides=2)(image))
    assert optimize_for_litert(other) is other
