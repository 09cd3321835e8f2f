"""The doctor and the device list on a real kernel, with and without problems."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kernel import (
    ALL_CAPS,
    CALL,
    CAMERA,
    CAMERA_NAME,
    LABELS,
    OTHER_CAMERA,
    SECOND,
    load_webcams,
    run,
    set_control,
    unload,
)

from livecam.cli.main import main
from livecam.core.config import LiveSettings
from livecam.core.geometry import Size
from livecam.devices.device_info import list_devices
from livecam.doctor import Finding, Host
from livecam.doctor.check_camera import check_camera
from livecam.doctor.check_installation import check_model, check_performance
from livecam.doctor.check_virtual_camera import check_virtual_camera
from livecam.doctor.runner import run_checks

pytestmark = pytest.mark.device

SMALL = Size(320, 180)
UNPRIVILEGED_ID = 65534
# An emulated machine may be too slow for the rate that the camera promises.
GIVES_FRAMES = {"camera", "camera-dark"}


def make_settings(**overrides: Any) -> LiveSettings:
    return LiveSettings(
        **{"camera": CAMERA, "size": SMALL, "fps": 15.0, "threads": 1, "device": CALL, **overrides}
    )


def camera_finding(**overrides: Any) -> Finding:
    return check_camera(Host(), make_settings(**overrides))[0]


def virtual_finding(**overrides: Any) -> Finding:
    return check_virtual_camera(Host(), make_settings(**overrides))[0]


def test_run_checks_without_problems_is_ok(webcam: str, loopback: str, model: str) -> None:
    result = {finding.name: finding for finding in run_checks(make_settings(model=model))}
    assert {"opencv", "weights", "virtual"} <= set(result)
    assert GIVES_FRAMES & set(result)
    assert f"{CALL} (livecam)" in result["virtual"].observation


def test_one_ready_virtual_camera_is_enough(loopback: str) -> None:
    assert virtual_finding(device=None).name == "virtual"
    assert virtual_finding(device="second ONE").name == "virtual"


def test_older_module_is_ok(old_loopback: str) -> None:
    result = virtual_finding()
    assert (result.name, "0.12.7" in result.observation) == ("virtual", True)
    names = [finding.name for finding in check_virtual_camera(Host(), make_settings(on_demand=True))]
    assert names == ["virtual", "module-without-events"]


def test_newer_module_reports_viewers(loopback: str) -> None:
    assert [finding.name for finding in check_virtual_camera(Host(), make_settings(on_demand=True))] == [
        "virtual"
    ]


def test_module_not_loaded(loopback: str) -> None:
    unload("v4l2loopback")
    assert virtual_finding().name == "module-not-loaded"


@contextmanager
def hidden(folder: str) -> Iterator[Path]:
    """Mount an empty folder over another one during the block."""
    run("mount", "-t", "tmpfs", "tmpfs", folder)
    try:
        yield Path(folder)
    finally:
        run("umount", folder)


def test_module_missing_or_for_another_kernel(loopback: str) -> None:
    unload("v4l2loopback")
    with hidden("/lib/modules") as modules, hidden("/usr/src"):
        assert virtual_finding().name == "module-missing"
        (modules / "5.0.0").mkdir()
        (modules / "5.0.0" / "modules.dep").write_text("updates/v4l2loopback.ko:\n")
        result = virtual_finding()
    assert (result.name, os.uname().release in result.observation) == ("module-for-another-kernel", True)


def test_module_without_a_virtual_camera(loopback: str) -> None:
    unload("v4l2loopback")
    run("modprobe", "v4l2loopback", "devices=0")
    try:
        assert virtual_finding().name == "virtual-none"
    finally:
        unload("v4l2loopback")


def test_virtual_camera_without_exclusive_caps(loopback: str) -> None:
    assert virtual_finding(device=ALL_CAPS).name == "module-without-exclusive-caps"
    assert virtual_finding(device="all caps").name == "module-without-exclusive-caps"


@pytest.mark.parametrize("device", [CALL, ALL_CAPS])
def test_fed_virtual_camera_names_the_process(webcam: str, loopback: str, livecam: Any, device: str) -> None:
    program = livecam(device=device)
    program.wait_for(f"virtual camera {device}")
    result = virtual_finding(device=device)
    assert (result.name, f"(pid {program.pid})" in result.remedy) == ("virtual-busy", True)
    program.end()
    assert virtual_finding(device=device).name != "virtual-busy"


def test_viewer_does_not_feed(webcam: str, loopback: str) -> None:
    with open_in_another_process(loopback):
        assert virtual_finding().name == "virtual"


def test_other_names_are_not_virtual_cameras(webcam: str, loopback: str) -> None:
    assert virtual_finding(device="studio").name == "virtual-unknown"
    assert virtual_finding(device="/dev/video77").name == "virtual-unknown"
    assert virtual_finding(device=CAMERA).name == "virtual-real"


@contextmanager
def without_permission(path: str) -> Iterator[None]:
    """Run the block as a user without permission to open the device."""
    Path(path).chmod(0o660)
    os.setegid(UNPRIVILEGED_ID)
    os.setgroups([])
    os.seteuid(UNPRIVILEGED_ID)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def test_devices_without_permission(webcam: str, loopback: str) -> None:
    with without_permission(CAMERA), without_permission_too(CALL):
        assert camera_finding().name == "camera-forbidden"
        assert virtual_finding().name == "virtual-forbidden"
    assert virtual_finding().name == "virtual"


@contextmanager
def without_permission_too(path: str) -> Iterator[None]:
    """Remove the permission for one more device."""
    os.seteuid(0)
    Path(path).chmod(0o660)
    os.seteuid(UNPRIVILEGED_ID)
    yield


def test_missing_camera(webcam: str) -> None:
    result = camera_finding(camera="7")
    assert (result.name, CAMERA_NAME in result.observation) == ("camera-unknown", True)
    unload("vivid")
    try:
        assert camera_finding().name == "camera-none"
    finally:
        load_webcams()


@contextmanager
def open_in_another_process(path: str) -> Iterator[int]:
    """Let another process have the device open, unused; yield its id."""
    with Path(path).open("rb", buffering=0) as device:
        process = subprocess.Popen(["sleep", "60"], pass_fds=[device.fileno()])
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def test_busy_camera_names_the_process(webcam: str, loopback: str, livecam: Any) -> None:
    program = livecam(camera=CAMERA, device=SECOND)
    program.wait_for(f"virtual camera {SECOND}")
    result = camera_finding()
    assert (result.name, f"(pid {program.pid})" in result.remedy) == ("camera-busy", True)
    assert camera_finding(camera=OTHER_CAMERA).name in GIVES_FRAMES


def test_camera_open_but_unused_is_ok(webcam: str) -> None:
    with open_in_another_process(CAMERA):
        assert camera_finding().name in GIVES_FRAMES


def test_camera_without_frames(webcam: str) -> None:
    set_control(CAMERA, "Percentage of Dropped Buffers", 100)
    try:
        assert camera_finding().name == "camera-silent"
    finally:
        set_control(CAMERA, "Percentage of Dropped Buffers", 0)


def test_camera_slow_at_a_large_size(webcam: str) -> None:
    result = camera_finding(size=Size(1280, 720), fps=30.0)
    assert result.name == "camera-slow"
    assert "320x180" in result.remedy or "640x" in result.remedy


def test_camera_without_the_requested_size(webcam: str) -> None:
    assert camera_finding(size=Size(500, 300), fps=15.0).name == "camera-other-size"


def test_model_missing_or_damaged(model: str, tmp_path: Path) -> None:
    model_file, card = Path(model), Path(model).with_suffix(".json")
    (tmp_path / card.name).write_text(card.read_text())
    settings = make_settings(model=str(tmp_path / model_file.name))
    assert check_model(Host(), settings).name == "weights-missing"
    (tmp_path / model_file.name).write_bytes(model_file.read_bytes()[:-1] + b"x")
    assert check_model(Host(), settings).name == "weights-damaged"
    (tmp_path / model_file.name).write_bytes(model_file.read_bytes())
    assert check_model(Host(), settings).name == "weights"


def test_rate_too_high_for_the_machine(model: str) -> None:
    result = check_performance(Host(), make_settings(model=model, fps=240.0, size=Size(1280, 720)))
    assert (result.name, "livecam --size" in result.remedy) == ("too-slow", True)


def test_doctor_command_json_and_exit_code(
    webcam: str, loopback: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (
        f"doctor --json --model {model} --threads 1 --size 320x180 --fps 15 --camera {CAMERA} --device"
    )
    assert main([*arguments.split(), CALL]) == 0
    assert {"name", "level", "seen", "remedy"} == set(json.loads(capsys.readouterr().out)[0])
    assert main([*arguments.split(), "all caps"]) == 1
    names = [finding["name"] for finding in json.loads(capsys.readouterr().out)]
    assert "module-without-exclusive-caps" in names


def test_devices_command_lists_cameras_with_formats(
    webcam: str, loopback: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cameras = {device.path: device for device in list_devices()}
    camera = cameras[CAMERA]
    assert (camera.kind, camera.name, camera.driver) == ("camera", CAMERA_NAME, "vivid")
    pixels = {kind.fourcc: kind for kind in camera.formats}
    assert "YUYV" in pixels
    sizes = {mode.size: mode.rates for mode in pixels["YUYV"].frame_sizes}
    assert sizes[SMALL][0] >= 30 > sizes[Size(1280, 720)][0]
    for path, label in LABELS.items():
        assert (cameras[path].kind, cameras[path].name) == ("virtual", label)
        assert cameras[path].driver == "v4l2 loopback"
    assert main(["devices", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(cameras)
    assert main(["devices"]) == 0
    assert f"virtual camera {CALL}: livecam" in capsys.readouterr().out
