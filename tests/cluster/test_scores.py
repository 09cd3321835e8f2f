"""Scores computed on a cluster: those of one machine to the last digit, but for times."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ray", reason="Ray is missing: pip install 'livecam[cluster]'")

from livecam.cluster.pool import PoolStats
from livecam.cluster.scores import ScoreJob, score_on_cluster
from livecam.core.errors import VideoError
from livecam.core.geometry import Size
from livecam.evaluation.evaluator import EvaluateSettings, evaluate
from livecam.evaluation.journal import JOURNAL
from tests.evaluation.test_evaluator import write_people
from tests.support.cluster_commands import interrupt_kill_and_finish
from tests.support.cluster_jobs import KilledScoreJob
from tests.support.fakes import is_person, secret_frame
from tests.support.tiny_clip import write_clip, write_video
from tests.support.tiny_model import write_model

SIZE = Size(320, 240)


def scores(folder: Path) -> dict[str, Any]:
    """Return the report without times."""
    values: dict[str, Any] = json.loads((folder / "scores.json").read_text())
    for entry in (*values["rows"], *values["cases"]):
        entry.pop("ms")
    return values


def images(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "worst").iterdir())}


@pytest.mark.parametrize("visible", [True, False])
def test_report_is_that_of_one_machine(
    cluster: Any, tmp_path: Path, visible: bool, request: pytest.FixtureRequest
) -> None:
    if not visible:
        request.getfixturevalue("unseen")
    model, people = str(write_model(tmp_path)), write_people(tmp_path / "people")
    stats, counts = PoolStats(), list[int]()
    there = EvaluateSettings(model, people, tmp_path / "there", threads=1)
    evaluate(
        there,
        lambda stage, done, total: counts.append(done),
        score_on_cluster(stats, job=KilledScoreJob if visible else ScoreJob),
    )
    evaluate(EvaluateSettings(model, people, tmp_path / "here", threads=1))
    assert scores(tmp_path / "there") == scores(tmp_path / "here")
    assert images(tmp_path / "there") == images(tmp_path / "here")
    assert counts[-1] == 3
    assert stats.lost_workers == visible
    # Image and trimap of three people; model and card.
    assert stats.sent_files == (0 if visible else 3 * 2 + 2)


def test_clips_are_scored_and_one_that_is_damaged_is_an_error(cluster: Any, tmp_path: Path) -> None:
    model, data = str(write_model(tmp_path)), tmp_path / "clips"
    for number, name in enumerate("ab"):
        (data / name).mkdir(parents=True)
        frames = [secret_frame(number + each) for each in range(6)]
        write_video(data / name / "frames.mkv", frames)
        write_video(data / name / "matte.mkv", [(255 * is_person(each)).astype(np.uint8) for each in frames])
    there = EvaluateSettings(model, data, tmp_path / "there", threads=1)
    evaluate(there, runner=score_on_cluster(PoolStats()))
    evaluate(EvaluateSettings(model, data, tmp_path / "here", threads=1))
    assert scores(tmp_path / "there") == scores(tmp_path / "here")
    (data / "b" / "frames.mkv").write_bytes(b"no video")
    with pytest.raises(VideoError, match=r"b/frames\.mkv"):
        evaluate(there, runner=score_on_cluster(PoolStats()))


def test_command_that_is_interrupted_and_killed_goes_on(three_nodes: Any, tmp_path: Path) -> None:
    model, data, out = str(write_model(tmp_path)), tmp_path / "clips", tmp_path / "there"
    for number in range(12):
        write_clip(data / f"{number:02}", 30, size=SIZE)
    arguments = ["evaluate", model, data, "--out", out, "--cluster", three_nodes.address, "--json"]

    def finished() -> dict[str, str]:
        """Return the complete lines of the journal; they hold times, so that no two are equal."""
        with suppress(FileNotFoundError):
            lines = (out / JOURNAL).read_text().split("\n")[1:-1]
            return {json.loads(line)["name"]: line for line in lines}
        return {}

    runs = interrupt_kill_and_finish(arguments, finished)
    assert sum(runs.summary["cluster"]["tasks_by_node"].values()) == 12 - len(runs.killed)
    evaluate(EvaluateSettings(model, data, tmp_path / "here", threads=1))
    assert scores(out) == scores(tmp_path / "here")
    assert images(out) == images(tmp_path / "here")
    assert not (out / JOURNAL).exists()
