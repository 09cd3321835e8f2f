"""What the doctor and the list of devices say of a real kernel, well and spoilt."""

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
NOBODY = 65534
# An emulated machine may be too slow for the rate that the camera promises.
GIVES = {"camera", "camera-dark"}


def wish(**more: Any) -> LiveSettings:
    return LiveSettings(
        **{"camera": CAMERA, "size": SMALL, "fps": 15.0, "threads": 1, "device": CALL, **more}
    )


def look_at_camera(**more: Any) -> Finding:
    return check_camera(Host(), wish(**more))[0]


def look_at_virtual(**more: Any) -> Finding:
    return check_virtual_camera(Host(), wish(**more))[0]


def test_a_well_machine_is_found_well(webcam: str, loopback: str, model: str) -> None:
    found = {finding.name: finding for finding in run_checks(wish(model=model))}
    assert {"opencv", "weights", "virtual"} <= set(found)
    assert GIVES & set(found)
    assert f"{CALL} (livecam)" in found["virtual"].observation


def test_without_a_name_one_good_virtual_camera_is_enough(loopback: str) -> None:
    assert look_at_virtual(device=None).name == "virtual"
    assert look_at_virtual(device="second ONE").name == "virtual"


def test_an_older_module_is_well_too(old_loopback: str) -> None:
    found = look_at_virtual()
    assert (found.name, "0.12.7" in found.observation) == ("virtual", True)
    names = [finding.name for finding in check_virtual_camera(Host(), wish(on_demand=True))]
    assert names == ["virtual", "module-without-events"]


def test_a_newer_module_says_when_somebody_watches(loopback: str) -> None:
    assert [finding.name for finding in check_virtual_camera(Host(), wish(on_demand=True))] == ["virtual"]


def test_a_module_that_is_not_loaded(loopback: str) -> None:
    unload("v4l2loopback")
    assert look_at_virtual().name == "module-not-loaded"


@contextmanager
def hidden(folder: str) -> Iterator[Path]:
    """An empty folder in place of one, for a while."""
    run("mount", "-t", "tmpfs", "tmpfs", folder)
    try:
        yield Path(folder)
    finally:
        run("umount", folder)


def test_a_module_that_is_not_installed_or_for_another_kernel_only(loopback: str) -> None:
    unload("v4l2loopback")
    with hidden("/lib/modules") as modules, hidden("/usr/src"):
        assert look_at_virtual().name == "module-missing"
        (modules / "5.0.0").mkdir()
        (modules / "5.0.0" / "modules.dep").write_text("updates/v4l2loopback.ko:\n")
        found = look_at_virtual()
    assert (found.name, os.uname().release in found.observation) == ("module-for-another-kernel", True)


def test_a_module_without_a_virtual_camera(loopback: str) -> None:
    unload("v4l2loopback")
    run("modprobe", "v4l2loopback", "devices=0")
    try:
        assert look_at_virtual().name == "virtual-none"
    finally:
        unload("v4l2loopback")


def test_a_virtual_camera_without_exclusive_caps(loopback: str) -> None:
    assert look_at_virtual(device=ALL_CAPS).name == "module-without-exclusive-caps"
    assert look_at_virtual(device="all caps").name == "module-without-exclusive-caps"


@pytest.mark.parametrize("device", [CALL, ALL_CAPS])
def test_a_virtual_camera_that_is_fed_and_by_whom(
    webcam: str, loopback: str, livecam: Any, device: str
) -> None:
    program = livecam(device=device)
    program.wait_for(f"virtual camera {device}")
    found = look_at_virtual(device=device)
    assert (found.name, f"(pid {program.pid})" in found.remedy) == ("virtual-busy", True)
    program.end()
    assert look_at_virtual(device=device).name != "virtual-busy"


def test_who_only_watches_feeds_nothing(webcam: str, loopback: str) -> None:
    with held(loopback):
        assert look_at_virtual().name == "virtual"


def test_virtual_cameras_that_are_none(webcam: str, loopback: str) -> None:
    assert look_at_virtual(device="studio").name == "virtual-unknown"
    assert look_at_virtual(device="/dev/video77").name == "virtual-unknown"
    assert look_at_virtual(device=CAMERA).name == "virtual-real"


@contextmanager
def nobody(path: str) -> Iterator[None]:
    """As a user who may not open the device."""
    Path(path).chmod(0o660)
    os.setegid(NOBODY)
    os.setgroups([])
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def test_devices_that_may_not_be_opened(webcam: str, loopback: str) -> None:
    with nobody(CAMERA), nobody_more(CALL):
        assert look_at_camera().name == "camera-forbidden"
        assert look_at_virtual().name == "virtual-forbidden"
    assert look_at_virtual().name == "virtual"


@contextmanager
def nobody_more(path: str) -> Iterator[None]:
    """The same for one more device."""
    os.seteuid(0)
    Path(path).chmod(0o660)
    os.seteuid(NOBODY)
    yield


def test_a_camera_that_is_not_there(webcam: str) -> None:
    found = look_at_camera(camera="7")
    assert (found.name, CAMERA_NAME in found.observation) == ("camera-unknown", True)
    unload("vivid")
    try:
        assert look_at_camera().name == "camera-none"
    finally:
        load_webcams()


@contextmanager
def held(path: str) -> Iterator[int]:
    """Another program has a device open and does nothing with it."""
    with Path(path).open("rb", buffering=0) as device:
        process = subprocess.Popen(["sleep", "60"], pass_fds=[device.fileno()])
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def test_a_camera_that_another_program_reads_and_which(webcam: str, loopback: str, livecam: Any) -> None:
    program = livecam(camera=CAMERA, device=SECOND)
    program.wait_for(f"virtual camera {SECOND}")
    found = look_at_camera()
    assert (found.name, f"(pid {program.pid})" in found.remedy) == ("camera-busy", True)
    assert look_at_camera(camera=OTHER_CAMERA).name in GIVES


def test_a_camera_that_another_program_only_holds(webcam: str) -> None:
    with held(CAMERA):
        assert look_at_camera().name in GIVES


def test_a_camera_that_gives_nothing(webcam: str) -> None:
    set_control(CAMERA, "Percentage of Dropped Buffers", 100)
    try:
        assert look_at_camera().name == "camera-silent"
    finally:
        set_control(CAMERA, "Percentage of Dropped Buffers", 0)


def test_a_camera_whose_large_pictures_come_slowly(webcam: str) -> None:
    found = look_at_camera(size=Size(1280, 720), fps=30.0)
    assert found.name == "camera-slow"
    assert "320x180" in found.remedy or "640x" in found.remedy


def test_a_camera_that_has_no_such_size(webcam: str) -> None:
    assert look_at_camera(size=Size(500, 300), fps=15.0).name == "camera-other-size"


def test_weights_that_are_missing_or_damaged(model: str, tmp_path: Path) -> None:
    whole, card = Path(model), Path(model).with_suffix(".json")
    (tmp_path / card.name).write_text(card.read_text())
    spoilt = wish(model=str(tmp_path / whole.name))
    assert check_model(Host(), spoilt).name == "weights-missing"
    (tmp_path / whole.name).write_bytes(whole.read_bytes()[:-1] + b"x")
    assert check_model(Host(), spoilt).name == "weights-damaged"
    (tmp_path / whole.name).write_bytes(whole.read_bytes())
    assert check_model(Host(), spoilt).name == "weights"


def test_a_rate_that_the_machine_does_not_keep_up_with(model: str) -> None:
    found = check_performance(Host(), wish(model=model, fps=240.0, size=Size(1280, 720)))
    assert (found.name, "livecam --size" in found.remedy) == ("too-slow", True)


def test_the_commands_words_and_exit_code(
    webcam: str, loopback: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = f"doctor --json --model {model} --threads 1 --size 320x180 --fps 15 --camera {CAMERA} --device"
    assert main([*words.split(), CALL]) == 0
    assert {"name", "level", "seen", "remedy"} == set(json.loads(capsys.readouterr().out)[0])
    assert main([*words.split(), "all caps"]) == 1
    names = [finding["name"] for finding in json.loads(capsys.readouterr().out)]
    assert "module-without-exclusive-caps" in names


def test_the_list_of_devices_names_cameras_and_virtual_ones_with_their_formats(
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
