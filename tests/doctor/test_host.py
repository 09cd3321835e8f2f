"""The real host, where its answers are the same on every system."""

import errno
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecam.core.clock import ManualClock
from livecam.core.config import LiveSettings
from livecam.core.errors import CameraError, ModelError
from livecam.core.geometry import Size
from livecam.doctor import Host, Level, run_checks
from livecam.doctor.findings import Finding
from livecam.sources.webcam import WebcamSource
from tests.support.tiny_model import write_model


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_host_reads_files_under_its_root(host: Host, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "a").write_text(" words \n")
    assert (host.read_text("/etc/a"), host.read_text("/etc/b")) == ("words", "")
    assert (host.exists("/etc/a"), host.exists("/etc/b")) == (True, False)


def test_run_returns_output_or_nothing_if_missing() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    assert sorted(Host().run(sys.executable, "-c", code).split()) == ["err", "out"]
    assert Host().run("no-such-program-here") == ""


def test_run_timeout_returns_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livecam.doctor.host._PROGRAM_TIMEOUT_SECONDS", 0.2)
    assert Host().run(sys.executable, "-c", "import time; time.sleep(30)") == ""


def test_has_module_and_load_error_detect_packages() -> None:
    assert Host().has_module("livecam")
    assert not Host().has_module("livecam_of_tomorrow")
    assert Host().load_error("json") == ""
    assert "livecam_of_tomorrow" in Host().load_error("livecam_of_tomorrow")


def test_host_queries_of_another_file_are_empty(host: Host, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert (host.open_errno("/file"), host.open_errno("/gone")) == (0, errno.ENOENT)
    assert host.query_capability("/file") is None
    assert list(host.formats("/file")) == []
    assert not host.reports_viewers("/file")
    assert not host.reports_viewers("/gone")


def test_groups_are_read_from_etc_group(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "etc").mkdir()
    number = (tmp_path / "file").stat().st_gid
    (tmp_path / "etc" / "group").write_text(f"video:x:{number + 1}:me\ncams:x:{number}:you,me\n")
    assert (host.group_of("/file"), host.group_of("/gone")) == ("cams", "video")
    monkeypatch.setenv("USER", "me")
    assert host.is_listed("cams")
    monkeypatch.setenv("USER", "m")
    assert not host.is_listed("cams")
    monkeypatch.delenv("USER")
    monkeypatch.delenv("LOGNAME", raising=False)
    assert not host.is_listed("cams")


def test_load_model_and_measure_frame_time(tmp_path: Path) -> None:
    model = str(write_model(tmp_path))
    Host().load_model(model, 1)
    assert 0 < Host().measure_frame_time(model, 1, Size(64, 48)) < 5_000
    with pytest.raises(ModelError):
        Host().load_model(str(tmp_path / "other.tflite"), 1)


class Capture:
    """Camera with a frame every 0.1 s."""

    def __init__(self, clock: ManualClock, frames: int) -> None:
        self._clock, self._left = clock, frames

    def isOpened(self) -> bool:
        return True

    def set(self, prop: int, value: float) -> bool:
        return True

    def get(self, prop: int) -> float:
        return 30.0 if prop == 5 else 0.0

    def read(self) -> tuple[bool, Any]:
        self._left -= 1
        self._clock.sleep(0.1)
        return self._left >= 0, np.zeros((48, 64, 3), np.uint8)

    def release(self) -> None:
        pass


@pytest.mark.parametrize("frames", [100, 3])
def test_probe_camera_measures_the_rate(frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()

    def make_source(device: int | str, size: Size, fps: float) -> WebcamSource:
        return WebcamSource(device, size, fps, capture_factory=lambda _: Capture(clock, frames), clock=clock)  # type: ignore[arg-type, return-value]

    monkeypatch.setattr("livecam.sources.webcam.WebcamSource", make_source)
    monkeypatch.setattr("livecam.doctor.host.time.monotonic", clock.now)
    if frames == 3:
        with pytest.raises(CameraError):
            Host().probe_camera("0", Size(64, 48), 30.0)
        return
    probe = Host().probe_camera("0", Size(64, 48), 30.0)
    assert (probe.size, probe.promised) == (Size(64, 48), 30.0)
    assert probe.delivered == pytest.approx(10.0)


def test_run_checks_on_the_real_host(tmp_path: Path) -> None:
    settings = LiveSettings(
        camera="demo", model=str(write_model(tmp_path)), size=Size(64, 48), fps=1.0, threads=1
    )
    results = list(run_checks(settings))
    assert [finding.name for finding in results[:4]] == ["opencv", "camera-none-needed", "weights", "pace"]
    assert all(isinstance(finding, Finding) and isinstance(finding.level, Level) for finding in results[4:])
