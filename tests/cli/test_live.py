"""`livecam` without a command: recordings, configuration file, signals."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from livecam.cli.main import main
from livecam.core.errors import CameraError
from tests.support.command_line import (
    FAILED,
    INTERRUPTED,
    LARGE,
    LIVE,
    corner_color,
    crop_room,
    read_frames,
    run_and_fail,
    start_livecam,
)
from tests.support.fakes import PERSON, is_person, secret_frame, shows_secret

pytestmark = pytest.mark.usefixtures("folder")


def test_existing_recording_needs_overwrite(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("o.mp4").write_bytes(b"dear")
    assert "--overwrite" in run_and_fail(f"{LIVE} --record o.mp4 --seconds 1", capfd)[1]
    assert Path("o.mp4").read_bytes() == b"dear"


@pytest.mark.skipif(Path("/dev/video0").exists(), reason="there is a camera")
def test_missing_camera_suggests_the_demo(capfd: pytest.CaptureFixture[str]) -> None:
    code, line = run_and_fail("--camera 0 --record o.mp4 --no-virtual-camera --model green.tflite", capfd)
    assert (code, "--camera demo" in line) == (FAILED, True)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (None, "can't be read"),
        ("{", "no JSON"),
        ("[]", "not a livecam weights card"),
        ('{"format": 99}', "card"),
    ],
)
def test_wrong_model_card_is_one_line(
    content: str | None, part: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("green.json").unlink()
    if content is not None:
        Path("green.json").write_text(content)
    code, line = run_and_fail(f"{LIVE} --record o.mp4", capfd)
    assert (code, part in line) == (FAILED, True), line


def test_damaged_weights_are_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    path = Path("green.tflite")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    code, line = run_and_fail(f"{LIVE} --record o.mp4", capfd)
    assert (code, "damaged" in line) == (FAILED, True)


def test_saved_options_apply_and_command_line_wins(capfd: pytest.CaptureFixture[str]) -> None:
    saved = "--camera room.png --model green.tflite -b teal -b navy --edge -2 --no-virtual-camera --fps 10"
    assert main([*saved.split(), "--save-config"]) == 0
    assert "kept in" in capfd.readouterr().out
    elsewhere = Path("elsewhere")
    elsewhere.mkdir()
    os.chdir(elsewhere)
    assert main(["--record", "saved.y4m", "--seconds", "0.5"]) == 0
    assert main(["--record", "given.y4m", "--seconds", "0.5", "--background", "red"]) == 0
    assert corner_color("saved.y4m") == pytest.approx((0, 128, 128), abs=6)
    assert corner_color("given.y4m") == pytest.approx((255, 0, 0), abs=6)


def test_secret_is_visible_in_the_source() -> None:
    assert shows_secret(crop_room(secret_frame(size=LARGE)))


def test_recording_shows_the_person_and_no_room(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(f"{LIVE} --record o.mp4 --seconds 1".split()) == 0
    output = capfd.readouterr().err.splitlines()
    assert len(output) == 2
    assert "o.mp4" in output[0]
    assert "frames in 1." in output[1]
    frames = read_frames("o.mp4")
    assert not any(shows_secret(crop_room(frame)) for frame in frames)
    person = is_person(secret_frame(size=LARGE)) == 1
    assert np.abs(frames[len(frames) // 2][person].astype(int) - PERSON).mean() < 12


def test_transparent_recording_to_png_folder(capfd: pytest.CaptureFixture[str]) -> None:
    arguments = "--camera room.png --model green.tflite --record cut/ --seconds 0.5 -b transparent"
    assert main(arguments.split()) == 0
    assert len(list(Path("cut").glob("*.png"))) > 3


def test_trailing_slash_records_to_a_folder(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*LIVE.split(), "--record", "take.1/", "--seconds", "0.5"]) == 0
    assert list(Path("take.1").glob("*.png"))


def test_lost_camera_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def lost(*_: object) -> None:
        raise CameraError("the camera did not come back; plug it in and start livecam again")

    monkeypatch.setattr("livecam.runtime.session.run_live", lost)
    assert run_and_fail(LIVE, capfd)[0] == FAILED


@pytest.fixture
def _default_hangup() -> Iterator[None]:
    """Let children get SIGHUP even if the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("_default_hangup")
@pytest.mark.parametrize(
    "numbers",
    [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT, signal.SIGINT], [signal.SIGHUP], [signal.SIGQUIT]],
    ids=["int", "term", "twice", "hup", "quit"],
)
def test_signal_finishes_the_recording(numbers: list[signal.Signals]) -> None:
    with start_livecam(f"{LIVE} --record o.mp4") as process:
        assert "Ctrl-C ends" in process.stderr.readline()
        time.sleep(0.8)
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.02)
        assert process.wait(10) == INTERRUPTED
        output = process.stderr.read()
    assert "Traceback" not in output
    assert output.count("\n") == 1
    frames = read_frames("o.mp4")
    assert len(frames) > 3
    assert not any(shows_secret(crop_room(frame)) for frame in frames)


def test_hangup_is_ignored_under_nohup() -> None:
    ignore = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    ignore += "os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-m", "livecam", *LIVE.split(), "--record", "o.mp4", "--seconds", "1.5"]
    with subprocess.Popen(
        [sys.executable, "-c", ignore, *command], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert "Ctrl-C ends" in process.stderr.readline()
        process.send_signal(signal.SIGHUP)
        assert process.wait(20) == 0
    assert read_frames("o.mp4")


def test_closed_stderr_does_not_end_a_recording() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "livecam", *LIVE.split(), "--record", "o.mp4", "--seconds", "0.5"]
    assert subprocess.run(command, stderr=writing, check=False, timeout=20).returncode == 0
    os.close(writing)
    assert read_frames("o.mp4")
