"""Another process that has a folder to itself."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOP = Path(__file__).parent.parent.parent
_CODE = """
import sys
from pathlib import Path
from livecam.core.locking import exclusive_lock
with exclusive_lock(Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.read()
"""


def start(folder: Path) -> subprocess.Popen[str]:
    """Have another process take `folder`; it lets go when its stdin is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _CODE, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TOP)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    return process


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """While in here, another process has `folder`."""
    process = start(folder)
    try:
        yield
    finally:
        process.communicate("")
    assert process.returncode == 0
