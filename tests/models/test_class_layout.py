import numpy as np

from livecam.models.class_layout import CLASSES, decode_class_outputs, depth_to_space2


def test_four_packed_numbers_are_two_pixels_beside_each_other_and_two_below() -> None:
    packed = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert depth_to_space2(packed).tolist() == [
        [0, 1, 4, 5, 8, 9],
        [2, 3, 6, 7, 10, 11],
        [12, 13, 16, 17, 20, 21],
        [14, 15, 18, 19, 22, 23],
    ]


def test_classes_are_the_same_told_in_one_output_or_in_three() -> None:
    classes = np.random.default_rng(0).random((4, 6, 3), dtype=np.float32)
    packed = {
        name: classes[..., number].reshape(2, 2, 3, 2).swapaxes(1, 2).reshape(2, 3, 4)
        for number, name in enumerate(CLASSES)
    }
    for told in ({"classes": classes}, packed):
        joined = decode_class_outputs(told)
        assert joined is not None
        assert (joined == classes).all()
        assert not np.shares_memory(joined, classes)


def test_who_tells_less_than_three_classes_tells_none() -> None:
    one = np.zeros((2, 3, 4), np.float32)
    assert decode_class_outputs({}) is None
    assert decode_class_outputs({"foreground": one, "contour": one}) is None
