from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")
pytest.importorskip("tensorflow", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.training.networks.efficientnet_lite import MBConvStage  # noqa: E402
from livecam.training.networks.matting_net import ARCHITECTURES, MattingNetConfig, build_model  # noqa: E402

pytestmark = [
    pytest.mark.training,
    # Keras saving a model, with TensorFlow's tensors under NumPy 2.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def tiny() -> keras.Model:
    keras.utils.set_random_seed(3)
    return build_model(ARCHITECTURES["tiny"])


def predict(model: keras.Model, images: np.ndarray) -> dict[str, np.ndarray]:
    return {k: keras.ops.convert_to_numpy(v) for k, v in model(images, training=False).items()}


def test_classes_are_shares_and_the_matte_lies_between_foreground_and_all_but_background(
    tiny: keras.Model,
) -> None:
    outputs = predict(tiny, np.random.default_rng(0).random((2, 48, 64, 3), np.float32))

    classes, matte = outputs["classes"], outputs["matte"][..., 0]
    assert classes.shape == (2, 48, 64, 3)
    assert outputs["matte"].shape == (2, 48, 64, 1)
    np.testing.assert_allclose(classes.sum(axis=-1), 1, atol=1e-5)
    assert (matte >= classes[..., 0] - 1e-6).all()
    assert (matte <= 1 - classes[..., 1] + 1e-6).all()


def test_the_way_down_is_strided_and_the_way_up_transposed(tiny: keras.Model) -> None:
    convolutions = [layer for layer in tiny.layers if type(layer) is keras.layers.Conv2D]
    down = [layer for layer in convolutions if layer.strides == (2, 2)]
    up = [layer for layer in tiny.layers if isinstance(layer, keras.layers.Conv2DTranspose)]

    assert [layer.name for layer in down] == [f"down{n}_conv" for n in (2, 4, 8, 16)]
    assert [layer.name for layer in up] == ["up8_up", "up4_up", "up2_up", "head"]
    assert all(layer.strides == (2, 2) for layer in up)


def test_weights_fit_the_same_network_at_another_size(tiny: keras.Model) -> None:
    from dataclasses import replace

    larger = build_model(replace(ARCHITECTURES["tiny"], size=(96, 64)))
    larger.set_weights(tiny.get_weights())

    assert tuple(larger.output["matte"].shape) == (None, 64, 96, 1)


def test_a_network_says_the_same_after_being_saved(tiny: keras.Model, tmp_path: Path) -> None:
    tiny.save(tmp_path / "tiny.keras")
    back = keras.models.load_model(tmp_path / "tiny.keras", compile=False)
    image = np.random.default_rng(1).random((1, 48, 64, 3), np.float32)

    for name, expected in predict(tiny, image).items():
        np.testing.assert_allclose(predict(back, image)[name], expected, atol=1e-5)


def test_every_network_is_compact_and_of_a_size_it_can_halve_four_times() -> None:
    for network in ARCHITECTURES.values():
        assert all(side % 16 == 0 for side in network.size)
        assert build_model(network).count_params() < 3_000_000


def test_what_cannot_be_halved_is_rounded_up_on_the_way_down_and_cropped_on_the_way_up() -> None:
    network = MattingNetConfig(
        "odd",
        (96, 80),
        (8, 8),
        (1,),
        (MBConvStage(0, 1, 8, 5, 2), MBConvStage(1, 1, 8, 3, 2), MBConvStage(2, 1, 8, 3, 2)),
    )
    model = build_model(network)

    assert model.get_layer("block2_depth_conv").output.shape[1:3] == (3, 3)
    assert model.get_layer("up16_crop").output.shape[1:3] == (5, 6)
    assert tuple(model.output["matte"].shape) == (None, 80, 96, 1)
