"""scripts/measure_labels.py compares masks with trimaps."""

import random
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from livecam.annotation.person import PersonMeasures, ReviewRules
from tests.support.scripts import load_script

FINE = PersonMeasures(agreement=0.98, second_opinion=0.97, uncertainty=0.05, missed=0.0)


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
        script.Labelled("street", 0.9, 0.8, 0.95, (True, False), FINE),
        script.Labelled("street", 0.7, 0.6, 0.5, (True, True), FINE._replace(agreement=0.4)),
        script.Labelled("webcam", 0.9, 0.9, 0.97, (False, False), FINE),
    ]
    script.print_table(rows)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| street", "| webcam", "| all"]
    assert lines[2] == "| street | 2 | 0.800 | 0.700 | 0.725 | 2, 1 | 50% | 0.950, 0.950 |"
    assert lines[4].endswith("| 33% | 0.960, 0.951 |")


def test_image_is_accepted_by_rules_score_and_confidence(script: ModuleType) -> None:
    row = script.Labelled("street", 0.9, 0.8, 0.95, (False, False), FINE)
    assert row.is_accepted()
    assert not row.is_accepted(ReviewRules(max_uncertainty=0.01))
    assert not replace(row, score=0.5).is_accepted()
    assert not replace(row, confident=False).is_accepted()
    assert replace(row, measures=None).is_accepted()


def test_tuning_sets_aside_least_and_reaches_the_target(script: ModuleType) -> None:
    good, bad = (FINE._replace(uncertainty=value) for value in (0.14, 0.18))
    rows = [script.Labelled("street", 0.9, 0.9, 0.97, (False, False), good)] * 30
    rows += [script.Labelled("street", 0.9, 0.9, 0.97, (False, False), FINE)] * 30
    rows += [script.Labelled("crowd", 0.5, 0.5, 0.5, (True, True), bad)] * 10
    found = script.tune(rows, [{"street": 60, "crowd": 20}, {"street": 1}])
    best, ((aside, mean, percentile), street) = found[0]
    assert best.max_uncertainty == 0.15
    assert (aside, mean, percentile) == pytest.approx((0.25, 0.97, 0.97))
    assert street == pytest.approx((0.0, 0.97, 0.97))
    assert {rules.max_uncertainty for rules, _ in found} == {0.15, 0.1}
    # The weight decides, not the number of images: a rare crowd may stay.
    assert script.tune(rows, [{"street": 60, "crowd": 2}])[0][0].max_uncertainty == 0.3
    assert script.tune(rows, [{"street": 60}, {"crowd": 1}]) == []


def test_measured_images_are_read_from_the_records_file(script: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    assert script.read_records(path) == script.read_records(None) == {}
    rows = [
        script.Labelled("street", 0.9, 0.8, 0.95, (True, False), FINE, 0.8, True, "street_1"),
        script.Labelled("webcam", 0.0, 0.0, 1.0, (False, False), None, 1.0, False, "w-1"),
    ]
    for row in rows:
        script.append_record(path, row)
    assert script.read_records(path) == {("street", "street_1"): rows[0], ("webcam", "w-1"): rows[1]}


def test_sample_takes_at_most_so_many_of_each_group(script: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "people"
    (folder / "annotations").mkdir(parents=True)
    names = [f"street_{number}" for number in range(9)] + ["yawn_1", "yawn_2"]
    (folder / "annotations" / "trainval.txt").write_text("".join(f"{name} 1 1\n" for name in names))
    chosen = script.choose(folder, "trainval", 1, 4, random.Random(0))
    assert sorted(name.split("_")[0] for name in chosen) == ["street"] * 4 + ["yawn"] * 2
    assert chosen == script.choose(folder, "trainval", 1, 4, random.Random(0))
    assert script.choose(folder, "trainval", 5) == ["street_0", "street_5", "yawn_2"]


def test_middle_is_far_from_the_edge(script: ModuleType) -> None:
    point = script.middle(person_with_hand())
    assert 40 <= point.x <= 50
    assert 42 <= point.y <= 90
    assert script.middle(np.full((9, 9), 2, np.uint8)) is None
