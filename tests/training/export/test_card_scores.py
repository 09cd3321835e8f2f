import json
from pathlib import Path

import pytest

from livecam.core.errors import TrainingError
from livecam.evaluation.report import Report, Result, write_report
from livecam.training.export.card_scores import read_figures


def evaluation(folder: Path, data: str, sha256: str, miou: float = 90.126) -> Path:
    """What an evaluation of one case writes."""
    result = Result("a_1", "a", ("low light",), {"miou": miou, "grad": 0.01, "hole": 2.0}, (5.0,))
    folder.mkdir()
    write_report(Report("mine", data, 2, (result,), sha256), folder)
    return folder / "scores.json"


def test_a_card_gets_every_row_of_every_evaluation(tmp_path: Path) -> None:
    files = [evaluation(tmp_path / "a", "people", "abc"), evaluation(tmp_path / "b", "clips", "abc", 80.0)]

    figures = read_figures(files, "abc")

    assert list(figures) == ["people", "clips"]
    assert list(figures["people"]) == ["a", "mean", "low light"]
    assert figures["people"]["mean"] == {"cases": 1, "miou": 90.13, "hole": 2.0}
    assert figures["clips"]["a"]["miou"] == 80.0


@pytest.mark.parametrize("told", ["abd", ""])
def test_figures_of_other_weights_are_refused(tmp_path: Path, told: str) -> None:
    with pytest.raises(TrainingError, match="other weights"):
        read_figures([evaluation(tmp_path / "a", "people", told)], "abc")


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"rows": [{"name": "a"}], "data": "x"})])
def test_what_is_no_evaluation_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "scores.json").write_text(text)

    with pytest.raises(TrainingError, match="can't be read") as caught:
        read_figures([tmp_path / "scores.json"], "abc")

    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"nowhere\.json"):
        read_figures([tmp_path / "nowhere.json"], "abc")
