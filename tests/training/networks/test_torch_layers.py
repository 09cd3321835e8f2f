"""Compare PyTorch's kernels with Keras in a subprocess, because a process has only one Keras backend."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.training.networks.matting_net import ARCHITECTURES, build_model, logits_model  # noqa: E402
from livecam.training.networks.torch_layers import use_fused_torch_layers  # noqa: E402

pytestmark = pytest.mark.training

COMPARE = """
import keras, numpy as np, sys
from livecam.training.networks.efficientnet_lite import MBConvStage
from livecam.training.networks.matting_net import MattingNetConfig, build_model, logits_model
from livecam.training.networks.torch_layers import use_fused_torch_layers

precision, near = sys.argv[1], float(sys.argv[2])
stages = (MBConvStage(0, 2, 8, 5, 2), MBConvStage(2, 1, 16, 3, 2))
networks = {
    "plain": MattingNetConfig("plain", (96, 64), (8, 8, 16, 16), (1, 0, 3)),
    # Its height is odd before the last stride.
    "inverted": MattingNetConfig("inverted", (96, 72), (8, 8), (1,), stages),
}
plain = logits_model(build_model(networks[sys.argv[3]]))
rng = np.random.default_rng(0)
plain.set_weights([w + rng.normal(0, 0.05, w.shape).astype("float32") ** 2 for w in plain.get_weights()])
quick = use_fused_torch_layers(plain, precision)
kinds = {type(layer).__name__ for layer in quick.layers}
assert {"FusedConv2D", "FusedConv2DTranspose", "FusedBatchNormalization", "FusedReLU"} <= kinds, kinds
assert ("FusedDepthwiseConv2D" in kinds) == (sys.argv[3] == "inverted"), kinds
images = rng.random((4, *plain.input_shape[1:]), dtype="float32")
for training in (False, True, False):
    outputs = [m(images, training=training) for m in (plain, quick)]
    a, b = (keras.ops.convert_to_numpy(part).astype("float32") for part in outputs)
    assert np.ptp(a) > 0.1
    assert np.abs(a - b).max() <= near * np.ptp(a), np.abs(a - b).max() / np.ptp(a)
for a, b in zip(plain.get_weights(), quick.get_weights(), strict=True):
    # PyTorch averages the unbiased variance, Keras the biased one: 1 in 1,536 values apart at the smallest.
    np.testing.assert_allclose(a, b, rtol=10 * near, atol=near)
    assert b.dtype == "float32"
"""


@pytest.mark.skipif(not find_spec("torch"), reason="needs PyTorch: pip install torch")
@pytest.mark.parametrize("network", ["plain", "inverted"])
@pytest.mark.parametrize(("precision", "near"), [("float32", "2e-4"), ("mixed_bfloat16", "0.05")])
def test_it_says_and_learns_what_the_keras_model_does(precision: str, near: str, network: str) -> None:
    environment = os.environ | {"KERAS_BACKEND": "torch"}
    command = [sys.executable, "-c", COMPARE, precision, near, network]

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras runs on PyTorch here")
def test_on_another_backend_it_is_the_model_itself() -> None:
    model = logits_model(build_model(ARCHITECTURES["tiny"]))

    assert use_fused_torch_layers(model) is model
