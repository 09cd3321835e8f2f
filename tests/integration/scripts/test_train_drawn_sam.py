"""scripts/train_drawn_sam.py samples prompts of the shape they belong to; training itself takes minutes."""

from types import ModuleType

import numpy as np
import pytest

from tests.support.scripts import load_script

pytest.importorskip("keras_hub", reason="KerasHub is missing: pip install 'livecam[label]'")

pytestmark = pytest.mark.labelling


@pytest.fixture(scope="module")
def script() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")  # put back afterwards, as the script sets it
        return load_script("train_drawn_sam")


def test_each_point_lies_where_its_label_says(script: ModuleType) -> None:
    batch = script.make_batch(np.random.default_rng(3), 256, 6)
    assert batch.images.shape == (6, 256, 256, 3)
    right = []
    for points, labels, truth in zip(batch.points, batch.labels, batch.points_truth, strict=True):
        assert labels[0] == 1
        assert labels[-1] == -1
        for (x, y), label in zip(points, labels, strict=True):
            if label >= 0:
                right.append(round(float(truth[int((y + 0.5) // 4), int((x + 0.5) // 4)])) == label)
    # A point near an edge may fall into a cell of 4x4 pixels that is mostly the other side's.
    assert np.mean(right) > 0.9


def test_each_box_is_around_its_shape(script: ModuleType) -> None:
    batch = script.make_batch(np.random.default_rng(4), 256, 6)
    for box, truth in zip(batch.boxes, batch.boxes_truth, strict=True):
        rows, columns = np.flatnonzero((truth > 0.5).any(1)), np.flatnonzero((truth > 0.5).any(0))
        tight = np.array([[columns[0], rows[0]], [columns[-1] + 1, rows[-1] + 1]]) * 4 - 0.5
        np.testing.assert_allclose(box[0], tight, atol=14)


def test_what_is_right_costs_little_and_what_is_wrong_much(script: ModuleType) -> None:
    truth = np.zeros((2, 8, 8), np.float32)
    truth[:, 2:6, 1:5] = 1
    logits = np.repeat(np.where(truth > 0, 12, -12)[:, None], 4, 1).astype(np.float32)
    right, reached = script.loss_of(logits, np.ones((2, 4), np.float32), truth)
    wrong, missed = script.loss_of(-logits, np.ones((2, 4), np.float32), truth)
    assert float(right) < 0.05
    assert float(reached) == 1
    assert float(wrong) > 2
    assert float(missed) == 0


def test_squares_of_every_side_have_the_same_weights(script: ModuleType) -> None:
    small, large = (script.build(side).backbone for side in (128, 1024))
    assert [weights.shape for weights in small.weights] == [weights.shape for weights in large.weights]
