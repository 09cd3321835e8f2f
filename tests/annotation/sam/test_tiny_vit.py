"""TinyViT, the image encoder of MobileSAM."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = [
    pytest.mark.labelling,
    # Keras' own, when it saves weights.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

keras = pytest.importorskip("keras", reason="Keras is missing: pip install 'livecam[train]'")
keras_hub = pytest.importorskip("keras_hub", reason="KerasHub is missing: pip install 'livecam[label]'")

SMALL = {
    "image_shape": (128, 128, 3), "widths": (8, 16, 16, 24), "depths": (1, 1, 2, 1),
    "num_heads": (1, 2, 2, 3), "window_sizes": (3, 3, 5, 3), "num_output_channels": 12,
}  # fmt: skip


def small_encoder() -> Any:
    from livecam.annotation.sam.tiny_vit import TinyViTBackbone

    return TinyViTBackbone(**SMALL)


def stage_shapes(encoder: Any) -> list[tuple[int, ...]]:
    """Return height, width and channels after each stage's last block."""
    last = ["stage0_block0_conv3", "stage1_block0_mlp_2", "stage2_block1_mlp_2", "stage3_block0_mlp_2"]
    return [tuple(encoder.get_layer(name).output.shape[1:]) for name in last]


@pytest.fixture(autouse=True)
def _seed() -> None:
    keras.utils.set_random_seed(6)


def test_resolution_is_a_quarter_to_a_sixteenth() -> None:
    encoder = small_encoder()
    assert stage_shapes(encoder) == [(32, 32, 8), (16, 16, 16), (8, 8, 16), (8, 8, 24)]
    assert encoder.output.shape == (None, 8, 8, 12)
    embedding = np.asarray(encoder(np.zeros((2, 128, 128, 3), np.float32)))
    assert embedding.shape == (2, 8, 8, 12)
    assert np.isfinite(embedding).all()


def test_mobile_sams_encoder_has_six_million_weights() -> None:
    from livecam.annotation.sam.tiny_vit import TinyViTBackbone

    encoder = TinyViTBackbone()
    assert encoder.output.shape == (None, 64, 64, 256)
    # The paper's 5 M and SAM's neck; without the classifier, and with folded batch normalizations.
    assert 5.5e6 < encoder.count_params() < 6.5e6


def test_configuration_makes_the_same_network() -> None:
    from livecam.annotation.sam.tiny_vit import TinyViTBackbone

    encoder = small_encoder()
    again = TinyViTBackbone.from_config(json.loads(json.dumps(encoder.get_config())))
    again.set_weights(encoder.get_weights())
    image = np.random.default_rng(2).random((1, 128, 128, 3), np.float32)
    np.testing.assert_array_equal(np.asarray(encoder(image)), np.asarray(again(image)))


def test_biases_depend_on_the_distance_of_two_tokens_only() -> None:
    from livecam.annotation.sam.tiny_vit import attention_offsets

    offsets = attention_offsets(3)
    assert offsets.shape == (9, 9)
    assert offsets[0].tolist() == list(range(9))
    # Tokens (0, 1) and (2, 0): two rows and one column apart.
    assert offsets[1, 6] == offsets[6, 1] == 3 * 2 + 1
    assert set(np.diag(offsets)) == {0}


def test_attention_stays_within_its_window() -> None:
    """Change one token: only the tokens of its window change."""
    from livecam.annotation.sam.tiny_vit import WindowAttention

    attention = WindowAttention(num_heads=2, window=3)
    tokens = np.random.default_rng(3).normal(size=(1, 7, 7, 8)).astype(np.float32)
    before = np.asarray(attention(tokens))
    assert before.shape == tokens.shape
    # One channel only: the layer normalization removes what all channels share.
    tokens[0, 4, 1, 0] += 1
    changed = np.abs(np.asarray(attention(tokens)) - before).max(axis=-1)[0] > 0
    expected = np.zeros((7, 7), bool)
    expected[3:6, 0:3] = True
    np.testing.assert_array_equal(changed, expected)


def test_attention_is_a_mean_of_values_if_all_scores_are_equal() -> None:
    from livecam.annotation.sam.tiny_vit import WindowAttention

    attention = WindowAttention(num_heads=1, window=2)
    tokens = np.random.default_rng(4).normal(size=(1, 2, 2, 4)).astype(np.float32)
    attention(tokens)
    kernel = np.zeros((4, 12), np.float32)
    kernel[:, 8:] = np.eye(4)  # query and key are zero, the value is the token
    attention.qkv.set_weights([kernel, np.zeros(12, np.float32)])
    attention.projection.set_weights([np.eye(4, dtype=np.float32), np.zeros(4, np.float32)])
    flat = tokens.reshape(4, 4)
    normal = (flat - flat.mean(1, keepdims=True)) / np.sqrt(flat.var(1, keepdims=True) + 1e-5)
    found = np.asarray(attention(tokens)).reshape(4, 4)
    np.testing.assert_allclose(found, np.tile(normal.mean(0), (4, 1)), atol=1e-5)
    # A large bias for distance 0 selects the token itself.
    attention.biases.assign(np.float32([[50, 0, 0, 0]]))
    np.testing.assert_allclose(np.asarray(attention(tokens)).reshape(4, 4), normal, atol=1e-4)


def test_strided_convolutions_have_pytorchs_padding() -> None:
    """With a stride of 2, output pixel 0 sees the padding and input pixels 0 and 1."""
    encoder = small_encoder()
    layer = encoder.get_layer("patch_embed_1")
    kernel = np.zeros((3, 3, 3, 4), np.float32)
    kernel[0, 0, 0, 0], kernel[2, 2, 0, 1] = 1, 1
    layer.set_weights([kernel, np.zeros(4, np.float32)])
    image = np.arange(128 * 128, dtype=np.float32).reshape(1, 128, 128, 1).repeat(3, 3)
    padded = encoder.get_layer("patch_embed_1_padding")(image)
    found = np.asarray(layer(padded))
    assert found[0, 0, 0, 0] == 0  # padding
    assert found[0, 0, 0, 1] == image[0, 1, 1, 0]
    assert found[0, 5, 7, 0] == image[0, 9, 13, 0]


def test_preset_is_saved_and_loaded(tmp_path: Path) -> None:
    """Whole: save_to_preset with TinyViT, half the bytes on disk, from_preset, the same results."""
    from scripts.convert_sam import save_preset
    from scripts.shared.mobile_sam import Architecture

    encoder = {name: value for name, value in SMALL.items() if name != "num_output_channels"}
    task = Architecture(encoder, width=16, inner_width=16, heads=2, mask_channels=4).build()
    save_preset(task, tmp_path / "half")
    task.save_to_preset(str(tmp_path / "whole"))
    sizes = [(tmp_path / name / "model.weights.h5").stat().st_size for name in ("half", "whole")]
    assert sizes[0] < 0.8 * sizes[1]
    again = keras_hub.models.SAMImageSegmenter.from_preset(str(tmp_path / "half"))
    image = np.random.default_rng(5).random((1, 128, 128, 3), np.float32)
    one, two = (np.asarray(each.backbone.image_encoder(image)) for each in (task, again))
    # Rounding to float16 changes each weight by up to 0.05 %, and the layers add up.
    assert 0 < np.abs(two - one).mean() < 0.01 * one.std()
    assert np.abs(two - one).max() < 0.1 * one.std()
