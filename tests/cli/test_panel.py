"""`livecam panel` and `--panel` as whole commands."""

import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from livecam.cli.main import main
from livecam.panel import instance
from tests.support.command_line import FAILED, INTERRUPTED, run_and_fail, start_livecam
from tests.support.tiny_model import write_model

RUN = "panel --camera demo --size 320x180 --no-virtual-camera --no-browser --model {model}"


@pytest.fixture
def arguments(tmp_path: Path) -> str:
    return RUN.format(model=write_model(tmp_path))


def read_address(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    found = re.search(r"http://127\.0\.0\.1:\d+/open/\S+", process.stderr.readline())
    assert found
    return found[0]


def test_panel_prints_its_address_and_ends_by_ctrl_c(arguments: str) -> None:
    with start_livecam(arguments) as process:
        address = read_address(process)
        assert "to panel; Ctrl-C ends" in process.stderr.readline()  # type: ignore[union-attr]
        again = instance.running_address()
        assert again is not None
        assert again != address
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == INTERRUPTED
    assert instance.running_address() is None


def test_browser_opens_on_the_given_port(
    arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f"#!/bin/sh\necho $1 > {seen}.new && mv {seen}.new {seen}\n")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    with start_livecam(f"{arguments.replace(' --no-browser', '')} --port {port}") as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "the panel opens in your browser: " in line
        end = time.monotonic() + 20
        while not seen.exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        assert seen.read_text().strip() == line.split()[-1]
        assert line.split()[-1].startswith(f"http://127.0.0.1:{port}/open/")
        process.send_signal(signal.SIGINT)
        process.wait(30)


def test_second_panel_opens_the_page_of_the_first(arguments: str, capfd: pytest.CaptureFixture[str]) -> None:
    with start_livecam(arguments) as process:
        address = read_address(process)
        assert main(arguments.split()) == 0
        printed = capfd.readouterr().err
        assert "runs already" in printed
        assert address.rpartition("/")[0] in printed
        assert process.poll() is None


def test_panel_beside_other_outputs(
    arguments: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = f"{arguments.partition(' ')[2]} --panel --record {tmp_path / 'a.mp4'} --seconds 1"
    assert main(options.split()) == 0
    assert (tmp_path / "a.mp4").exists()
    assert "the panel: http://" in capfd.readouterr().err


def test_tunnel_is_printed_over_ssh(
    arguments: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
    assert main([*arguments.split(), "--seconds", "0.5"]) == 0
    printed = capfd.readouterr().err
    port = re.search(r"127\.0\.0\.1:(\d+)/open", printed)
    assert port
    assert f"ssh -L {port[1]}:127.0.0.1:{port[1]}" in printed


def test_missing_packages_are_named(
    arguments: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import sys

    for name in [
        name for name in sys.modules if name.startswith(("livecam.panel.control_panel", "livecam.web.server"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    code, line = run_and_fail(arguments, capfd)
    assert code == FAILED
    assert "pip install 'livecam[panel]'" in line


def test_port_in_use_is_named(arguments: str, capfd: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as busy:
        code, line = run_and_fail(f"{arguments} --port {busy.getsockname()[1]}", capfd)
    assert code == FAILED
    assert "--port" in line
