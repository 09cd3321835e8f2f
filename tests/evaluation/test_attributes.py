import numpy as np
import pytest

from livecam.evaluation.attributes import ATTRIBUTES, image_attributes

BRIGHT, DIM = np.full((80, 120, 3), 140, np.uint8), np.full((80, 120, 3), 40, np.uint8)


def box(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    matte = np.zeros((80, 120), np.float32)
    matte[top:bottom, left:right] = 1
    return matte


@pytest.mark.parametrize(
    ("matte", "conditions"),
    [
        (box(20, 80, 40, 90), ("head and shoulders",)),
        (box(20, 78, 40, 90), ("head and shoulders",)),
        (box(10, 70, 40, 75), ("full body",)),
        (box(10, 60, 50, 60), ("full body", "small subject")),
        (box(30, 70, 20, 100), ()),
        (box(70, 80, 10, 15), ("small subject",)),
        (box(0, 0, 0, 0), ()),
    ],
)
def test_conditions_are_measured_from_the_subject(matte: np.ndarray, conditions: tuple[str, ...]) -> None:
    assert image_attributes(BRIGHT, matte) == conditions
    assert image_attributes(DIM, matte) == ("low light", *conditions)
    assert set(conditions) <= set(ATTRIBUTES)
