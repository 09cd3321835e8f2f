"""Kernel side of the device tests: modules, webcam controls, plugging and unplugging."""

import fcntl
import os
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_QUERYCTRL, _S_CTRL, _G_CTRL = 0xC0445624, 0xC008561C, 0xC008561B
_QUERY = struct.Struct("=II32s4iI8x")
_NEXT = 0x80000000
VIVID = Path("/sys/bus/platform/drivers/vivid")

CAMERA, OTHER_CAMERA = "/dev/video0", "/dev/video1"
CAMERA_NAME = "vivid-000-vid-cap"
CALL, ALL_CAPS, SECOND, FEED = "/dev/video10", "/dev/video11", "/dev/video12", "/dev/video13"
"""Virtual cameras: for call apps (exclusive_caps=1), with exclusive_caps=0, a second one, a fake webcam."""
LABELS = {CALL: "livecam", ALL_CAPS: "all caps", SECOND: "second one", FEED: "played webcam"}


def run(*arguments: str) -> str:
    """Run a program and return its output; raise AssertionError with the output if it fails."""
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


def load_webcams(first: int = 0) -> None:
    """Load vivid with two webcams, /dev/video`first` and the next number, each showing color bars."""
    arguments = "n_devs=2 node_types=0x1,0x1 num_inputs=1,1 input_types=0,0"
    run("modprobe", "vivid", *arguments.split(), f"vid_cap_nr={first},{first + 1}")
    wait_for(lambda: Path(f"/dev/video{first + 1}").exists(), 5)
    for number in (first, first + 1):
        # Text in the image would cover the pixels that the tests read.
        set_control(f"/dev/video{number}", "OSD Text Mode", 2)


def load_other_webcam() -> None:
    """Load vivid with only another webcam, vivid-001-vid-cap, at the number of the first one."""
    arguments = "n_devs=2 node_types=0x100,0x1 num_inputs=1,1 input_types=0,0 vid_out_nr=7,-1 vid_cap_nr=-1,0"
    run("modprobe", "vivid", *arguments.split())
    wait_for(lambda: Path(CAMERA).exists(), 5)


def load_loopbacks(module: str = "v4l2loopback") -> None:
    """Load the module of this name or file with the four virtual cameras."""
    numbers = ",".join(path.removeprefix("/dev/video") for path in LABELS)
    labels = ",".join(LABELS.values())
    arguments = [f"video_nr={numbers}", "exclusive_caps=1,0,1,1", f"card_label={labels}"]
    if module.endswith(".ko"):
        run("modprobe", "videodev")
        run("insmod", module, *arguments, "devices=4")
    else:
        run("modprobe", module, *arguments)
    wait_for(lambda: all(Path(path).exists() for path in LABELS), 5)


def unload(module: str) -> None:
    """Unload a module; retry for 5 s while programs that have just ended release it."""
    deadline = time.monotonic() + 5
    while True:
        try:
            run("modprobe", "-r", module)
            return
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def is_loaded(module: str) -> bool:
    return Path("/sys/module", module).exists()


def unplug() -> None:
    """Unplug the webcams: their device files vanish while they are read."""
    (VIVID / "unbind").write_text("vivid.0")


@contextmanager
def disconnected(path: str = CAMERA) -> Iterator[None]:
    """Break the connection to a webcam: each call fails until all processes have closed it."""
    number = controls(path)["Disconnect"]
    handle = os.open(path, os.O_RDWR)
    try:
        fcntl.ioctl(handle, _S_CTRL, struct.pack("=Ii", number, 1))
        yield
    finally:
        os.close(handle)


def controls(path: str) -> dict[str, int]:
    """Return the control numbers of a device by name."""
    controls_by_name, number = {}, 0
    handle = os.open(path, os.O_RDWR)
    try:
        while True:
            query = _QUERY.pack(number | _NEXT, 0, b"", 0, 0, 0, 0, 0)
            answer = _QUERY.unpack(fcntl.ioctl(handle, _QUERYCTRL, query))
            number = answer[0]
            controls_by_name[answer[2].rstrip(b"\0").decode()] = number
    except OSError:
        return controls_by_name
    finally:
        os.close(handle)


def set_control(path: str, name: str, value: int) -> None:
    number = controls(path)[name]
    handle = os.open(path, os.O_RDWR)
    try:
        fcntl.ioctl(handle, _S_CTRL, struct.pack("=Ii", number, value))
    finally:
        os.close(handle)


def is_fed(path: str) -> bool:
    """Return whether a program feeds a virtual camera."""
    return Path("/sys/class/video4linux", Path(path).name, "state").read_text().strip() == "capture"


def processes_using(path: str) -> list[int]:
    """Return the ids of the processes that have a device open."""
    controls_by_name = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(link.readlink()) == path for link in (process / "fd").iterdir()):
                controls_by_name.append(int(process.name))
        except OSError:
            continue
    return controls_by_name


def wait_for(condition: Callable[[], object], seconds: float) -> float:
    """Wait until the condition holds; return the seconds it took."""
    start = time.monotonic()
    while not condition():
        taken = time.monotonic() - start
        assert taken < seconds, f"it did not happen within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - start
