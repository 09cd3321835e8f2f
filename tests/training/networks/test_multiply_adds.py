import pytest

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")

from keras import layers  # noqa: E402

from livecam.training.networks.matting_net import ARCHITECTURES, build_model  # noqa: E402
from livecam.training.networks.multiply_adds import count_multiply_adds  # noqa: E402

pytestmark = pytest.mark.training


def count(layer: keras.layers.Layer, shape: tuple[int, ...] = (8, 6, 4)) -> int:
    given = keras.Input(shape)
    return count_multiply_adds(keras.Model(given, layer(given)))


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Conv2D(5, 3, padding="same"), 8 * 6 * 3 * 3 * 4 * 5),
        (layers.Conv2D(5, 3, strides=2, padding="same"), 4 * 3 * 3 * 3 * 4 * 5),
        (layers.Conv2D(6, 3, padding="same", groups=2), 8 * 6 * 3 * 3 * 2 * 6),
        (layers.DepthwiseConv2D(5, padding="same"), 8 * 6 * 5 * 5 * 4),
        (layers.Conv2DTranspose(5, 2, strides=2), 8 * 6 * 2 * 2 * 4 * 5),
        (layers.ReLU(), 0),
        (layers.BatchNormalization(), 0),
    ],
)
def test_it_counts_weights_times_places(layer: keras.layers.Layer, expected: int) -> None:
    assert count(layer) == expected


def test_a_dense_layer_uses_each_weight_once() -> None:
    assert count(layers.Dense(7), (5,)) == 35


def test_a_model_in_a_model_counts() -> None:
    given = keras.Input((8, 8, 3))
    inner = keras.Model(given, layers.Conv2D(2, 1)(given))
    outer = keras.Input((8, 8, 3))

    assert count_multiply_adds(keras.Model(outer, inner(outer))) == 8 * 8 * 3 * 2


def test_without_a_fixed_size_there_is_no_count() -> None:
    with pytest.raises(ValueError, match="no fixed height and width"):
        count(layers.Conv2D(2, 3, padding="same"), (None, None, 3))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "millions"), [("person", 106.9), ("person-large", 449.6), ("person-lite", 29.1)]
)
def test_the_shipped_networks_cost_what_their_cards_say(name: str, millions: float) -> None:
    assert count_multiply_adds(build_model(ARCHITECTURES[name])) / 1e6 == pytest.approx(millions, abs=0.1)
