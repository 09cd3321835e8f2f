import json
from pathlib import Path

import pytest

from livecam.cli.main import main
from livecam.models.registry import install
from tests.support.tiny_model import write_model


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Write a model with its Keras network and return the path of its card."""
    path = write_model(tmp_path)
    path.with_suffix(".keras").write_bytes(b"network")
    return path.with_suffix(".json")


def test_models_list_shows_each_model_and_its_gain(card: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads(card.read_text())
    content["about"]["learnt"] = {
        "base": "person", "date": "2030-01-02", "frames": {"learnt": 30},
        "held_out_iou": {"before": 90.04, "after": 97.5},
    }  # fmt: skip
    card.write_text(json.dumps(content))
    install(card, "me")
    assert main(["models"]) == 0
    output = capsys.readouterr().out
    assert "person" in output
    assert "me: 32x24, learnt from person on 2030-01-02, 30 frames" in output
    assert "IoU on your held-out frames 90.0 -> 97.5 %" in output


def test_models_export_remove_import_list_succeed(
    card: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(card, "me")
    file = str(tmp_path / "a.zip")
    for argv in (["export", "me", file], ["remove", "me"], ["import", file, "you"], ["list"]):
        assert main(["models", *argv]) == 0
    assert "installed: livecam --model you" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv", [["remove"], ["what"], ["export", "me"], ["list", "me"], ["import", "none.zip"]]
)
def test_models_with_invalid_arguments_exits_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", *argv]) == 2
    assert capsys.readouterr().err.count("\n") == 1
