"""scripts/measure_labels.py compares masks with trimaps."""

from types import ModuleType

import numpy as np
import pytest

from tests.support.scripts import load_script


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("measure_labels")


def person_with_hand() -> np.ndarray:
    """Return a trimap (100, 100): a body, a hand beside it, and an unknown line around the body."""
    trimap = np.full((100, 100), 2, np.uint8)
    trimap[30:100, 28:62] = 3
    trimap[32:100, 30:60] = 1
    trimap[20:30, 80:90] = 1
    return trimap


def test_unknown_pixels_do_not_count(script: ModuleType) -> None:
    trimap = person_with_hand()
    exact = (trimap == 1).astype(np.float32)
    wide = (trimap != 2).astype(np.float32)
    assert script.iou(exact, trimap) == script.iou(wide, trimap) == 1.0
    half = exact.copy()
    half[:, 45:60] = 0
    assert 0.4 < script.iou(half, trimap) < 0.6


def test_lost_hand_is_found_and_a_thin_edge_is_not(script: ModuleType) -> None:
    trimap = person_with_hand()
    exact = (trimap == 1).astype(np.float32)
    assert not script.loses_piece(exact, trimap)
    without_hand = exact.copy()
    without_hand[:, 70:] = 0
    assert script.loses_piece(without_hand, trimap)
    thin = exact.copy()
    thin[32:100, 30] = 0
    assert not script.loses_piece(thin, trimap)


def test_table_has_a_row_for_each_group_and_one_for_all(
    script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        script.Labelled("street", 0.9, 0.8, 0.95, (True, False), True),
        script.Labelled("street", 0.7, 0.6, 0.5, (True, True), False),
        script.Labelled("webcam", 0.9, 0.9, 0.97, (False, False), True),
    ]
    script.print_table(rows)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| street", "| webcam", "| all"]
    assert lines[2] == "| street | 2 | 0.800 | 0.700 | 0.725 | 2, 1 | 50% | 0.950, 0.950 |"
    assert lines[4].endswith("| 33% | 0.960, 0.951 |")


def test_middle_is_far_from_the_edge(script: ModuleType) -> None:
    point = script.middle(person_with_hand())
    assert 40 <= point.x <= 50
    assert 42 <= point.y <= 90
    assert script.middle(np.full((9, 9), 2, np.uint8)) is None
