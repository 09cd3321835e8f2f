from dataclasses import replace

import numpy as np
import pytest

from livecam.core.errors import TrainingError

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.training.networks.matting_net import ARCHITECTURES, build_model  # noqa: E402
from livecam.training.networks.net2net import transfer_weights  # noqa: E402

pytestmark = pytest.mark.training
TINY = ARCHITECTURES["tiny"]
WIDE = replace(TINY, widths=(8, 12, 24, 40))


def a_network(seed: int, **changes: object) -> keras.Model:
    """With running averages and offsets that are not those of an untrained one."""
    keras.utils.set_random_seed(seed)
    model = build_model(replace(TINY, **changes))
    rng = np.random.default_rng(seed)
    model.set_weights([w + rng.uniform(0, 0.2, w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def says(model: keras.Model) -> np.ndarray:
    images = np.random.default_rng(0).random((2, 48, 64, 3), dtype=np.float32)
    return keras.ops.convert_to_numpy(model(images, training=False)["matte"])


def passes_up(model: keras.Model) -> np.ndarray:
    """What the bottom of the network hands on: no softmax has made it all or nothing."""
    images = np.random.default_rng(0).random((2, 48, 64, 3), dtype=np.float32)
    bottom = keras.Model(model.input, model.get_layer("context").output)
    return keras.ops.convert_to_numpy(bottom(images, training=False))


def test_the_wider_network_begins_with_what_the_narrower_one_says() -> None:
    narrow, wide = a_network(1), a_network(2, widths=WIDE.widths)
    assert np.abs(says(wide) - says(narrow)).max() > 0.01

    transfer_weights(narrow, wide)

    np.testing.assert_allclose(says(wide), says(narrow), atol=1e-5)


def test_new_channels_see_the_image_in_ways_of_their_own() -> None:
    narrow, wide = a_network(1), a_network(2, widths=WIDE.widths)

    transfer_weights(narrow, wide)

    kernel = wide.get_layer("down4_conv").get_weights()[0]
    assert kernel[..., 8:].std() > 0.01
    assert not kernel[:, :, 8:, :8].any()


def test_the_deeper_network_begins_near_what_the_less_deep_one_says() -> None:
    flat, deep = a_network(1), build_model(replace(TINY, depths=(0, 0, 3)))
    before = np.abs(passes_up(deep) - passes_up(flat)).mean()

    transfer_weights(flat, deep)

    assert 0 < np.abs(passes_up(deep) - passes_up(flat)).mean() < 0.2 * before


def test_further_steps_can_learn() -> None:
    deep = a_network(2, depths=(0, 0, 2))
    transfer_weights(a_network(1), deep)
    heard = passes_up(deep)

    norm = deep.get_layer("stay16_1_norm")
    norm.set_weights([2 * norm.get_weights()[0], *norm.get_weights()[1:]])

    assert np.abs(passes_up(deep) - heard).max() > 0


def test_of_two_alike_it_is_a_copy() -> None:
    one, two = a_network(1), a_network(2)

    transfer_weights(one, two)

    for first, second in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_wider_one_and_one_of_other_layers_are_refused() -> None:
    with pytest.raises(TrainingError, match="wider somewhere"):
        transfer_weights(a_network(1, widths=WIDE.widths), a_network(2))
    with pytest.raises(TrainingError, match="other layers"):
        transfer_weights(a_network(1, depths=(0, 0, 2)), a_network(2))
