"""What stands on the command line and what comes of it: one line for every error, and the right exit code."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from livecam.cli.command import COMMANDS
from livecam.cli.main import create_parser, main
from livecam.core.config import LiveSettings
from livecam.core.errors import CameraError
from livecam.core.geometry import Size
from livecam.doctor import Finding, Level
from livecam.imaging.image_io import write_image
from livecam.sinks.recorder import Recorder
from livecam.video.video_reader import VideoReader
from tests.support.fakes import PERSON, is_person, secret_frame, shows_secret
from tests.support.tiny_model import write_model

TOP = Path(__file__).parent.parent.parent
FAILED, USAGE, INTERRUPTED = 1, 2, 130
LARGE = Size(320, 240)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, with a model and a room with a person in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(TOP))
    write_model(tmp_path)
    write_image("room.png", secret_frame(size=LARGE))
    return tmp_path


def fails(words: str, capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code and the one line on stderr."""
    code = main(words.split())
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith("livecam: ")
    assert said.err.count("\n") == 1, said.err
    return code, said.err


LIVE = "--camera room.png --model green.tflite --background teal --no-virtual-camera --seconds 8"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("--backgruond blur", "did you mean --background?"),
        ("--zzz", "no --zzz"),
        ("clp in.mp4 out.mp4", "did you mean clip?"),
        ("beach.jpg", "there are live, clip, doctor, devices, train, export"),
        ("--size 1280", "for example 1280x720"),
        ("--size 8x8", "16 to 16384"),
        ("--edge 51", "between -50 and 50"),
        ("--edge nan", "between -50 and 50"),
        ("--edge much", "--edge"),
        ("--light-wrap 2", "between 0 and 1"),
        ("--fps 0", "between 1 and 240"),
        ("--threads 0", "between 1 and 64"),
        ("--seconds -1", "between"),
        ("--slide-seconds 0", "between"),
        ("--fit tile", "cover, contain, stretch"),
        ("--no-virtual-camera", "--record FILE or --preview"),
        ("--config nowhere.toml", "--save-config"),
        ("--model green.tflite --record o.mp4 --background duks", "did you mean dusk?"),
        (f"{LIVE} --record o.mp4 --background teal --background duks", "did you mean dusk?"),
        (f"{LIVE} --record o.mp4 --background teal --background no/beach.jpg", "beach.jpg"),
        (f"{LIVE} --record o.mp4 --camera nothing.png", "no camera and no file"),
        (f"{LIVE} --record o.mp4 --model nobody", "there are"),
        (f"{LIVE} --record room.png", "choose a name ending"),
        ("--camera room.png --model green.tflite --record o.mp4 -b transparent", "can't be transparent"),
        ("--camera room.png --model green.tflite --preview -b transparent", "can only be recorded"),
        ("clip", "required"),
        ("clip room.png", "required"),
        ("clip a b c", "no c"),
        ("train", "required"),
        ("export only-one", "required"),
        ("evaluate green.tflite", "required"),
        ("evaluate nobody .", "there are"),
        ("evaluate runs/best.keras .", "livecam export runs/best.keras"),
        ("evaluate green.tflite . --frames 0", "1 or more"),
        ("evaluate green.tflite . --threads 0", "between 1 and 64"),
        ("evaluate green.tflite . --split all", "test, trainval"),
    ],
)
def test_what_cannot_be_meant_is_exit_code_2(
    words: str, part: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code, line = fails(words, capfd)
    assert part in line
    assert code == USAGE


def test_a_recording_is_not_written_over_unasked(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("o.mp4").write_bytes(b"dear")
    assert "--overwrite" in fails(f"{LIVE} --record o.mp4 --seconds 1", capfd)[1]
    assert Path("o.mp4").read_bytes() == b"dear"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("--camera /dev/video77 --record o.mp4 --no-virtual-camera --model green.tflite", "/dev/video77"),
        (f"{LIVE} --record nowhere/o.mp4", "make it first"),
        (f"{LIVE} --record o.mp4 --model missing.tflite", "missing.json"),
        ("clip nothing.mp4 o.mp4 --model green.tflite", "check the name"),
        ("clip room.json o.mp4 --model green.tflite", "no file"),
        ("evaluate green.tflite nowhere", "there is no folder nowhere"),
        ("evaluate green.tflite .", "nothing to evaluate on"),
        ("evaluate missing.tflite .", "nothing to evaluate on"),
    ],
)
def test_what_the_world_refuses_is_exit_code_1(
    words: str, part: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code, line = fails(words, capfd)
    assert part in line
    assert code == FAILED
    assert not Path("o.mp4").exists()


@pytest.mark.skipif(Path("/dev/video0").exists(), reason="there is a camera")
def test_without_a_camera_the_demo_is_offered(capfd: pytest.CaptureFixture[str]) -> None:
    code, line = fails("--camera 0 --record o.mp4 --no-virtual-camera --model green.tflite", capfd)
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
def test_a_wrong_card_is_told(content: str | None, part: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path("green.json").unlink()
    if content is not None:
        Path("green.json").write_text(content)
    code, line = fails(f"{LIVE} --record o.mp4", capfd)
    assert (code, part in line) == (FAILED, True), line


def test_damaged_weights_are_told(capfd: pytest.CaptureFixture[str]) -> None:
    path = Path("green.tflite")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    code, line = fails(f"{LIVE} --record o.mp4", capfd)
    assert (code, "damaged" in line) == (FAILED, True)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ('backgruond = "teal"', "'background'"),
        ('record = "o.mp4"', "no setting 'record'"),
        ("edge = true", "edge must be a number"),
        ('edge = "3"', "edge must be a number"),
        ("edge = 500", "between -50 and 50"),
        ("background = [1]", "list of texts"),
        ("background = []", "names nothing"),
        ('size = "huge"', "WIDTHxHEIGHT"),
        ("mirror = 1", "true or false"),
        ("preview =", "no TOML"),
    ],
)
def test_a_wrong_configuration_is_told_with_its_file(
    content: str, part: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("my.toml").write_text(content)
    code, line = fails(f"{LIVE} --record o.mp4 --config my.toml", capfd)
    assert code == USAGE
    assert part in line
    assert "my.toml" in line


def test_kept_choices_are_used_and_the_command_line_wins(capfd: pytest.CaptureFixture[str]) -> None:
    kept = "--camera room.png --model green.tflite -b teal -b navy --edge -2 --no-virtual-camera --fps 10"
    assert main([*kept.split(), "--save-config"]) == 0
    assert "kept in" in capfd.readouterr().out
    elsewhere = Path("elsewhere")
    elsewhere.mkdir()
    os.chdir(elsewhere)
    assert main(["--record", "kept.y4m", "--seconds", "0.5"]) == 0
    assert main(["--record", "said.y4m", "--seconds", "0.5", "--background", "red"]) == 0
    assert corner("kept.y4m") == pytest.approx((0, 128, 128), abs=6)
    assert corner("said.y4m") == pytest.approx((255, 0, 0), abs=6)


def frames_of(path: Path | str) -> list[np.ndarray]:
    with VideoReader(path) as clip:
        return list(clip)


def beside_the_person(frame: np.ndarray) -> np.ndarray:
    """Where the room was, but for the person's soft edge."""
    return np.hstack([frame[:, :80], frame[:, 240:]])


def corner(path: Path | str) -> tuple[int, ...]:
    return tuple(int(value) for value in frames_of(path)[2][4, 4])


def test_the_room_would_be_seen_beside_the_person() -> None:
    assert shows_secret(beside_the_person(secret_frame(size=LARGE)))


def test_a_room_goes_in_and_only_the_person_comes_out(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(f"{LIVE} --record o.mp4 --seconds 1".split()) == 0
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 2
    assert "o.mp4" in said[0]
    assert "frames in 1." in said[1]
    shown = frames_of("o.mp4")
    assert not any(shows_secret(beside_the_person(frame)) for frame in shown)
    person = is_person(secret_frame(size=LARGE)) == 1
    assert np.abs(shown[len(shown) // 2][person].astype(int) - PERSON).mean() < 12


def test_a_folder_of_cutouts_can_be_recorded(capfd: pytest.CaptureFixture[str]) -> None:
    words = "--camera room.png --model green.tflite --record cut/ --seconds 0.5 -b transparent"
    assert main(words.split()) == 0
    assert len(list(Path("cut").glob("*.png"))) > 3


def test_a_slash_names_a_folder_whatever_dots_are_in_its_name(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*LIVE.split(), "--record", "take.1/", "--seconds", "0.5"]) == 0
    assert list(Path("take.1").glob("*.png"))


@pytest.fixture
def film(folder: Path) -> Path:
    """Thirty frames of a person in a room."""
    path = folder / "film.mp4"
    with Recorder(path, LARGE, 30) as recorder:
        for number in range(30):
            recorder.send(secret_frame(number, LARGE), number / 30)
    return path


def test_a_clip_goes_in_and_as_many_frames_come_out(film: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(f"clip {film} o.mp4 --model green.tflite -b navy".split()) == 0
    said = capfd.readouterr()
    assert said.out == "o.mp4: 30 frames, 1.00 s\n"
    assert said.err == ""
    shown = frames_of("o.mp4")
    assert len(shown) == 30
    assert corner("o.mp4") == pytest.approx((0, 0, 128), abs=8)
    code, line = fails(f"clip {film} o.mp4 --model green.tflite", capfd)
    assert (code, "--overwrite" in line) == (USAGE, True)
    code, line = fails(f"clip {film} {film} --model green.tflite --overwrite", capfd)
    assert (code, "the clip itself" in line) == (USAGE, True)


def test_a_clip_becomes_a_folder_of_pngs_where_a_slash_says_so(film: Path) -> None:
    assert main(f"clip {film} take.1/ --model green.tflite -b navy --quiet".split()) == 0
    assert len(list(Path("take.1").glob("*.png"))) == 30


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_lists_every_option(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    output = capsys.readouterr().out
    for action in option_parser(command)._actions:
        assert all(option in output for option in action.option_strings)
        assert action.help or action.dest == "action"


def option_parser(command: str) -> argparse.ArgumentParser:
    """The parser that holds the options of a command; "" is the command line without one."""
    parser, _ = create_parser(command)
    (subparsers,) = (
        [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)] if command else [None]
    )
    return subparsers.choices[command] if subparsers else parser


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("livecam ")


def test_debug_adds_the_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--edge", "99", "--debug"]) == USAGE
    said = capfd.readouterr().err
    assert "Traceback" in said
    assert said.splitlines()[-1].startswith("livecam: edge")


def test_what_nobody_thought_of_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("livecam.runtime.session.run_live", broken)
    code, line = fails(LIVE, capfd)
    assert (code, "ZeroDivisionError: two lines" in line, "--debug" in line) == (FAILED, True, True)


def test_an_interruption_anywhere_is_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("livecam.runtime.session.run_live", interrupted)
    assert fails(LIVE, capfd) == (INTERRUPTED, "livecam: interrupted\n")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_camera_lost_for_good_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def lost(*_: object) -> None:
        raise CameraError("the camera did not come back; plug it in and start livecam again")

    monkeypatch.setattr("livecam.runtime.session.run_live", lost)
    assert fails(LIVE, capfd)[0] == FAILED


@contextmanager
def running(words: str, **more: object) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "livecam", *words.split()]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **more)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.parametrize(
    "numbers",
    [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT, signal.SIGINT]],
    ids=["int", "term", "twice"],
)
def test_signals_end_a_recording_in_order(numbers: list[signal.Signals]) -> None:
    with running(f"{LIVE} --record o.mp4") as process:
        assert "Ctrl-C ends" in process.stderr.readline()
        time.sleep(0.8)
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.02)
        assert process.wait(10) == INTERRUPTED
        said = process.stderr.read()
    assert "Traceback" not in said
    assert said.count("\n") == 1
    shown = frames_of("o.mp4")
    assert len(shown) > 3
    assert not any(shows_secret(beside_the_person(frame)) for frame in shown)


def test_a_clip_that_is_interrupted_plays_up_to_there(folder: Path) -> None:
    with Recorder("long.mp4", LARGE, 30) as recorder:
        for number in range(300):
            recorder.send(secret_frame(number % 4, LARGE), number / 30)
    with running("clip long.mp4 o.mp4 --model green.tflite -b blur") as process:
        wait_for(lambda: any(path.stat().st_size > 3_000 for path in folder.glob(".o.partial*")))
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == INTERRUPTED
        assert process.stderr.read() == "livecam: interrupted\n"
    assert 3 < len(frames_of("o.mp4")) < 300


def wait_for(happened: object, seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not happened():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_while_loading_leaves_no_traceback(number: signal.Signals) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "livecam", *LIVE.split(), "--record", "o.mp4"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "numpy" in line:
                break
        process.send_signal(number)
        said = process.stderr.read()
    assert process.returncode == INTERRUPTED
    assert "Traceback" not in said
    assert "livecam: interrupted" in said


def test_a_reader_that_has_gone_is_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with running("--edge 3 --save-config", stdout=writing) as process:
            assert process.wait(10) == FAILED
            assert process.stderr.read() == ""
    finally:
        os.close(writing)


def test_messages_nobody_reads_do_not_end_a_recording() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "livecam", *LIVE.split(), "--record", "o.mp4", "--seconds", "0.5"]
    assert subprocess.run(command, stderr=writing, check=False, timeout=20).returncode == 0
    os.close(writing)
    assert frames_of("o.mp4")


def doctored(monkeypatch: pytest.MonkeyPatch, *levels: Level) -> list[LiveSettings]:
    asked: list[LiveSettings] = []

    def look(settings: LiveSettings) -> Iterator[Finding]:
        asked.append(settings)
        yield from (Finding(f"n{level.value}", level, "it is so", "do this") for level in levels)

    monkeypatch.setattr("livecam.doctor.run_checks", look)
    return asked


@pytest.mark.parametrize(
    ("levels", "code"),
    [((Level.OK, Level.WARNING), 0), ((Level.OK, Level.ERROR, Level.WARNING), FAILED)],
)
def test_the_doctor_says_all_that_it_found_and_fails_only_for_what_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], levels: tuple[Level, ...], code: int
) -> None:
    doctored(monkeypatch, *levels)
    assert main(["doctor"]) == code
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told[::2]] == [level.value for level in levels]
    assert all(line.strip() == "mend it: do this" for line in told[1::2])
    assert main(["doctor", "--json"]) == code
    assert [found["level"] for found in json.loads(capsys.readouterr().out)] == [x.value for x in levels]


def test_the_doctor_looks_at_what_a_run_would_use(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = doctored(monkeypatch)
    assert main(["--camera", "C920", "--threads", "3", "--save-config"]) == 0
    words = "--size 640x480 --fps 15 --device studio --on-demand"
    assert main(["doctor", *words.split()]) == 0
    (wanted,) = asked
    assert (wanted.camera, wanted.threads, wanted.size, wanted.fps) == ("C920", 3, Size(640, 480), 15.0)
    assert (wanted.device, wanted.on_demand) == ("studio", True)


def test_what_cannot_be_loaded_sends_to_the_doctor(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr("livecam.runtime.session.run_live", fail)
    code, line = fails(LIVE, capfd)
    assert (code, "libGL.so.1" in line, "livecam doctor" in line) == (FAILED, True, True)
