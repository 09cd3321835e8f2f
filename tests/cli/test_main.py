"""Messages and exit codes of the command line: one line for every error."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from livecam.cli.command import COMMANDS
from livecam.cli.main import create_parser, main
from tests.support.command_line import FAILED, INTERRUPTED, LIVE, USAGE, run_and_fail, start_livecam

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ("--backgruond blur", "did you mean --background?"),
        ("--zzz", "no --zzz"),
        ("clp in.mp4 out.mp4", "did you mean clip?"),
        ("beach.jpg", "there are live, panel, clip, doctor, devices, train, export"),
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
        ("clip a b c", "there is no a"),
        ("train", "required"),
        ("export only-one", "required"),
        ("evaluate green.tflite", "required"),
        ("evaluate nobody .", "there are"),
        ("evaluate runs/best.keras .", "livecam export runs/best.keras"),
        ("evaluate green.tflite . --frames 0", "1 or more"),
        ("evaluate green.tflite . --threads 0", "between 1 and 64"),
        ("evaluate green.tflite . --split all", "test, trainval"),
        (f"evaluate green.tflite {'n' * 300}", "n... is too long for a path; choose a shorter name"),
        (f"clip room.png {'n' * 300}.mp4 --model green.tflite", "too long"),
        (f"{LIVE} --record {'n' * 300}.mp4", "too long"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: str, part: str, capfd: pytest.CaptureFixture[str]) -> None:
    code, line = run_and_fail(arguments, capfd)
    assert part in line
    assert code == USAGE


@pytest.mark.parametrize(
    ("arguments", "part"),
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
def test_unusable_resource_is_exit_code_1(
    arguments: str, part: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code, line = run_and_fail(arguments, capfd)
    assert part in line
    assert code == FAILED
    assert not Path("o.mp4").exists()


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
def test_wrong_configuration_names_its_file(
    content: str, part: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("my.toml").write_text(content)
    code, line = run_and_fail(f"{LIVE} --record o.mp4 --config my.toml", capfd)
    assert code == USAGE
    assert part in line
    assert "my.toml" in line


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_lists_every_option(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    output = capsys.readouterr().out
    for action in option_parser(command)._actions:
        assert all(option in output for option in action.option_strings)
        assert action.help or action.dest == "action"


def option_parser(command: str) -> argparse.ArgumentParser:
    """Return the parser that holds the options of a command; "" is the command line without one."""
    parser, _ = create_parser(command)
    actions = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)] if command else []
    return actions[0].choices[command] if actions else parser


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("livecam ")


def test_debug_adds_the_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--edge", "99", "--debug"]) == USAGE
    output = capfd.readouterr().err
    assert "Traceback" in output
    assert output.splitlines()[-1].startswith("livecam: edge")


def test_unexpected_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("livecam.runtime.session.run_live", broken)
    code, line = run_and_fail(LIVE, capfd)
    assert (code, "ZeroDivisionError: two lines" in line, "--debug" in line) == (FAILED, True, True)


def test_interruption_is_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("livecam.runtime.session.run_live", interrupted)
    assert run_and_fail(LIVE, capfd) == (INTERRUPTED, "livecam: interrupted\n")
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_during_imports_shows_no_traceback(number: signal.Signals) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "livecam", *LIVE.split(), "--record", "o.mp4"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "numpy" in line:
                break
        process.send_signal(number)
        output = process.stderr.read()
    assert process.returncode == INTERRUPTED
    assert "Traceback" not in output
    assert "livecam: interrupted" in output


def test_closed_stdout_ends_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with start_livecam("--edge 3 --save-config", stdout=writing) as process:
            assert process.wait(10) == 0
            assert process.stderr.read() == ""
    finally:
        os.close(writing)


def test_import_error_suggests_the_doctor(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr("livecam.runtime.session.run_live", fail)
    code, line = run_and_fail(LIVE, capfd)
    assert (code, "libGL.so.1" in line, "livecam doctor" in line) == (FAILED, True, True)
