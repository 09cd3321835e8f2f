"""Fixtures of the device tests: kernel modules, a fast model, livecam as a program.

The webcams show vivid's color bars. The model keeps what is green (the yellow, green and cyan bars): the
person. The other bars are the room, which must never be shown.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

# Other systems have neither fcntl nor the kernel modules.
collect_ignore_glob = [] if sys.platform.startswith("linux") else ["test_*.py"]

_RIG = "scripts/device-test runs them on a kernel of its own"


def _skip_reason() -> str | None:
    """Return why the device tests can't run here; None if they can."""
    if not sys.platform.startswith("linux"):
        return f"device tests need Linux; {_RIG}"
    if os.geteuid() != 0:
        return f"device tests load kernel modules and need root; {_RIG}"
    for module in ("vivid", "v4l2loopback"):
        try:
            is_known = subprocess.run(["modprobe", "-n", "-q", module], check=False).returncode == 0
        except OSError:
            is_known = False
        if not is_known:
            return f"the kernel module {module} is missing here; {_RIG}"
    return None


@pytest.fixture(scope="session")
def _kernel() -> Iterator[None]:
    reason = _skip_reason()
    if reason:
        pytest.skip(reason)
    import kernel

    for module in ("vivid", "v4l2loopback"):
        if kernel.is_loaded(module) and subprocess.run(["modprobe", "-r", module], check=False).returncode:
            pytest.skip(f"{module} is in use: close the programs that use its cameras; {_RIG}")
    yield
    for module in ("vivid", "v4l2loopback"):
        if kernel.is_loaded(module):
            kernel.unload(module)


@pytest.fixture(autouse=True)
def _time_limit(_kernel: None) -> Iterator[None]:
    """Fail a test that waits for a device for more than 90 s, so that the others can run."""

    def fail(number: int, frame: Any) -> None:
        raise AssertionError("this took more than 90 s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(90)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def webcam(_kernel: None) -> str:
    """Return the device file of a working webcam (vivid)."""
    import kernel

    is_ready = (
        kernel.is_loaded("vivid") and Path(kernel.CAMERA).exists() and Path(kernel.OTHER_CAMERA).exists()
    )
    if not is_ready:
        if kernel.is_loaded("vivid"):
            kernel.unload("vivid")
        kernel.load_webcams()
    return kernel.CAMERA


@pytest.fixture
def loopback(_kernel: None) -> str:
    """Return the device file of a virtual camera that no program feeds (the newer v4l2loopback)."""
    import kernel

    if not kernel.is_loaded("v4l2loopback"):
        kernel.load_loopbacks()
    return kernel.CALL


@pytest.fixture
def old_loopback(_kernel: None) -> Iterator[str]:
    """Yield a virtual camera of a module without the event for viewers (before 0.13)."""
    import kernel

    module = os.environ.get("LIVECAM_OLD_LOOPBACK", "")
    if not Path(module).is_file():
        pytest.skip("LIVECAM_OLD_LOOPBACK names no v4l2loopback.ko before 0.13")
    if kernel.is_loaded("v4l2loopback"):
        kernel.unload("v4l2loopback")
    kernel.load_loopbacks(module)
    yield kernel.CALL
    kernel.unload("v4l2loopback")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    from tests.support.tiny_model import write_model

    return str(write_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="session")
def _fork_server(_kernel: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from programs import ForkServer

    fork_server = ForkServer(tmp_path_factory.mktemp("livecam"))
    yield fork_server
    fork_server.close()


@pytest.fixture
def livecam(_fork_server: Any, model: str) -> Iterator[Any]:
    """Yield a starter of livecam from `webcam` to `loopback`, small and fast unless its arguments differ."""
    from programs import Starter

    starter = Starter(_fork_server, model)
    yield starter
    starter.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    """Add the output of livecam to the report of a failed test."""
    outcome: Any = yield
    report = outcome.get_result()
    starter = getattr(item, "funcargs", {}).get("livecam")
    if report.failed and starter:
        for program in starter.started:
            report.sections.append((f"livecam {program.pid}, code {program.code}", program.output))
