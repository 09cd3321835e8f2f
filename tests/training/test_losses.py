import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")
tf = pytest.importorskip("tensorflow", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.training.losses import MattingLoss, decode_logits  # noqa: E402

pytestmark = pytest.mark.training

CONFIDENT_LOGIT = 30.0
"""Logit so large that the softmax ignores the others."""


def truth(
    label: np.ndarray, matte: np.ndarray, known: float | np.ndarray = 1.0, near: float | np.ndarray = 0.0
) -> np.ndarray:
    parts = [label, np.asarray(matte) * 255, np.asarray(known) * 255, near]
    return np.stack([np.broadcast_to(part, matte.shape) for part in parts], axis=1).astype(np.float32)


def foreground(matte: np.ndarray) -> np.ndarray:
    """Return logits of foreground and background that give this matte, without contour."""
    zeros = np.zeros_like(matte)
    return np.stack([np.log(matte), np.log(1 - matte), zeros - CONFIDENT_LOGIT, zeros], axis=-1).astype(
        np.float32
    )


def value(loss: MattingLoss, true: np.ndarray, logits: np.ndarray) -> float:
    return float(loss(true, logits.astype(np.float32)))


def entropy(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return -(true * np.log(predicted) + (1 - true) * np.log(1 - predicted))


def test_logits_are_read_as_a_softmax_of_three_and_a_share_of_the_contour() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (2, 4, 5, 4)).astype(np.float32)
    softmax = np.exp(logits[..., :3]) / np.exp(logits[..., :3]).sum(axis=-1, keepdims=True)
    fraction = 1 / (1 + np.exp(-logits[..., 3]))

    classes, matte = decode_logits(logits)

    np.testing.assert_allclose(np.exp(np.moveaxis(np.asarray(classes), 0, -1)), softmax, atol=1e-6)
    np.testing.assert_allclose(matte, softmax[..., 0] + softmax[..., 2] * fraction, atol=1e-6)


def test_huge_logits_stay_finite() -> None:
    logits = np.array([[[[400.0, -400, 0, 50], [-400, 400, 400, -50]]] * 2], np.float32).reshape(1, 2, 2, 4)

    assert np.isfinite(value(MattingLoss(), truth(np.ones((1, 2, 2)), np.zeros((1, 2, 2))), logits))


def test_crossentropy_of_classes_is_the_weighted_mean_counted_by_hand() -> None:
    predicted = np.array([[[[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]], [[0.2, 0.2, 0.6], [0.5, 0.25, 0.25]]]])
    logits = np.concatenate([np.log(predicted), np.zeros((1, 2, 2, 1))], axis=-1)
    label, near = np.array([[[0, 1], [2, 1]]]), np.array([[[0, 0], [1, 0]]])

    # The matte is unknown everywhere, so only the classes count.
    loss = value(MattingLoss(outline=3), truth(label, np.zeros((1, 2, 2)), 0, near), logits)

    assert loss == pytest.approx(-(np.log(0.7) + np.log(0.8) + 4 * np.log(0.6) + np.log(0.25)) / 4, rel=1e-5)


def test_the_matte_s_part_is_crossentropy_and_difference_and_gradients_counted_by_hand() -> None:
    true = np.array([[[1.0, 0.0], [0.5, 0.0]]])
    predicted = np.array([[[0.8, 0.1], [0.6, 0.3]]])
    near = np.array([[[0, 1], [0, 1]]])
    error = predicted - true
    each = ((entropy(true, predicted) + abs(error)) * (1 + 3 * near)).mean()
    down, across = abs(error[:, 1:] - error[:, :-1]).mean(), abs(error[:, :, 1:] - error[:, :, :-1]).mean()
    classes = -(np.where(true > 0, np.log(predicted), np.log(1 - predicted)) * (1 + 3 * near)).mean()
    logits, label = foreground(predicted), (true == 0).astype(float)

    assert value(MattingLoss(), truth(label, true, 1, near), logits) - classes == pytest.approx(
        each + 0.5 * (down + across), rel=2e-3
    )
    assert value(MattingLoss(gradient=0), truth(label, true, 1, near), logits) - classes == pytest.approx(
        each, rel=2e-3
    )


def test_a_right_answer_costs_next_to_nothing_and_a_wrong_one_stays_finite() -> None:
    true = (np.random.default_rng(0).random((4, 6, 6)) > 0.5).astype(np.float32)
    label, right = 1 - true, foreground(np.clip(true, 1e-6, 1 - 1e-6))
    wrong = foreground(np.clip(1 - true, 1e-6, 1 - 1e-6))

    assert value(MattingLoss(pairs=1), truth(label, true), right) < 1e-3
    assert 5 < value(MattingLoss(pairs=1), truth(label, true), wrong) < 40


def test_a_matte_that_is_not_known_doesn_t_count() -> None:
    rng = np.random.default_rng(1)
    predicted, label = foreground(rng.uniform(0.1, 0.9, (4, 6, 6))), rng.integers(0, 3, (4, 6, 6))
    true, known = rng.random((4, 6, 6)), (rng.random((4, 6, 6)) > 0.4).astype(np.float32)
    other = np.where(known == 1, true, rng.random((4, 6, 6)))
    loss = MattingLoss(pairs=2)

    assert value(loss, truth(label, true, known), predicted) == pytest.approx(
        value(loss, truth(label, other, known), predicted)
    )
    assert value(loss, truth(label, true), predicted) != pytest.approx(
        value(loss, truth(label, other), predicted)
    )


def test_a_pair_costs_nothing_more_while_its_error_stays_the_same() -> None:
    rng = np.random.default_rng(2)
    true = rng.uniform(0.2, 0.6, (4, 5, 5)).astype(np.float32)
    constant = foreground(true + np.repeat(rng.uniform(0, 0.3, (2, 5, 5)), 2, axis=0))
    given = truth(np.zeros_like(true), true)

    assert value(MattingLoss(pairs=2), given, constant) == pytest.approx(
        value(MattingLoss(), given, constant), rel=1e-4
    )


def test_a_pair_costs_the_mean_change_of_its_error_where_both_are_known() -> None:
    true = np.full((4, 2, 2), 0.4)
    predicted = true.copy()
    predicted[1] += 0.2
    predicted[3] += 0.4
    known = np.ones((4, 2, 2))
    known[1, 0] = 0
    given = truth(np.zeros_like(true), true, known)

    added = value(MattingLoss(pairs=1, temporal=2.0), given, foreground(predicted)) - value(
        MattingLoss(), given, foreground(predicted)
    )

    # Rows 2 and 3 are not a pair; half of the pixels of the pair are known in both.
    assert added == pytest.approx(2.0 * 0.2 / 2, rel=1e-3)


def test_gradients_pull_every_pixel_towards_its_class_and_more_near_the_outline() -> None:
    logits = tf.Variable(np.zeros((1, 1, 2, 4), np.float32))
    given = truth(np.array([[[0, 2]]]), np.array([[[1.0, 0.5]]]), 0, np.array([[[0, 1]]]))
    with tf.GradientTape() as tape:
        loss = MattingLoss(outline=2)(given, logits)

    slope = tape.gradient(loss, logits).numpy()[0, 0]

    assert np.sign(slope).tolist() == [[-1, 1, 1, 0], [1, 1, -1, 0]]
    np.testing.assert_allclose(slope[1, 2], 3 * slope[0, 0], rtol=1e-4)


def test_the_loss_comes_back_from_its_config() -> None:
    back = MattingLoss.from_config(MattingLoss(3, 2.0, 0.25, 0.5).get_config())

    assert (back.pairs, back.outline, back.gradient, back.temporal) == (3, 2.0, 0.25, 0.5)
