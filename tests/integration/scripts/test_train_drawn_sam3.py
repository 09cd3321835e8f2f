"""scripts/train_drawn_sam3.py draws what a word names, and matches queries to it; training takes minutes."""

from types import ModuleType

import numpy as np
import pytest

from tests.support.scripts import load_script

pytest.importorskip("keras_hub", reason="KerasHub is missing: pip install 'livecam[label]'")

pytestmark = [
    pytest.mark.labelling,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")  # put back afterwards, as the script sets it
        return load_script("train_drawn_sam3")


def outputs(boxes: np.ndarray, masks: np.ndarray, exists: np.ndarray) -> dict[str, np.ndarray]:
    """Return what a perfect network gives for these instances."""
    return {
        "pred_boxes": boxes,
        "pred_masks": np.where(masks > 0.5, 12, -12).astype(np.float32).transpose(0, 2, 3, 1),
        "pred_logits": np.where(exists > 0, 12, -12).astype(np.float32),
        "presence_logits": np.where(exists.max(1) > 0, 12, -12).astype(np.float32)[:, None, None],
        "semantic_segs": np.where(masks.max(1) > 0.5, 12, -12).astype(np.float32)[..., None],
    }


def test_boxes_are_around_the_masks_of_the_instances_that_exist(script: ModuleType) -> None:
    batch = script.make_batch(script.build(), np.random.default_rng(2), 12)
    assert batch.images.shape == (12, script.SIDE, script.SIDE, 3)
    assert 0 < batch.exists.sum() < batch.exists.size
    for boxes, masks, exists in zip(batch.boxes, batch.masks, batch.exists, strict=True):
        for box, mask, here in zip(boxes, masks, exists, strict=True):
            if not here:
                assert not mask.any()
                continue
            rows, columns = np.flatnonzero((mask > 0.5).any(1)), np.flatnonzero((mask > 0.5).any(0))
            tight = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / script.MASK
            np.testing.assert_allclose(box, tight, atol=1.5 / script.MASK)


def test_what_is_right_costs_little_in_any_order_and_what_is_wrong_much(script: ModuleType) -> None:
    batch = script.make_batch(script.build(), np.random.default_rng(2), 6)
    truth = (batch.boxes, batch.masks, batch.exists)
    right = float(script.loss_of(outputs(*truth), *truth))
    turned = outputs(*(part[:, ::-1] for part in truth))
    assert right < 0.8  # the edges of the true masks are soft
    assert float(script.loss_of(turned, *truth)) == pytest.approx(right, abs=1e-3)
    # Boxes and masks of another image.
    wrong = outputs(*(np.roll(part, 1, axis=0) for part in truth))
    assert float(script.loss_of(wrong, *truth)) > right + 2
