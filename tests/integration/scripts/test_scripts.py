import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from livecam.backgrounds.factory import create_background
from livecam.backgrounds.video import VideoBackground
from livecam.core.clock import ManualClock
from livecam.core.geometry import Size
from livecam.imaging.image_io import read_image, write_image
from tests.support.fakes import secret_frame
from tests.support.scripts import load_script
from tests.support.tiny_model import write_model

TOP = Path(__file__).parents[3]
SCRIPTS = [
    path for path in sorted((TOP / "scripts").iterdir()) if path.is_file() and path.suffix in ("", ".py")
]
BASH = [path for path in [*SCRIPTS, TOP / ".ci" / "run"] if b"bash" in path.read_bytes().splitlines()[0]]


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return load_script("benchmark")


@pytest.mark.skipif(os.name != "posix", reason="there are no executable bits here")
@pytest.mark.parametrize("path", [*SCRIPTS, TOP / ".ci" / "run"], ids=lambda path: path.name)
def test_a_script_can_be_run_as_it_is(path: Path) -> None:
    assert path.stat().st_mode & 0o111
    assert path.read_bytes().startswith(b"#!/usr/bin/env ")


@pytest.mark.parametrize("path", BASH, ids=lambda path: path.name)
def test_a_shell_script_is_understood_and_stops_at_the_first_failure(path: Path) -> None:
    subprocess.run(["bash", "-n", path], check=True)
    assert "set -euo pipefail" in path.read_text()


def test_check_tells_what_it_does_from_any_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [TOP / "scripts" / "check", "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "Every check" in done.stdout
    assert "--fast" in done.stdout


def test_check_does_not_take_what_it_does_not_know() -> None:
    done = subprocess.run([TOP / "scripts" / "check", "--quick"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_ci_runs_the_one_command_for_all_checks_and_the_device_tests() -> None:
    lines = (TOP / ".ci" / "run").read_text().splitlines()
    assert lines[-2:] == ["scripts/check </dev/null", "scripts/device-test </dev/null"]


def run_device_test(folder: Path, path: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [TOP / "scripts" / "device-test"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": path, "HOME": str(folder)},
    )


def test_without_an_emulator_the_device_tests_are_skipped_and_the_remedy_is_said(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "dirname", "uname", "env"):
        found = shutil.which(tool)
        assert found
        (tools / tool).symlink_to(found)
    done = run_device_test(tmp_path, str(tools))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.count("\n") == 1
    assert "SKIPPED" in done.stderr
    assert "apt install" in done.stderr or "needs Linux" in done.stderr


def test_the_device_tests_tell_what_they_are() -> None:
    done = subprocess.run(
        [TOP / "scripts" / "device-test", "--help"], capture_output=True, text=True, check=True
    )
    assert "vivid" in done.stdout


def test_the_benchmark_tells_its_options(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, TOP / "scripts" / "benchmark.py", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert all(option in done.stdout for option in ("--model", "--json", "--frames", "--threads"))


def test_the_benchmark_measures_every_stage(benchmark: ModuleType, tmp_path: Path) -> None:
    row = benchmark.measure(Size(64, 48), "blur", "blur", str(write_model(tmp_path)), 6, 1)
    times = row["ms"]
    assert set(times) == {*benchmark.STAGES, "replace", "numpy"}
    assert all(0 < time["p50"] <= time["p95"] for time in times.values())
    assert times["replace"]["p50"] >= max(times[stage]["p50"] for stage in benchmark.STAGES)
    assert row["ratio"] == pytest.approx(times["replace"]["p50"] / times["numpy"]["p50"])


def test_the_benchmark_draws_a_video_and_a_gif_that_can_stand_behind(
    benchmark: ModuleType, tmp_path: Path
) -> None:
    for path in benchmark.write_clips(tmp_path).values():
        background = create_background(path, clock=ManualClock())
        assert isinstance(background, VideoBackground)
        background.close()


def test_the_benchmark_times_a_real_start(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = str(write_model(tmp_path))
    argv = ["--camera", "demo", "--model", model, "--no-virtual-camera", "--seconds", "3", "--record"]
    assert 0.2 < benchmark.first_frame([*argv, str(tmp_path / "o.mp4")]) < 20
    with pytest.raises(benchmark.LivecamError, match="--overwrite"):
        benchmark.first_frame([*argv, str(tmp_path / "o.mp4")])


def test_the_benchmarks_table_is_markdown(benchmark: ModuleType) -> None:
    times = {name: {"p50": 1.0, "p95": 2.0} for name in [*benchmark.STAGES, "replace", "numpy"]}
    rows = [{"size": "64x48", "background": "blur", "ms": times, "ratio": 0.5}] * 2
    run = {"first_frame_seconds": 1.0, "peak_megabytes": 200}
    call = {"processor_milliseconds_per_frame": 12.5, "peak_megabytes": 150}
    lines = benchmark.table(
        {"rows": rows, "run": run, "call": call, "frames": 3, "machine": benchmark.machine()}
    ).splitlines()
    assert len({line.count("|") for line in lines[:4]}) == 1
    assert lines[4] == ""
    assert "200 MB" in lines[6]
    assert "12.5 ms of processor time per frame, 150 MB at most" in lines[7]


def test_steadiness_prints_a_row_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(write_model(tmp_path))
    script, rows = load_script("steadiness"), tmp_path / "rows.json"
    write_image(tmp_path / "still.png", secret_frame(size=Size(640, 360)))
    command_line = f"steadiness --model {model} --rival {model} --frames 2 --json {rows}"
    monkeypatch.setattr(sys, "argv", [*command_line.split(), "--still", str(tmp_path / "still.png")])

    assert script.main() == 0

    measured = json.loads(rows.read_text())
    assert list(measured) == [model, f"{model}, unsmoothed", "green"]
    assert all(row["cut in"] == 1 for row in measured.values())
    lines = capsys.readouterr().out.splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("command_line", "code"), [("--frames 0", 2), ("--rival nothing.tflite", 1), ("--still x", 1)]
)
def test_steadiness_tells_in_one_line_what_is_wrong(
    command_line: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["steadiness", *command_line.split()])
    assert load_script("steadiness").main() == code
    assert capsys.readouterr().err.count("\n") == 1


def test_the_strip_has_a_row_of_frames_and_a_row_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, out = str(write_model(tmp_path)), tmp_path / "strip.png"
    command_line = f"strip {model} {model} --columns 3 --every 2 --out {out}"
    monkeypatch.setattr(sys, "argv", command_line.split())

    assert load_script("strip").main() == 0

    drawn = read_image(out, longest=4000).image
    assert drawn.shape == (3 * 180, 3 * 320, 3)
    # What the model keeps is on green; the first row is the source, which has no green.
    green = (drawn == (0, 177, 64)).all(axis=2)
    assert green[180:].mean() > 0.2
    assert not green[:180].any()


@pytest.mark.parametrize(
    "command_line", ["nothing.tflite", "person --camera nothing.mp4", "person --out no/where.jpg"]
)
def test_the_strip_tells_in_one_line_what_is_wrong(
    command_line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["strip", *command_line.split()])
    assert load_script("strip").main() == 1
    assert capsys.readouterr().err.count("\n") == 1
