import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")
tf = pytest.importorskip("tensorflow", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.training.losses import MatteLoss, classes_loss  # noqa: E402
from livecam.training.train import ForegroundIoU  # noqa: E402

pytestmark = pytest.mark.training


def truth(matte: np.ndarray, known: float | np.ndarray = 1.0, weight: float | np.ndarray = 1.0) -> np.ndarray:
    parts = [np.broadcast_to(part, matte.shape) for part in (matte, known, weight)]
    return np.stack(parts, axis=-1).astype(np.float32)


def value(loss: MatteLoss, true: np.ndarray, said: np.ndarray) -> float:
    return float(loss(true, said[..., None].astype(np.float32)))


def entropy(true: np.ndarray, said: np.ndarray) -> np.ndarray:
    return -(true * np.log(said) + (1 - true) * np.log(1 - said))


def test_crossentropy_of_classes_is_the_weighted_mean_counted_by_hand() -> None:
    said = np.array([[[[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]], [[0.2, 0.2, 0.6], [0.5, 0.25, 0.25]]]], np.float32)
    true = np.array([[[[0, 1.0], [1, 2.0]], [[2, 4.0], [1, 1.0]]]], np.float32)

    expected = -(np.log(0.7) + 2 * np.log(0.8) + 4 * np.log(0.6) + np.log(0.25)) / 4

    assert float(classes_loss(true, said)) == pytest.approx(expected, rel=1e-5)


def test_the_matte_s_loss_is_crossentropy_and_difference_and_gradients_counted_by_hand() -> None:
    true = np.array([[[1.0, 0.0], [0.5, 0.0]]])
    said = np.array([[[0.8, 0.1], [0.6, 0.3]]])
    weight = np.array([[[1.0, 2.0], [3.0, 4.0]]])
    error = said - true
    each = ((entropy(true, said) + abs(error)) * weight).mean()
    down, across = abs(error[:, 1:] - error[:, :-1]).mean(), abs(error[:, :, 1:] - error[:, :, :-1]).mean()

    assert value(MatteLoss(), truth(true, weight=weight), said) == pytest.approx(
        each + 0.5 * (down + across), rel=1e-5
    )
    assert value(MatteLoss(gradient=0), truth(true, weight=weight), said) == pytest.approx(each, rel=1e-5)


def test_a_right_answer_costs_next_to_nothing_and_a_wrong_one_stays_finite() -> None:
    true = (np.random.default_rng(0).random((4, 6, 6)) > 0.5).astype(np.float32)

    assert value(MatteLoss(pairs=1), truth(true), true) < 1e-3
    assert 5 < value(MatteLoss(pairs=1), truth(true), 1 - true) < 20


def test_pixels_that_are_not_known_don_t_count() -> None:
    rng = np.random.default_rng(1)
    true, said = rng.random((2, 4, 6, 6))
    known = (rng.random((4, 6, 6)) > 0.4).astype(np.float32)
    other = np.where(known == 1, said, rng.random((4, 6, 6)))

    loss = MatteLoss(pairs=2)

    assert value(loss, truth(true, known), said) == pytest.approx(value(loss, truth(true, known), other))
    assert value(loss, truth(true, 0.0), said) == 0
    assert value(loss, truth(true), said) != pytest.approx(value(loss, truth(true), other))


def test_a_pair_costs_nothing_more_while_its_error_stays_the_same() -> None:
    rng = np.random.default_rng(2)
    true = rng.uniform(0.2, 0.6, (4, 5, 5))
    error = rng.uniform(0, 0.3, (2, 5, 5))
    constant = true + np.repeat(error, 2, axis=0)

    plain, pairs = MatteLoss(), MatteLoss(pairs=2)

    assert value(pairs, truth(true), constant) == pytest.approx(value(plain, truth(true), constant), rel=1e-5)


def test_a_pair_costs_the_mean_change_of_its_error_where_both_are_known() -> None:
    true = np.full((4, 2, 2), 0.5)
    said = true.copy()
    said[1] += 0.2
    said[3] += 0.4
    known = np.ones((4, 2, 2))
    known[1, 0] = 0

    added = value(MatteLoss(pairs=1, change=2.0), truth(true, known), said) - value(
        MatteLoss(), truth(true, known), said
    )

    # Rows 2 and 3 are no pair here; half of the pixels of the pair are known in both.
    assert added == pytest.approx(2.0 * 0.2 / 2, rel=1e-4)


def test_gradients_flow_to_every_known_pixel_and_to_no_other() -> None:
    rng = np.random.default_rng(3)
    known = (rng.random((2, 4, 4)) > 0.3).astype(np.float32)
    true = truth((rng.random((2, 4, 4)) > 0.5).astype(np.float32), known)
    said = tf.Variable(rng.uniform(0.2, 0.8, (2, 4, 4, 1)).astype(np.float32))
    with tf.GradientTape() as tape:
        loss = MatteLoss(pairs=1)(true, said)

    slope = tape.gradient(loss, said).numpy()[..., 0]

    assert np.isfinite(slope).all()
    np.testing.assert_array_equal(slope != 0, known == 1)


def test_gradients_of_the_classes_pull_towards_the_true_one() -> None:
    logits = tf.Variable(np.zeros((1, 1, 2, 3), np.float32))
    true = np.array([[[[0, 1.0], [2, 3.0]]]], np.float32)
    with tf.GradientTape() as tape:
        loss = classes_loss(true, tf.nn.softmax(logits))

    slope = tape.gradient(loss, logits).numpy()[0, 0]

    assert np.sign(slope).tolist() == [[-1, 1, 1], [1, 1, -1]]
    np.testing.assert_allclose(slope[1, 2], 3 * slope[0, 0], rtol=1e-4)


def test_the_loss_comes_back_from_its_config() -> None:
    back = MatteLoss.from_config(MatteLoss(3, 0.25, 0.5).get_config())

    assert (back.pairs, back.gradient, back.change) == (3, 0.25, 0.5)


def test_foreground_iou_is_keras_iou_of_class_0_without_the_weights() -> None:
    iou = ForegroundIoU(num_classes=3, target_class_ids=(0,), sparse_y_pred=False)
    true = np.array([[[[0, 9.0], [0, 1.0], [1, 1.0], [2, 5.0]]]], np.float32)
    said = keras.utils.to_categorical(np.array([[[0, 1, 0, 2]]]), 3)

    iou.update_state(true, said)

    assert float(iou.result()) == pytest.approx(1 / 3)
