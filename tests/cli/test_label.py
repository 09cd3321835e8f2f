"""`livecam label`: data set, review decisions, messages and exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from livecam.annotation import job
from livecam.annotation.store import AnnotationStore
from livecam.cli.main import main
from livecam.imaging.image_io import write_image
from tests.support.synthetic_people import (
    FakeSam,
    GreenModel,
    chair_place,
    draw_scene,
    low_scores,
    write_scenes,
)

TOP = Path(__file__).parent.parent.parent


@pytest.fixture
def sam(monkeypatch: pytest.MonkeyPatch) -> FakeSam:
    """In SAM's point, and the compact model's."""
    fake = FakeSam()
    monkeypatch.setattr(job, "_load_sam", lambda preset: fake)
    monkeypatch.setattr(job.LiteRTSegmenter, "load", lambda model: GreenModel())
    return fake


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A clip of 16 frames: a person and a chair."""
    return write_scenes(tmp_path / "talk.mkv", 16)


def run(*argv: object) -> int:
    """Run `livecam label`; return the exit code."""
    return main(["label", *map(str, argv)])


def test_label_writes_a_data_set_and_reports_it(
    clip: Path, tmp_path: Path, sam: FakeSam, capsys: pytest.CaptureFixture[str]
) -> None:
    point = ",".join(f"{side:g}" for side in chair_place(0))
    assert run(clip, "--out", tmp_path / "set", "--keep", point, "--frames", 5, "--quiet") == 0
    output = capsys.readouterr()
    assert "5 frames, " in output.out
    assert "one clip only" in output.out
    assert "livecam train" in output.out
    assert output.err == ""
    assert all(len(label.objects) == 1 for label in AnnotationStore(tmp_path / "set").records.values())


@pytest.mark.parametrize("argv", [["--person", "none"], ["--no-person"], ["--person", "Model"]])
def test_person_option_selects_who_draws(
    argv: list[str], clip: Path, tmp_path: Path, sam: FakeSam, capsys: pytest.CaptureFixture[str]
) -> None:
    point = ",".join(f"{side:g}" for side in chair_place(0))
    out = tmp_path / "set"
    assert run(clip, "--out", out, "--keep", point, *argv, "--frames", 3, "--quiet") == 0
    assert all(
        bool(record.person) == (argv[-1] == "Model") for record in AnnotationStore(out).records.values()
    )
    assert not any(prompt.box and prompt.box.left > 80 for prompt in sam.prompts)


def test_accept_and_reject_without_a_page(
    clip: Path, tmp_path: Path, sam: FakeSam, capsys: pytest.CaptureFixture[str]
) -> None:
    sam._tamper = low_scores(0.5)
    out = tmp_path / "set"
    assert run(clip, "--out", out, "--frames", 4, "--quiet") == 0
    assert f"livecam label --review {out}" in capsys.readouterr().out
    names = sorted(AnnotationStore(out).records)
    assert run(out, "--accept", *names[:3], "--reject", names[3]) == 0
    assert "3 accepted, 1 rejected; 3 of 4" in capsys.readouterr().out
    assert len(list((out / "images").iterdir())) == 3
    assert json.loads((out / "decisions.json").read_text())[names[3]] is False


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        ([], "nothing to label"),
        (["talk.mkv"], "add --out DATASET"),
        (["missing.mkv", "--out", "set"], "there is no missing.mkv"),
        (["talk.mkv", "--out", "talk.mkv"], "is a file"),
        (["talk.mkv", "--out", "."], "holds other things"),
        (["talk.mkv", "--out", "set", "--keep", "1"], "is not x,y"),
        (["talk.mkv", "--out", "set", "--keep", "400,20"], "outside the image of 192x108"),
        (["talk.mkv", "--out", "set", "--box", "9,9,3,3"], "has no area"),
        (["talk.mkv", "--out", "set", "--frames", "0"], "--frames 0"),
        (["talk.mkv", "--out", "set", "--no-person", "--drop", "3,3"], "keeps nothing at all"),
        (["talk.mkv", "--out", "set", "--person", "none"], "--person none keeps nothing at all"),
        (["talk.mkv", "--out", "set", "--person", "me"], "--person must be sam, model, none, not 'me'"),
        (["talk.mkv", "--out", "set", "--size", "640x480"], "--size is asked of a camera"),
        (["-c", "demo", "--out", "set", "--size", "640"], "is not WIDTHxHEIGHT"),
        (["talk.mkv", "--out", "set", "--kep", "3,3"], "did you mean --keep"),
        (["--review", "."], "no data set made by"),
        (["--review", "set", "--frames", "3"], "combined with other options; leave out --frames"),
        (["--accept", "a"], "name the data set"),
        ([".", "--accept", "a"], "no data set made by"),
        (["talk.mkv", "--out", "set", "--mattes", "none.mkv"], "there is no none.mkv"),
        (["talk.mkv", "--out", "set", "--prompts", "none.json"], "there is no none.json"),
    ],
)
def test_wrong_usage_is_one_line(
    argv: list[str],
    part: str,
    clip: Path,
    tmp_path: Path,
    sam: FakeSam,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if not argv:
        argv = ["--out", "set"]
    assert main(["label", *argv]) == 2
    output = capsys.readouterr()
    assert part in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""


def test_interrupted_label_is_continued(
    clip: Path, tmp_path: Path, sam: FakeSam, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(count: int) -> None:
        if count == 2:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)

    sam.before_embed = stop
    argv = (clip, "--out", tmp_path / "set", "--frames", 5, "--quiet")
    assert run(*argv) == 130
    assert capsys.readouterr().err == "livecam: interrupted\n"
    assert len(AnnotationStore(tmp_path / "set").records) == 2
    sam.before_embed = lambda count: None
    assert run(*argv) == 0
    assert len(AnnotationStore(tmp_path / "set").records) == 5


def test_unreadable_images_are_reported_on_stderr(
    tmp_path: Path, sam: FakeSam, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p").mkdir()
    write_image(tmp_path / "p/a.png", draw_scene(1))
    write_image(tmp_path / "p/c.png", draw_scene(5))
    (tmp_path / "p/b.jpg").write_bytes(b"no")
    assert run(tmp_path / "p", "--out", tmp_path / "set", "--quiet") == 0
    output = capsys.readouterr()
    assert output.err.startswith("livecam: left out: ")
    assert output.err.count("\n") == 1
    assert "1 could not be read" in output.out


def test_mattes_need_neither_keras_nor_kerashub(clip: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path / "m.mkv", 16)
    code = (
        "import sys\nfrom livecam.cli.main import main\n"
        f"assert main(['label', {str(clip)!r}, '--out', {str(tmp_path / 'set')!r}, '--frames', '3', "
        f"'--mattes', {str(tmp_path / 'm.mkv')!r}, '--quiet']) == 0\nprint('LOADED', *sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(TOP)}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert result.returncode == 0, result.stderr
    loaded = set(result.stdout.partition("LOADED ")[2].split())
    assert not loaded & {"keras", "keras_hub", "tensorflow", "torch"}


def test_each_stage_has_a_progress_bar(
    clip: Path, tmp_path: Path, sam: FakeSam, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert run(clip, "--out", tmp_path / "set", "--frames", 3) == 0
    output = capsys.readouterr().err
    assert "choosing" in output
    assert "labelling" in output
