import os
import subprocess
import sys
from pathlib import Path

import pytest

from livecam.core.native_logs import hide_tensorflow_info

DESCRIPTORS = Path("/dev/fd")
INFO = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1795955601.947699    1002 port.cc:153] oneDNN custom operations are on.\n"
)
PROBLEM = "E0000 00:00:1795955601.947699    1002 cuda.cc:1] no such device\n"
CODE = f"""
import os, sys
from livecam.core.native_logs import hide_tensorflow_info
try:
    with hide_tensorflow_info():
        os.write(2, {(INFO + PROBLEM).encode()!r})
        if sys.argv[1:]:
            raise ValueError
except ValueError:
    os.write(2, b"raised\\n")
os.write(2, b"after\\n")
"""


def stderr_of(*argv: str, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-c", CODE, *argv]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=kept | environment)
    return done.stderr


def test_information_is_dropped_and_problems_are_passed_on() -> None:
    assert stderr_of() == PROBLEM + "after\n"


def test_standard_error_is_back_after_an_error() -> None:
    assert stderr_of("raise") == PROBLEM + "raised\nafter\n"


def test_everything_is_shown_if_the_user_asks_for_it() -> None:
    assert stderr_of(TF_CPP_MIN_LOG_LEVEL="0") == INFO + PROBLEM + "after\n"


def test_runs_without_a_standard_error() -> None:
    code = "import os\nos.close(2)\nfrom livecam.core.native_logs import hide_tensorflow_info\n"
    code += "with hide_tensorflow_info(): print('inside')"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "inside\n"


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="this system does not list open files")
def test_no_descriptor_is_left_open() -> None:
    before = len(list(DESCRIPTORS.iterdir()))
    with hide_tensorflow_info():
        pass
    assert len(list(DESCRIPTORS.iterdir())) == before
