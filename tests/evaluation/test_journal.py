"""Scores of an interrupted evaluation: the next run scores the rest only."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from livecam.evaluation.evaluator import EvaluateSettings, evaluate, score_locally
from livecam.evaluation.journal import JOURNAL
from tests.evaluation.test_evaluator import write_people
from tests.support.tiny_model import write_model


class CountingRunner:
    """Scores in this process; is interrupted after `limit` samples."""

    def __init__(self, limit: int = 99) -> None:
        self.limit, self.scored = limit, list[str]()

    def __call__(self, settings: Any, samples: Any, advance: Any) -> Generator[Any, None, None]:
        for position, score in score_locally(settings, samples, advance):
            if len(self.scored) == self.limit:
                raise KeyboardInterrupt
            self.scored.append(score.result.name)
            yield position, score


def report_of(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "scores.json").read_text())
    for entry in (*values["rows"], *values["cases"]):
        entry.pop("ms")
    return values


@pytest.fixture
def settings(tmp_path: Path) -> EvaluateSettings:
    return EvaluateSettings(str(write_model(tmp_path)), write_people(tmp_path / "people"), tmp_path / "out")


def interrupt(settings: EvaluateSettings, after: int) -> list[str]:
    runner = CountingRunner(after)
    with pytest.raises(KeyboardInterrupt):
        evaluate(settings, runner=runner)
    assert not (settings.out / "scores.json").exists()
    return runner.scored


def test_next_run_scores_the_rest_and_reports_the_same(settings: EvaluateSettings, tmp_path: Path) -> None:
    before = interrupt(settings, 2)
    with (settings.out / JOURNAL).open("a") as file:
        file.write('{"position": 2, "na')  # a run that was killed while it wrote
    runner, counts = CountingRunner(), list[int]()
    evaluate(settings, lambda stage, done, total: counts.append(done), runner)
    assert (len(before), len(runner.scored)) == (2, 1)
    assert not set(before) & set(runner.scored)
    assert counts == [3]
    assert not (settings.out / JOURNAL).exists()
    whole = EvaluateSettings(settings.model, settings.data, tmp_path / "whole")
    evaluate(whole)
    assert report_of(settings.out) == report_of(whole.out)
    for image in (whole.out / "worst").iterdir():
        assert (settings.out / "worst" / image.name).read_bytes() == image.read_bytes()


def test_other_data_are_scored_anew(settings: EvaluateSettings) -> None:
    interrupt(settings, 2)
    image = next((settings.data / "images").iterdir())
    image.write_bytes(image.read_bytes() + b"\0")
    runner = CountingRunner()
    evaluate(settings, runner=runner)
    assert len(runner.scored) == 3
