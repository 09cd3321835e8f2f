"""What a fresh interpreter loads before a command does its work: tests on modules, not on time."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import livecam
from livecam.cli.command import COMMANDS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TOP = Path(__file__).parent.parent.parent
HEAVY = {
    "ai_edge_litert",
    "av",
    "cv2",
    "keras",
    "keras_hub",
    "matplotlib",
    "pyvirtualcam",
    "ray",
    "tensorflow",
    "torch",
}
CODE = """
import contextlib, io, json, sys
from livecam.cli.main import main
output = io.StringIO()
with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
    code = main(sys.argv[1:])
print(json.dumps([code, output.getvalue(), *sys.modules]))
"""
USAGE_ERRORS = (
    "--zzz",
    "--edge 99",
    "--edge much",
    "--size 8x8",
    "--fit tile",
    "clp",
    "clip",
    "clip a b c",
    "doctor --fps 0",
    "devices --zzz",
    "train",
    "export one",
    "evaluate",
    "segment a.png --point 3",
    "label --kep 3,3",
    "label a.mp4 --keep 3",
    "label a.mp4 --person me",
    "label a.mp4",
    "learn --box 1",
    "models remove",
    "models what",
)


def run_fresh(*argv: str) -> tuple[int, str, set[str]]:
    """Run livecam in a fresh interpreter; return exit code, output and the loaded modules."""
    result = subprocess.run(
        [sys.executable, "-c", CODE, *argv],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(TOP)},
    )
    assert result.returncode == 0, result.stderr
    code, output, *modules = json.loads(result.stdout)
    return code, output, set(modules)


def test_version_loads_no_numpy_and_no_configuration() -> None:
    code, output, modules = run_fresh("--version")
    assert (code, output) == (0, f"livecam {livecam.__version__}\n")
    assert not modules & {"numpy", "PIL", "platformdirs", "tomllib", "tqdm", *HEAVY}


@pytest.mark.parametrize("argv", USAGE_ERRORS)
def test_usage_error_loads_no_numpy(argv: str) -> None:
    code, output, modules = run_fresh(*argv.split())
    assert code == 2, output
    assert output.startswith("livecam: ")
    assert not modules & {"numpy", "PIL", "platformdirs", "tqdm", *HEAVY}


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_loads_no_opencv(command: str) -> None:
    code, output, modules = run_fresh(*command.split(), "--help")
    assert code == 0
    assert "usage: livecam" in output
    assert not modules & HEAVY


def test_command_imports_only_its_own_module() -> None:
    modules = run_fresh("devices", "--zzz")[2]
    commands = {target.partition(":")[0] for target in COMMANDS.values()}
    assert modules & commands == {"livecam.cli.devices"}


def test_version_stands_in_one_file() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    source = TOP / project["tool"]["hatch"]["version"]["path"]
    (version,) = re.findall(r'^__version__ = "(.+)"$', source.read_text(encoding="utf-8"), re.MULTILINE)
    assert version == livecam.__version__
