"""Progress bars, and messages beside them."""

import sys
from pathlib import Path

import pytest

from livecam.cli.messages import print_message
from livecam.cli.progress import ProgressReporter


def fake_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the captured stderr look like a terminal, so that bars are drawn.

    Not a fixture, because capsys replaces stderr between the set-up and the call of a test.
    """
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)


def test_each_stage_gets_a_bar_with_label_and_unit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_terminal(monkeypatch)
    with ProgressReporter() as reporter:
        for stage in ("decode test", "epoch 1/2", "evaluate", "unknown stage"):
            reporter(stage, 1, 2)
            reporter(stage, 2, 2)
    text = capsys.readouterr().err
    for part in ("decoding test: 100%", "image/s", "epoch 1/2:", "batch", "evaluating:", "unknown stage:"):
        assert part in text


def test_unknown_or_small_total_is_corrected(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_terminal(monkeypatch)
    with ProgressReporter(label="a.mp4") as reporter:
        reporter("convert", 1, 0)
        reporter("convert", 7, 5)
    text = capsys.readouterr().err
    assert "a.mp4: 100%" in text
    assert "7/7" in text


def test_quiet_reporter_draws_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_terminal(monkeypatch)
    with ProgressReporter(quiet=True) as reporter:
        reporter("label", 1, 2)
    assert capsys.readouterr().err == ""


def test_bar_is_drawn_on_a_terminal_only(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressReporter() as reporter:
        reporter("label", 1, 2)
    assert capsys.readouterr().err == ""


def test_message_has_a_line_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_terminal(monkeypatch)
    with ProgressReporter() as reporter:
        reporter("label", 1, 2)
        print_message("one line")
        reporter("label", 2, 2)
    lines = capsys.readouterr().err.replace("\r", "\n").split("\n")
    assert "livecam: one line" in lines


def test_message_to_closed_stderr_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def write(self, text: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Closed())
    print_message("nothing")


def test_only_this_package_draws_progress_bars() -> None:
    package = Path(__file__).parent.parent.parent / "livecam"
    users = {path for path in package.rglob("*.py") if "tqdm" in path.read_text(encoding="utf-8")}
    assert {path.relative_to(package).parts[0] for path in users} == {"cli"}
