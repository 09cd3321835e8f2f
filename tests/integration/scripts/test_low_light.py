from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.scripts import load_script
from tests.support.tiny_clip import write_clip
from tests.support.tiny_model import write_model

low_light = load_script("low_light")


def test_frame_gets_darker_and_noisier_with_less_light() -> None:
    frame, rng = np.full((90, 160, 3), 150, np.uint8), np.random.default_rng(0)
    results = [low_light.darken(frame, exposure, 2.0, rng) for exposure in (0.3, 0.1, 0.02)]
    means = [float(result.mean()) for result in results]
    assert means == sorted(means, reverse=True)
    assert means[0] < 150
    noise = [float(result.std() / result.mean()) for result in results]
    assert noise == sorted(noise)


def write_inputs(tmp_path: Path, exposure: str) -> list[str]:
    """Write a clip and a model; return a command line for them."""
    model, clips = write_model(tmp_path), tmp_path / "clips"
    write_clip(clips / "scene")
    return ["low_light", str(clips), "--model", str(model), "--exposure", exposure, "--frames", "3"]


def test_table_has_a_row_for_each_light_with_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", write_inputs(tmp_path, "0.5"))
    assert low_light.main() == 0
    _, _, bright, off, on = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[:2] for line in (bright, off, on)] == [
        ["| 1", "off"],
        ["| 0.5", "off"],
        ["| 0.5", "on"],
    ]
    assert float(bright.split(" | ")[2]) > 95


def test_goals_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = write_inputs(tmp_path, "0.05")
    monkeypatch.setattr("sys.argv", [*argv, "--goal", "0.05", "0.3"])
    seen: list[float] = []
    measure = low_light.measure

    def note(pipeline: Any, *arguments: Any) -> Any:
        result = measure(pipeline, *arguments)
        seen.append(pipeline._low_light.gain)
        return result

    monkeypatch.setattr(low_light, "measure", note)
    assert low_light.main() == 0
    names = [line.split(" | ")[1] for line in capsys.readouterr().out.splitlines()[2:]]
    assert names == ["off", "off", "on, goal 0.05", "on, goal 0.3"]
    assert seen[:2] == [1, 1]
    assert seen[2] < seen[3]
    monkeypatch.setattr("sys.argv", [*argv, "--goal", "1.2"])
    assert low_light.main() == 2


def test_impossible_exposure_and_missing_data_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["low_light", str(tmp_path), "--exposure", "2"])
    assert low_light.main() == 2
    monkeypatch.setattr("sys.argv", ["low_light", str(tmp_path / "none")])
    assert low_light.main() == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert all(error.startswith("low_light: ") for error in errors)
