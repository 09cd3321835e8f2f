"""Every finding of the doctor, on a host made of files."""

import errno
import json
import pkgutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import livecam.doctor
from livecam.core.clock import ManualClock
from livecam.core.config import LiveSettings
from livecam.core.errors import CameraBusyError, CameraError, ModelError, UsageError
from livecam.core.geometry import Size
from livecam.devices.v4l2 import Capability, FrameSizeInfo, PixelFormatInfo
from livecam.doctor import Finding, Level, run_checks
from livecam.doctor.host import CaptureProbe
from livecam.doctor.messages import MESSAGES, MODPROBE, RELOAD
from livecam.sources.factory import open_source
from tests.support.fake_host import CAMERA, KERNEL, LOOPBACK, SECURE_BOOT, FakeHost

HD, VGA = Size(1280, 720), Size(640, 480)
INSTALL = "sudo apt install v4l2loopback-dkms linux-headers-$(uname -r)"
FINE = ["opencv", "camera", "weights", "pace", "virtual"]
DEFAULTS = LiveSettings()


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    monkeypatch.setenv("USER", "me")
    return FakeHost(tmp_path)


def test_run_checks_without_problems_is_ok(laptop: FakeHost) -> None:
    findings = list(run_checks(DEFAULTS, laptop))
    assert [finding.name for finding in findings] == FINE
    assert all(finding.level is Level.OK and not finding.remedy for finding in findings)
    assert "HD Pro" not in str(findings)  # the finding names what livecam opens
    assert f"{LOOPBACK} (livecam) is ready (v4l2loopback 0.12.7)" in findings[-1].observation


# Each state: message, function that makes the problem, settings, part of the remedy.

BreakHost = Callable[[FakeHost], object]
STATES: list[tuple[str, BreakHost, LiveSettings, str]] = []


def state(name: str, remedy: str, settings: LiveSettings = DEFAULTS) -> Callable[[BreakHost], BreakHost]:
    """Register the function that makes a state, and a text that the remedy must contain."""

    def register(break_host: BreakHost) -> BreakHost:
        STATES.append((name, break_host, settings, remedy))
        return break_host

    return register


@state("opencv-broken", "sudo apt install libgl1 libglib2.0-0")
def _(host: FakeHost) -> None:
    host.load_errors["cv2"] = "libGL.so.1: cannot open shared object file"


@state("opencv-broken", "pip install --force-reinstall opencv-python")
def _(host: FakeHost) -> None:
    host.load_errors["cv2"] = "No module named 'cv2'"


@state("weights-missing", "git -C /src/livecam checkout -- weights")
def _(host: FakeHost) -> None:
    host.checkout_folder = "/src/livecam"
    host.model_error = UsageError("no model is called 'person'", "there are: none")


@state("weights-missing", "pip install --force-reinstall .")
def _(host: FakeHost) -> None:
    host.model_error = ModelError("the weights /w/person.tflite can't be read (No such file)", "put them")
    host.model_error.__cause__ = FileNotFoundError()


@state("weights-damaged", "livecam export RUN mine.tflite", LiveSettings(model="mine.json"))
def _(host: FakeHost) -> None:
    host.model_error = ModelError(
        "mine.tflite is damaged or not the file its card describes", "copy it again"
    )


@state("camera-none-needed", "", LiveSettings(camera="demo"))
def _(host: FakeHost) -> None:
    host.remove(CAMERA)


@state("camera-none", "plug one in")
def _(host: FakeHost) -> None:
    host.remove(CAMERA)


@state("camera-none", "plug one in", LiveSettings(camera="C920"))
def _(host: FakeHost) -> None:
    host.remove(CAMERA)
    host.write("/sys/bus/usb/devices/1-2:1.0/bInterfaceClass", "0e\n")
    host.write("/sys/module/uvcvideo/version", "1.1.1")


@state("camera-driver-missing", "sudo modprobe uvcvideo")
def _(host: FakeHost) -> None:
    host.remove(CAMERA)
    host.write("/sys/bus/usb/devices/1-2:1.0/bInterfaceClass", "0e\n")


@state("camera-unknown", f"livecam --camera {CAMERA}", LiveSettings(camera="3"))
@state("camera-unknown", f"livecam --camera {CAMERA}", LiveSettings(camera="/dev/video7"))
@state("camera-unknown", f"livecam --camera {CAMERA}", LiveSettings(camera="Brio"))
def _(host: FakeHost) -> None:
    pass


@state("camera-ambiguous", "livecam --camera /dev/video2", LiveSettings(camera="logi"))
def _(host: FakeHost) -> None:
    host.add_camera("/dev/video2", "Logi HD Webcam")
    host.add_camera("/dev/video4", "Logi Brio")


@state("camera-absent", f"docker run --device {CAMERA}")
def _(host: FakeHost) -> None:
    host.open_errors[CAMERA] = errno.ENOENT


@state("camera-forbidden", "sudo usermod -aG cams $USER")
def _(host: FakeHost) -> None:
    host.open_errors[CAMERA] = errno.EACCES
    group = host.path(CAMERA).stat().st_gid
    host.write("/etc/group", f"video:x:{group + 1}:me\ncams:x:{group}:somebody,else\n")


@state("camera-forbidden-yet", "newgrp cams")
def _(host: FakeHost) -> None:
    host.open_errors[CAMERA] = errno.EACCES
    host.write("/etc/group", f"cams:x:{host.path(CAMERA).stat().st_gid}:somebody,me\n")


@state("camera-busy", "close zoom (pid 4711)")
def _(host: FakeHost) -> None:
    host.probe = CameraError("no frames")
    host.open_by(CAMERA, "zoom", 4711)
    host.open_by("/dev/video3", "other", 4712)


@state("camera-busy", f"sudo fuser -v {CAMERA}")
def _(host: FakeHost) -> None:
    host.probe = CameraBusyError(f"{CAMERA} is used by another program")


@state("camera-in-use", "")
def _(host: FakeHost) -> None:
    host.probe = CameraError("no frames")
    host.open_by(CAMERA, "pipewire", 11)
    host.open_by(CAMERA, "livecam", 4711)


@state("camera-silent", "unplug it")
def _(host: FakeHost) -> None:
    host.probe = CameraError("gives no frames")


@state("camera-slow", "livecam --size 640x480")
def _(host: FakeHost) -> None:
    host.pixel_formats[CAMERA] = [
        PixelFormatInfo(
            "YUYV", "YUYV 4:2:2", (FrameSizeInfo(VGA, VGA, (30.0,)), FrameSizeInfo(HD, HD, (5.0, 2.5)))
        ),
    ]
    host.probe = CaptureProbe(HD, 5.0, 5.0)


@state("camera-slow", "livecam --size 1280x720 --fps 5")
def _(host: FakeHost) -> None:
    host.pixel_formats[CAMERA] = []  # the driver lists no formats
    host.probe = CaptureProbe(HD, 5.0, 5.0)


@state("camera-other-size", "livecam --size 640x480")
def _(host: FakeHost) -> None:
    host.probe = CaptureProbe(VGA, 30.0, 30.0)


@state("camera-dark", "exposure_dynamic_framerate=0")
def _(host: FakeHost) -> None:
    host.probe = CaptureProbe(HD, 30.0, 15.0)


@state("camera-refused", "Privacy & Security > Camera", LiveSettings(virtual_camera=False))
def _(host: FakeHost) -> None:
    host.platform = "darwin"
    host.probe = CameraError("no frames")


@state("virtual-not-wanted", "", LiveSettings(virtual_camera=False))
def _(host: FakeHost) -> None:
    host.unload_module()


@state("pyvirtualcam-missing", "python3 -m pip install pyvirtualcam")
def _(host: FakeHost) -> None:
    host.missing.add("pyvirtualcam")


@state("module-missing", f"{INSTALL} && {MODPROBE}")
def _(host: FakeHost) -> None:
    host.unload_module()
    host.write(f"/lib/modules/{KERNEL}/modules.dep", "kernel/drivers/media/usb/uvc/uvcvideo.ko:\n")


@state("module-missing", "sudo dnf install akmod-v4l2loopback")
def _(host: FakeHost) -> None:
    host.unload_module()
    host.write(f"/lib/modules/{KERNEL}/modules.dep", "")
    host.write("/etc/os-release", 'ID="rocky"\nID_LIKE="rhel centos fedora"\n')


@state(
    "module-for-another-kernel",
    f"sudo apt install linux-headers-$(uname -r) && sudo dkms autoinstall && {MODPROBE}",
)
def _(host: FakeHost) -> None:
    host.unload_module()
    host.write("/proc/sys/kernel/osrelease", "6.1.0-30-amd64")


@state("module-for-another-kernel", "sudo pacman -S linux-headers")
def _(host: FakeHost) -> None:
    host.unload_module()
    host.write(f"/lib/modules/{KERNEL}/modules.dep", "")
    host.write("/usr/src/v4l2loopback-0.12.7/dkms.conf", "")
    host.write("/etc/os-release", "ID=manjaro\nID_LIKE=arch\n")


@state("module-not-loaded", MODPROBE)
def _(host: FakeHost) -> None:
    host.unload_module()


@state("module-not-loaded", MODPROBE)
def _(host: FakeHost) -> None:
    host.unload_module()
    host.write(f"/lib/modules/{KERNEL}/modules.dep", "")
    host.write(f"/lib/modules/{KERNEL}/updates/dkms/v4l2loopback.ko", b"\x7fELF")


@state("module-not-loaded", MODPROBE)
def _(host: FakeHost) -> None:
    """A rejected signature with Secure Boot off is not the reason."""
    host.unload_module()
    host.write(SECURE_BOOT, b"\x06\0\0\0\x00")
    host.programs["dmesg",] = "v4l2loopback: Key was rejected by service"


@state("module-not-loaded", MODPROBE)
def _(host: FakeHost) -> None:
    host.unload_module()
    host.write(SECURE_BOOT, b"\x06\0\0\0\x01")
    host.programs["dmesg",] = "Loading of unsigned module nvidia is rejected\nv4l2loopback: bye"


@state("module-refused", "sudo mokutil --import /var/lib/dkms/mok.pub")
def _(host: FakeHost) -> None:
    host.unload_module()
    host.write(SECURE_BOOT, b"\x06\0\0\0\x01")
    host.programs["dmesg",] = (
        "[ 9.1] Loading of module with unavailable key: v4l2loopback: Key was rejected by service"
    )


@state("module-refused", "sudo mokutil --import /var/lib/shim-signed/mok/MOK.der")
def _(host: FakeHost) -> None:
    host.unload_module()
    host.programs["mokutil", "--sb-state"] = "SecureBoot enabled\n"
    key = "/var/lib/shim-signed/mok/MOK.der"
    host.write(key, b"key")
    host.programs["mokutil", "--test-key", key] = f"{key} is not enrolled\n"


@state("module-refused", "choose Enroll MOK")
def _(host: FakeHost) -> None:
    host.unload_module()
    host.write(SECURE_BOOT, b"\x06\0\0\0\x01")
    log = "Lockdown: modprobe: unsigned module loading is restricted; see man kernel_lockdown.7"
    host.programs["journalctl", "--dmesg", "--boot", "--no-pager", "--quiet"] = log


@state("module-too-old", "sudo apt install --only-upgrade v4l2loopback-dkms && sudo modprobe -r v4l2loopback")
def _(host: FakeHost) -> None:
    host.load_module("0.10.0")


@state("module-without-events", "sudo apt install --only-upgrade", LiveSettings(on_demand=True))
def _(host: FakeHost) -> None:
    host.sends_events = False


@state("module-without-exclusive-caps", RELOAD)
def _(host: FakeHost) -> None:
    host.remove(LOOPBACK)
    host.add_loopback(LOOPBACK, "livecam", exclusive=False)


@state("virtual-none", RELOAD)
def _(host: FakeHost) -> None:
    host.remove(LOOPBACK)


@state("virtual-unknown", f"livecam --device {LOOPBACK}", LiveSettings(device="studio"))
@state("virtual-real", f"livecam --device {LOOPBACK}", LiveSettings(device=CAMERA))
def _(host: FakeHost) -> None:
    pass


@state("virtual-absent", f"docker run --device {LOOPBACK}")
def _(host: FakeHost) -> None:
    host.open_errors[LOOPBACK] = errno.ENOENT


@state("virtual-forbidden", "sudo usermod -aG")
def _(host: FakeHost) -> None:
    host.open_errors[LOOPBACK] = errno.EACCES


@state("virtual-busy", "close obs (pid 12)")
def _(host: FakeHost) -> None:
    """With exclusive_caps=1 a fed device reports no output capability."""
    host.capabilities[LOOPBACK] = Capability("v4l2 loopback", captures=True, outputs=False)
    host.open_by(LOOPBACK, "obs", 12)


@state("virtual-busy", f"sudo fuser -v {LOOPBACK}")
def _(host: FakeHost) -> None:
    host.open_errors[LOOPBACK] = errno.EBUSY


@state("virtual-busy", "close obs (pid 12)")
def _(host: FakeHost) -> None:
    """Without exclusive_caps only the state in sysfs shows that it is fed."""
    host.remove(LOOPBACK)
    host.add_loopback(LOOPBACK, "livecam", exclusive=False)
    host.write("/sys/class/video4linux/video10/state", "capture\n")
    host.open_by(LOOPBACK, "obs", 12)


@state("virtual-in-use", "")
def _(host: FakeHost) -> None:
    host.capabilities[LOOPBACK] = Capability("v4l2 loopback", captures=True, outputs=False)
    host.open_by(LOOPBACK, "firefox", 11)
    host.open_by(LOOPBACK, "livecam", 12)


@state("obs-missing-macos", "brew install --cask obs")
def _(host: FakeHost) -> None:
    host.platform = "darwin"


@state("obs-not-started", "open -a OBS")
def _(host: FakeHost) -> None:
    host.platform = "darwin"
    host.write("/Applications/OBS.app/Contents/Info.plist", "")
    line = "com.obsproject.obs-studio.mac-camera-extension (30.0/1) OBS [activated waiting for user]"
    host.programs["systemextensionsctl", "list"] = f"1 extension(s)\n{line}\n"


@state("obs-missing-windows", "winget install OBSProject.OBSStudio")
def _(host: FakeHost) -> None:
    host.platform = "win32"


@state("too-slow", "livecam --size 640x480")
def _(host: FakeHost) -> None:
    host.frame_ms = {HD: 60.0, Size(960, 540): 40.0, VGA: 30.0}


@state("too-slow", "livecam --size 320x240 --fps 12")
def _(host: FakeHost) -> None:
    sizes = [HD, Size(960, 540), VGA, Size(640, 360), Size(320, 240)]
    host.frame_ms = dict.fromkeys(sizes, 80.0)


def check(break_host: BreakHost, settings: LiveSettings, host: FakeHost) -> list[Finding]:
    break_host(host)
    return list(run_checks(settings, host))


@pytest.mark.parametrize(
    ("name", "break_host", "settings", "remedy"), STATES, ids=[entry[0] for entry in STATES]
)
def test_run_checks_finds_exactly_the_problem(
    laptop: FakeHost, name: str, break_host: BreakHost, settings: LiveSettings, remedy: str
) -> None:
    findings = check(break_host, settings, laptop)
    problems = [finding.name for finding in findings if finding.level is not Level.OK]
    assert problems == ([] if MESSAGES[name].level is Level.OK else [name])
    finding = next(finding for finding in findings if finding.name == name)
    assert finding.level is MESSAGES[name].level
    assert remedy in finding.remedy
    assert bool(finding.remedy) == (finding.level is not Level.OK)
    for other in findings:
        assert not set("\n{}") & set(other.observation + other.remedy)
        assert json.loads(json.dumps(other.to_dict()))["level"] == other.level.value


def test_every_message_has_a_state() -> None:
    assert {entry[0] for entry in STATES} | set(FINE) == set(MESSAGES)


def test_run_checks_without_opencv_skips_camera_and_model(laptop: FakeHost) -> None:
    laptop.load_errors["cv2"] = "No module named 'cv2'"
    assert [finding.name for finding in run_checks(DEFAULTS, laptop)] == ["opencv-broken", "virtual"]


def test_busy_camera_finding_names_the_process(laptop: FakeHost) -> None:
    laptop.probe = CameraError("no frames")
    laptop.open_by(CAMERA, "zoom", 4711)
    finding = list(run_checks(DEFAULTS, laptop))[1]
    assert finding.observation == f"{CAMERA} is held by zoom (pid 4711)"
    assert finding.to_dict() == {
        "name": "camera-busy",
        "level": "broken",
        "seen": finding.observation,
        "remedy": "close zoom (pid 4711)",
    }


def test_two_camera_problems_are_both_found(laptop: FakeHost) -> None:
    laptop.probe = CaptureProbe(VGA, 5.0, 5.0)
    laptop.pixel_formats[CAMERA] = []
    names = [finding.name for finding in run_checks(DEFAULTS, laptop)]
    assert names[1:3] == ["camera-other-size", "camera-slow"]


def test_module_version_is_read_from_log_or_sources(laptop: FakeHost) -> None:
    laptop.path("/sys/module/v4l2loopback/version").unlink()
    assert list(run_checks(DEFAULTS, laptop))[-1].observation.endswith("is ready")
    laptop.write("/usr/src/v4l2loopback-0.12.5/dkms.conf", "")
    assert "0.12.5" in list(run_checks(DEFAULTS, laptop))[-1].observation
    laptop.programs["dmesg",] = "[1.0] v4l2loopback driver version 0.11.0 loaded\n"
    assert "module-too-old" in [finding.name for finding in run_checks(DEFAULTS, laptop)]


def test_viewer_events_are_checked_only_with_on_demand(laptop: FakeHost) -> None:
    laptop.sends_events = False
    assert [finding.name for finding in run_checks(DEFAULTS, laptop)] == FINE
    laptop.sends_events = True
    assert [finding.name for finding in run_checks(LiveSettings(on_demand=True), laptop)] == FINE


def test_second_virtual_camera_that_is_free_is_enough(laptop: FakeHost) -> None:
    laptop.open_errors[LOOPBACK] = errno.EBUSY
    laptop.add_loopback("/dev/video11", "second")
    assert "video11" in list(run_checks(DEFAULTS, laptop))[-1].observation
    assert list(run_checks(LiveSettings(device="LiveCam"), laptop))[-1].name == "virtual-busy"


def test_viewer_of_a_virtual_camera_is_no_problem(laptop: FakeHost) -> None:
    laptop.open_by(LOOPBACK, "firefox", 33)
    assert list(run_checks(DEFAULTS, laptop))[-1].name == "virtual"


def test_process_with_an_unused_camera_is_no_problem(laptop: FakeHost) -> None:
    laptop.open_by(CAMERA, "pipewire", 33)
    assert [finding.name for finding in run_checks(DEFAULTS, laptop)] == FINE


def test_check_camera_finds_it_by_a_part_of_its_name(laptop: FakeHost) -> None:
    assert f"{CAMERA} gives" in list(run_checks(LiveSettings(camera="c920"), laptop))[1].observation


@pytest.mark.parametrize("extensions", ["", "x.y.z.mac-camera-extension [activated enabled]"])
def test_macos_with_started_obs_is_ok(laptop: FakeHost, extensions: str) -> None:
    laptop.platform = "darwin"
    laptop.write("/Applications/OBS.app/Contents/Info.plist", "")
    laptop.programs["systemextensionsctl", "list"] = extensions.replace("x.y.z", "com.obsproject.obs-studio")
    assert list(run_checks(DEFAULTS, laptop))[-1].name == "virtual"


@pytest.mark.parametrize(("key", "name"), [("A3FCE0F5", "OBS"), ("5C2CD55C", "Unity")])
def test_windows_virtual_cameras_are_in_the_registry(laptop: FakeHost, key: str, name: str) -> None:
    laptop.platform = "win32"
    run = laptop.run
    laptop.run = lambda *arguments: "InprocServer32" if key in arguments[-1] else run(*arguments)  # type: ignore[method-assign]
    assert name in list(run_checks(DEFAULTS, laptop))[-1].observation


def test_file_as_camera_needs_no_camera(laptop: FakeHost, tmp_path: Path) -> None:
    video = tmp_path / "talk.mp4"
    video.touch()
    assert list(run_checks(LiveSettings(camera=str(video)), laptop))[1].name == "camera-none-needed"


def test_check_camera_ambiguous_name_agrees_with_livecam(
    laptop: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """livecam refuses a part of two names; the doctor reports the same and probes neither camera."""
    laptop.remove(CAMERA)
    laptop.add_camera(CAMERA, "Logi HD Webcam")
    laptop.add_camera("/dev/video2", "Logi Brio")
    probed: list[str] = []
    monkeypatch.setattr(laptop, "probe_camera", lambda device, size, fps: probed.append(device))
    monkeypatch.setattr("livecam.sources.factory.list_cameras", laptop.cameras)
    with pytest.raises(UsageError, match="fits several") as refused:
        open_source("logi", clock=ManualClock())
    finding = list(run_checks(LiveSettings(camera="logi"), laptop))[1]
    assert (finding.name, finding.level, probed) == ("camera-ambiguous", Level.ERROR, [])
    candidates = f"fits several: {CAMERA} (Logi HD Webcam), /dev/video2 (Logi Brio)"
    assert candidates in finding.observation
    assert candidates in str(refused.value)


def test_check_camera_exact_name_wins_over_longer_name(laptop: FakeHost) -> None:
    laptop.add_camera("/dev/video2", "Logi Brio: infrared")
    laptop.add_camera("/dev/video4", "Logi Brio")
    assert "/dev/video4 gives" in list(run_checks(LiveSettings(camera="logi brio"), laptop))[1].observation


def test_check_model_keeps_a_problem_with_semicolon(laptop: FakeHost) -> None:
    laptop.model_error = ModelError("card.json has no size; it has a shape", "export it again")
    finding = next(each for each in run_checks(DEFAULTS, laptop) if each.name == "weights-damaged")
    assert finding.observation.endswith("card.json has no size; it has a shape")


def test_names_of_the_doctor_package_shadow_no_module() -> None:
    modules = {info.name for info in pkgutil.iter_modules(livecam.doctor.__path__)}
    assert not modules & set(livecam.doctor.__all__)
    assert all(isinstance(getattr(livecam.doctor, name, livecam), ModuleType) for name in modules)
