from pathlib import Path

import numpy as np
import pytest

from livecam.core.geometry import Size
from livecam.sinks.recorder import Recorder
from tests.support.scripts import load_script
from tests.support.tiny_model import write_model

only_me = load_script("only_me")
SIZE = only_me.SIZE


def clip(color: tuple[int, int, int]) -> object:
    frame = np.full((SIZE.height, SIZE.width, 3), 90, np.uint8)
    matte = np.zeros((SIZE.height, SIZE.width), np.float32)
    frame[100:, 260:380], matte[100:, 260:380] = color, 1
    return only_me.Clip([frame] * 3, [matte] * 3)


def test_other_person_comes_out_from_behind_and_leaves() -> None:
    person, other = clip((20, 200, 20)), clip((20, 250, 20))
    visible = [walker_matte.mean() for _, _, walker_matte in only_me.scenes(person, other, 0.5, "left", 60)]
    assert max(visible[:10]) == 0
    assert max(visible) > 0.03
    assert visible[-1] < 0.01
    for frame, front, walker_matte in only_me.scenes(person, other, 0.5, "right", 60):
        assert (frame[walker_matte == 1] == (20, 250, 20)).all()
        assert (frame[front == 1] == (20, 200, 20)).all()


def test_percent_of_nothing_is_zero() -> None:
    some, none = np.ones((2, 2), np.bool_), np.zeros((2, 2), np.bool_)
    assert only_me.percent(some, some) == 100
    assert only_me.percent(none, none) == 0


def test_tables_of_one_and_of_two_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, model = tmp_path / "talk.mp4", write_model(tmp_path)
    with Recorder(path, Size(320, 180), 15) as recorder:
        for number in range(12):
            recorder.send(np.asarray(clip((20, 200, 20)).frames[0][::2, ::2]), number / 15)  # type: ignore[attr-defined]
    monkeypatch.setattr("sys.argv", ["only_me", str(path), "--model", str(model)])
    assert only_me.main() == 0
    assert capsys.readouterr().out.splitlines()[-1] == "| talk | 0.00 | 0.0 | 0 of 12 |"
    arguments = ["only_me", str(path), "--other", str(path), "--model", str(model), "--scale", "0.5"]
    monkeypatch.setattr("sys.argv", [*arguments, "--frames", "20"])
    assert only_me.main() == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split(" | ")[1:4] for row in rows[2:]] == [["talk", "0.5", "right"], ["talk", "0.5", "left"]]


def test_wrong_number_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["only_me", "missing.mp4", "--frames", "3"])
    assert only_me.main() == 2
    assert "--frames must be above 8" in capsys.readouterr().err
