from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import pytest

from livecam.core.digest import digest


class Fruit(Enum):
    APPLE = 1
    PEAR = 2


@dataclass
class Stage:
    rate: float
    memory: Any = None


ONE = np.arange(6, dtype=np.float32).reshape(2, 3)
DIFFERENT = [
    None,
    0,
    0.0,
    -0.0,
    False,
    "0",
    b"0",
    [],
    [0],
    [[0], 0],
    [0, [0]],
    ["ab", "c"],
    ["a", "bc"],
    {},
    {"a": 1},
    Fruit.APPLE,
    Fruit.PEAR,
    ONE,
    ONE.T,
    ONE.reshape(3, 2),
    ONE.astype(np.float64),
    np.nextafter(ONE, np.float32(9)),
    Stage(0.1),
    Stage(0.1, ONE),
    Stage(np.nextafter(0.1, 1.0)),
]


def test_values_that_differ_in_a_bit_have_other_digests() -> None:
    assert len({digest(value) for value in DIFFERENT}) == len(DIFFERENT)


@pytest.mark.parametrize(
    ("value", "equal"),
    [
        (ONE, np.asfortranarray(ONE)),
        (ONE[:, :2], ONE[:, :2].copy()),
        (Stage(0.5, [ONE, ONE]), Stage(0.5, [ONE, ONE.copy()])),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (Stage(1.0), Stage(1.0)),
    ],
)
def test_equal_values_have_equal_digests(value: Any, equal: Any) -> None:
    assert digest(value) == digest(equal)


def test_deques_count_with_their_values() -> None:
    assert digest(deque([1, 2])) == digest(deque([1, 2])) != digest(deque([2, 1]))
