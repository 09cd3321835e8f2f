import numpy as np

from livecam.models.class_layout import CLASSES, decode_class_outputs, depth_to_space2


def test_depth_to_space2_unpacks_blocks_of_two_by_two() -> None:
    packed = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert depth_to_space2(packed).tolist() == [
        [0, 1, 4, 5, 8, 9],
        [2, 3, 6, 7, 10, 11],
        [12, 13, 16, 17, 20, 21],
        [14, 15, 18, 19, 22, 23],
    ]


def test_decode_class_outputs_of_both_layouts_is_equal() -> None:
    classes = np.random.default_rng(0).random((4, 6, 3), dtype=np.float32)
    packed = {
        name: classes[..., number].reshape(2, 2, 3, 2).swapaxes(1, 2).reshape(2, 3, 4)
        for number, name in enumerate(CLASSES)
    }
    for outputs in ({"classes": classes}, packed):
        decoded = decode_class_outputs(outputs)
        assert decoded is not None
        assert (decoded == classes).all()
        assert not np.shares_memory(decoded, classes)


def test_decode_class_outputs_of_missing_class_is_none() -> None:
    one = np.zeros((2, 3, 4), np.float32)
    assert decode_class_outputs({}) is None
    assert decode_class_outputs({"foreground": one, "contour": one}) is None
