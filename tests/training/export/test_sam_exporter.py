"""SAM's networks run by LiteRT give what Keras gives."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras_hub", reason="KerasHub is missing: pip install 'livecam[label]'")

pytestmark = [
    pytest.mark.labelling,
    # Keras' own, when it saves weights.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

SIDE = 128


@pytest.fixture(scope="module")
def exported() -> tuple[Any, bytes, bytes, tuple[np.ndarray, ...]]:
    """Return a small SAM with random weights, its two files, and Keras' outputs for some prompts."""
    from livecam.training.export.sam_exporter import convert_decoder, convert_encoder
    from scripts.shared.mobile_sam import Architecture

    encoder = {
        "image_shape": (SIDE, SIDE, 3), "widths": (8, 16, 16, 24), "depths": (1, 1, 1, 1),
        "num_heads": (1, 2, 2, 3), "window_sizes": (3, 3, 5, 3),
    }  # fmt: skip
    task = Architecture(encoder, width=16, inner_width=16, heads=2, mask_channels=4).build()
    rng = np.random.default_rng(6)
    for weight in task.backbone.prompt_encoder.weights:
        weight.assign(rng.normal(0, 0.3, weight.shape))
    expected = tuple(outputs(task, name) for name in PROMPTS)
    return task, convert_encoder(task.backbone), convert_decoder(task.backbone), expected


def prompt(name: str) -> Any:
    empty = np.zeros((1, 0, 2, 2), np.float32)
    box = np.float32([[[[10, 20], [90, 100]]]])
    no_mask = np.zeros((1, 0, 32, 32, 1), np.float32)
    mask = np.random.default_rng(7).normal(size=(1, 1, 32, 32, 1)).astype(np.float32)
    points, labels = np.float32([[[40, 50], [100, 30], [0, 0]]]), np.float32([[1, 0, -1]])
    return {
        "points": {"points": points, "labels": labels, "boxes": empty, "masks": no_mask},
        "box": {"points": points[:, :0], "labels": labels[:, :0], "boxes": box, "masks": no_mask},
        "both": {"points": points[:, :2], "labels": labels[:, :2], "boxes": box, "masks": no_mask},
        "mask": {"points": points[:, 2:], "labels": labels[:, 2:], "boxes": empty, "masks": mask},
    }[name]


PROMPTS = ("points", "box", "both", "mask")


def image() -> np.ndarray:
    return np.random.default_rng(8).random((1, SIDE, SIDE, 3), np.float32)


def outputs(task: Any, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from livecam.annotation.sam.network import KerasSam

    network = KerasSam(task)
    embedding = network.encode(image())
    return (embedding, *network.decode(embedding[0], prompt(name)))


@pytest.mark.parametrize("number", range(len(PROMPTS)), ids=PROMPTS)
def test_litert_and_keras_agree(exported: Any, number: int) -> None:
    from livecam.annotation.sam.network import LiteRTSam

    _, encoder, decoder, expected = exported
    network = LiteRTSam(encoder, decoder, threads=1)
    assert network.side == SIDE
    embedding, logits, scores = expected[number]
    found = network.encode(image())
    np.testing.assert_allclose(found, embedding, atol=0.02)
    # From the same embedding, so that only the decoder differs.
    found_logits, found_scores = network.decode(embedding[0], prompt(PROMPTS[number]))
    assert found_logits.shape == (4, 32, 32)
    spread = float(logits.max() - logits.min())
    assert spread > 0
    assert np.abs(found_logits - logits).max() < 0.02 * spread
    np.testing.assert_allclose(found_scores, scores, atol=0.01)


def test_prompts_differ(exported: Any) -> None:
    """The test above would pass for a decoder that ignores its prompt, if Keras ignored it as well."""
    logits = [part[1] for part in exported[3]]
    assert all(np.abs(logits[0] - other).max() > 1e-3 for other in logits[1:])


def test_weights_take_two_bytes(exported: Any) -> None:
    task, encoder, decoder, _ = exported
    whole = 4 * task.count_params()
    assert len(encoder) + len(decoder) < whole + 200_000
