"""Commands in their own process whose standard streams are closed, full, or can show few characters."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from livecam.cli.streams import ProtectedStream
from livecam.sinks.recorder import Recorder
from tests.support.fakes import SIZE, secret_frame
from tests.support.tiny_model import write_model

TOP = Path(__file__).parents[2]


@pytest.fixture
def clip_command(tmp_path: Path) -> list[str]:
    model = write_model(tmp_path)
    with Recorder(tmp_path / "in.mp4", SIZE, 30) as recorder:
        recorder.send(secret_frame())
    arguments = ["clip", str(tmp_path / "in.mp4"), str(tmp_path / "out.mp4"), "-b", "green"]
    return [sys.executable, "-m", "livecam", *arguments, "--model", str(model)]


def run_in_shell(command: list[str], redirection: str, **environment: str) -> int:
    environment = {**os.environ, "PYTHONPATH": str(TOP), **environment}
    script = ["bash", "-o", "pipefail", "-c", f'"$@" {redirection}', "bash", *command]
    return subprocess.run(script, env=environment, check=False, timeout=60).returncode


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    "redirection", [">&-", "2>&-", "<&-", ">&- 2>&- <&-", "2>&1 | true", ">/dev/full 2>/dev/full"]
)
def test_conversion_succeeds_whatever_the_streams_are(
    clip_command: list[str], tmp_path: Path, redirection: str
) -> None:
    assert run_in_shell(clip_command, redirection) == 0
    assert (tmp_path / "out.mp4").stat().st_size > 500


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
def test_name_that_the_terminal_cannot_show_is_escaped(clip_command: list[str], tmp_path: Path) -> None:
    clip_command[5] = str(tmp_path / "größe 猫.mp4")
    assert run_in_shell(clip_command, "", PYTHONIOENCODING="ascii") == 0
    assert (tmp_path / "größe 猫.mp4").exists()


def test_write_to_a_closed_stream_is_ignored() -> None:
    wrapped = io.StringIO()
    stream = ProtectedStream(wrapped)
    assert stream.write("seen") == 4
    assert wrapped.getvalue() == "seen"
    wrapped.close()
    assert stream.write("lost") == 4
    stream.flush()
