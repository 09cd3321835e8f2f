import numpy as np

from livecam.imaging.masks import dilate, erode, parts, remove_thin


def test_parts_are_connected_and_large_enough() -> None:
    mask = np.zeros((20, 20), np.bool_)
    mask[2:6, 2:6], mask[6, 6], mask[15, 15] = True, True, True
    found = list(parts(mask, 0.01))
    assert [int(part.sum()) for part in found] == [17]
    assert found[0][6, 6]


def test_masks_grow_and_shrink_with_a_square() -> None:
    mask = np.zeros((20, 20), np.bool_)
    mask[8:12, 8:12] = True
    assert dilate(mask, 2).sum() == 64
    assert erode(mask, 1).sum() == 4
    mask[10, 12:18] = True
    assert remove_thin(mask, 1).sum() == 16
