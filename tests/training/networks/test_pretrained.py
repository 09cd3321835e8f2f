"""Tests with random weights of EfficientNet-Lite0's shapes, because the real ones are a download."""

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")
pytest.importorskip("tensorflow", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.core.errors import TrainingError  # noqa: E402
from livecam.core.geometry import Size  # noqa: E402
from livecam.training.data.dataset import SceneDataset  # noqa: E402
from livecam.training.data.scene_sampler import AssetPool, SceneMix  # noqa: E402
from livecam.training.networks.efficientnet_lite import MBConvStage, teacher_stem  # noqa: E402
from livecam.training.networks.matting_net import ARCHITECTURES, MattingNetConfig, build_model  # noqa: E402
from livecam.training.networks.pretrained import Weights, distill_stem, load_efficientnet_weights  # noqa: E402
from tests.support.sam_weights import LOWER, NORM, UPPER, Block, draw_weights  # noqa: E402

pytestmark = pytest.mark.training
SMALL = MattingNetConfig(
    "small", (96, 64), (8, 24), (1,), (MBConvStage(3, 2, 8, 5, 2), MBConvStage(5, 1, 16, 3, 2)), (8, 8, 8)
)


def normalise(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    scale, shift, mean, variance = (weights[f"{name}.{part}"] for part in NORM)
    return (x - mean) / np.sqrt(variance + 1e-3) * scale + shift


def test_a_block_says_of_an_image_what_its_weights_say_by_hand() -> None:
    image = keras.Input((16, 16, 3))
    eyes = keras.Model(image, teacher_stem(image))
    weights = draw_weights(UPPER)
    load_efficientnet_weights(eyes, weights)
    block = keras.Model(eyes.get_layer("block1_project_norm").output, eyes.output)
    given = np.random.default_rng(6).random((1, 4, 4, 24), np.float32)

    output = keras.ops.convert_to_numpy(block(given, training=False))

    wide = normalise(
        given @ weights["_blocks.2._expand_conv.weight"][:, :, 0, 0].T, weights, "_blocks.2._bn0"
    )
    wide = np.pad(np.clip(wide, 0, 6), ((0, 0), (1, 1), (1, 1), (0, 0)))
    kernel = weights["_blocks.2._depthwise_conv.weight"][:, 0].transpose(1, 2, 0)
    deep = sum(kernel[y, x] * wide[:, y : y + 4, x : x + 4] for y in range(3) for x in range(3))
    deep = np.clip(normalise(deep, weights, "_blocks.2._bn1"), 0, 6)
    passed = normalise(
        deep @ weights["_blocks.2._project_conv.weight"][:, :, 0, 0].T, weights, "_blocks.2._bn2"
    )
    np.testing.assert_allclose(output, given + passed, atol=1e-4)


def test_the_blocks_take_the_weights_and_the_rest_of_the_network_stays_as_it_was() -> None:
    model, weights = build_model(SMALL), draw_weights(UPPER + LOWER)
    before = {layer.name: layer.get_weights() for layer in model.layers}

    load_efficientnet_weights(model, weights)

    (kernel,) = model.get_layer("block4_depth_conv").get_weights()
    np.testing.assert_allclose(
        kernel[..., 0], weights["_blocks.4._depthwise_conv.weight"][:, 0].transpose(1, 2, 0), rtol=1e-6
    )
    for layer in model.layers:
        if not layer.name.startswith("block"):
            for old, new in zip(before[layer.name], layer.get_weights(), strict=True):
                np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("blocks", [UPPER, ((*LOWER[0][:2], 9, 5, 6), *LOWER[1:])])
def test_weights_that_are_missing_or_of_another_shape_are_refused(
    blocks: tuple[Block, ...],
) -> None:
    with pytest.raises(TrainingError, match="these weights don't fit block3_"):
        load_efficientnet_weights(build_model(SMALL), draw_weights(blocks))


def test_a_network_without_blocks_is_refused() -> None:
    with pytest.raises(TrainingError, match="tiny has no blocks"):
        load_efficientnet_weights(build_model(ARCHITECTURES["tiny"]), draw_weights(UPPER))


def test_the_upper_half_learns_to_see_as_its_teacher_does() -> None:
    keras.utils.set_random_seed(2)
    rng = np.random.default_rng(3)
    rooms = [np.kron(rng.integers(0, 256, (8, 12, 3)), np.ones((8, 8, 1))).astype(np.uint8) for _ in range(6)]
    nothing = SceneMix(real=0.0, empty=1.0, double=0.0)
    batches = SceneDataset(AssetPool([], rooms, []), Size(96, 64), batch=8, steps=100, seed=4, mix=nothing)
    model, weights = build_model(SMALL), draw_weights(UPPER)
    image = keras.Input((64, 96, 3))
    teacher = keras.Model(image, teacher_stem(image))
    load_efficientnet_weights(teacher, weights)
    images, _ = batches[99]
    true = teacher.predict_on_batch(images)
    upper = keras.Model(model.input, model.get_layer("enter_norm").output)

    def unlikeness() -> float:
        difference = upper.predict_on_batch(images) - true
        return float(np.mean(np.square(difference) / (true.var(axis=(0, 1, 2)) + 1e-3)))

    before = unlikeness()
    unlike = distill_stem(model, weights, batches, learning_rate=0.02)

    assert unlike < 0.7 * before
    assert unlike == pytest.approx(unlikeness(), rel=0.05)
