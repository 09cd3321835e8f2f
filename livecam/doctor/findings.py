"""What the doctor can find: one table of texts, which `livecam doctor` says and the README shows."""

from dataclasses import asdict, dataclass
from enum import Enum

MODPROBE = "sudo modprobe v4l2loopback devices=1 exclusive_caps=1 card_label=livecam"
RELOAD = f"sudo modprobe -r v4l2loopback && {MODPROBE}"


class Level(Enum):
    """How bad it is: only what is broken keeps livecam from its work."""

    FINE = "fine"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: its name (for scripts), how it is, what was seen, what mends it."""

    name: str
    level: Level
    seen: str
    remedy: str = ""

    def __str__(self) -> str:
        told = f"{self.level.value:8} {self.seen}"
        return f"{told}\n{'':8} mend it: {self.remedy}" if self.remedy else told

    def as_plain(self) -> dict[str, str]:
        """For JSON."""
        return {**asdict(self), "level": self.level.value}


@dataclass(frozen=True)
class Text:
    """What is said of a state. `sign` is how a user meets it; empty: the README leaves it out."""

    level: Level
    seen: str
    remedy: str = ""
    sign: str = ""


F, W, B = Level.FINE, Level.WARNING, Level.BROKEN
_NOT_LISTED = "the call app doesn't list livecam"
_NO_CAMERA = "livecam finds no camera"
_NO_VIRTUAL = '"no virtual camera"'

TEXTS: dict[str, Text] = {
    # What is installed.
    "opencv": Text(F, "OpenCV loads"),
    "opencv-broken": Text(B, "OpenCV can't be loaded: {why}", "{install}", "every command fails at once"),
    "pyvirtualcam-missing": Text(
        B, "pyvirtualcam, which feeds virtual cameras, is not installed", "{python} -m pip install pyvirtualcam",
        _NO_VIRTUAL,
    ),
    "weights": Text(F, "the model {model} is whole"),
    "weights-missing": Text(
        B, "the model {model} can't be read: {why}", "{mend}", '"no model is called", "can\'t be read"'
    ),
    "weights-damaged": Text(
        B, "the model {model} is damaged, or not the file that its card describes: {why}", "{mend}", '"is damaged"'
    ),
    # The camera.
    "camera": Text(F, "{camera} gives {size} at {fps:.0f} frames a second"),
    "camera-none-needed": Text(F, "{camera} needs no camera"),
    "camera-none": Text(B, "there is no camera", "plug one in, then: livecam doctor (livecam --camera demo works without one)", _NO_CAMERA),
    "camera-driver-missing": Text(
        B, "a USB camera is plugged in, but its driver is not loaded", "sudo modprobe uvcvideo", _NO_CAMERA
    ),
    "camera-unknown": Text(B, "there is no camera {camera}; there are {cameras}", "livecam --camera {other}", _NO_CAMERA),
    "camera-forbidden": Text(
        B, "you may not open {path}: it belongs to the group {group}",
        "sudo usermod -aG {group} $USER (then log out and in again)", '"no permission to open"',
    ),
    "camera-forbidden-yet": Text(
        B, "you are in the group {group} by now, but this session began before, so {path} stays closed",
        "newgrp {group} (or log out and in again)", '"no permission to open", after usermod',
    ),
    "camera-busy": Text(B, "{path} is held by {holders}", "close {holders}", '"is busy"'),
    "camera-silent": Text(
        B, "{path} opens, but gives no pictures: {why}", "unplug it, plug it in again, then: livecam doctor",
        '"gives no pictures"',
    ),
    "camera-slow": Text(
        W, "{path} offers {size} at {best:g} frames a second at most{pixels}, not the {fps:g} asked for",
        "livecam --size {other}", "the picture stutters",
    ),
    "camera-other-size": Text(
        W, "{path} has no {size}; it gives {granted}", "livecam --size {granted}", "the picture has another size"
    ),
    "camera-dark": Text(
        W, "{path} promises {promised:g} frames a second and gives {fps:.0f}: it exposes longer in the dark",
        "v4l2-ctl -d {path} -c exposure_dynamic_framerate=0 (or more light)", "the picture stutters in the evening",
    ),
    "camera-refused": Text(
        B, "camera {camera} gives no pictures: another program has it, or {system} doesn't allow it",
        "allow cameras for your terminal in {place}", "macOS, Windows: no pictures",
    ),
    # The virtual camera.
    "virtual": Text(F, "virtual camera {device} is ready{version}"),
    "virtual-not-wanted": Text(F, "no virtual camera is asked for"),
    "module-missing": Text(B, "v4l2loopback, the kernel module for virtual cameras, is not installed", "{install}", _NO_VIRTUAL),
    "module-for-another-kernel": Text(
        B, "v4l2loopback is installed, but not for the kernel that runs ({kernel})",
        "{headers} && sudo dkms autoinstall && " + MODPROBE, f"{_NO_VIRTUAL}, after an update of the system",
    ),
    "module-not-loaded": Text(B, "v4l2loopback is installed, but not loaded", MODPROBE, f"{_NO_VIRTUAL}, after a restart"),
    "module-refused": Text(
        B, "Secure Boot refuses v4l2loopback: it is signed with a key that this machine doesn't know",
        "sudo mokutil --import {key} (then restart, choose Enroll MOK, and load the module again)",
        'modprobe says "Key was rejected by service"',
    ),
    "module-too-old": Text(
        B, "v4l2loopback {version} is too old: livecam needs {oldest} or newer", "{upgrade} && " + RELOAD,
        "the call app shows black or a frozen picture",
    ),
    "module-without-events": Text(
        W, "v4l2loopback {version} can't say when somebody watches: --on-demand looks for itself, more slowly",
        "{upgrade} && " + RELOAD, "--on-demand is slow to start",
    ),
    "module-without-exclusive-caps": Text(
        B, "{device} is not exclusive_caps, so Chrome, Zoom and Teams don't list it", RELOAD, _NOT_LISTED
    ),
    "virtual-none": Text(B, "v4l2loopback is loaded, but there is no virtual camera", RELOAD, _NO_VIRTUAL),
    "virtual-unknown": Text(
        B, "there is no virtual camera {device}; there are {devices}", "livecam --device {other}", '"is no virtual camera"'
    ),
    "virtual-real": Text(
        B, "{device} is a real camera, not a virtual one", "livecam --device {other}", '"is a real camera"'
    ),
    "virtual-forbidden": Text(
        B, "you may not open {device}: it belongs to the group {group}",
        "sudo usermod -aG {group} $USER (then log out and in again)", '"no permission to open"',
    ),
    "virtual-busy": Text(B, "{device} is fed by {holders} already", "close {holders}, or livecam --device ANOTHER", '"is busy"'),
    "obs-missing-macos": Text(
        B, "no virtual camera: OBS, which brings one, is not installed",
        "brew install --cask obs (then in OBS click Start Virtual Camera, Stop, and close it)", f"macOS: {_NO_VIRTUAL}",
    ),
    "obs-not-started": Text(
        B, "OBS is installed, but its virtual camera was never started",
        "open -a OBS (then click Start Virtual Camera, allow the extension in System Settings, Stop, and close it)",
        f"macOS: {_NO_VIRTUAL}, OBS is there",
    ),
    "obs-missing-windows": Text(
        B, "no virtual camera: neither OBS nor Unity Capture is installed", "winget install OBSProject.OBSStudio",
        f"Windows: {_NO_VIRTUAL}",
    ),
    # The machine.
    "pace": Text(F, "a frame of {size} takes {ms:.0f} ms of the {period:.0f} that {fps:g} frames a second leave"),
    "too-slow": Text(
        W, "a frame of {size} takes {ms:.0f} ms, but {fps:g} frames a second leave {period:.0f}; it will be about {rate:.0f}",
        "livecam {smaller}", "too slow",
    ),
}  # fmt: skip

# What stands in the README for what is only known on a machine.
EXAMPLES: dict[str, object] = {
    "best": 5, "camera": "C920", "cameras": "/dev/video0 (Integrated Camera)", "device": "/dev/video10",
    "devices": "/dev/video10 (livecam)", "fps": 30, "granted": "640x480", "group": "video",
    "headers": "sudo apt install linux-headers-$(uname -r)", "holders": "zoom (pid 4711)",
    "install": "sudo apt install …", "kernel": "6.1.0-28-amd64", "key": "/var/lib/dkms/mok.pub",
    "mend": "pip install --force-reinstall .", "model": "person", "ms": 60, "oldest": "0.12", "other": "…",
    "path": "/dev/video0", "period": 33, "pixels": ", as YUYV", "place": "System Settings > Privacy & Security > Camera",
    "promised": 30, "python": "python3", "rate": 16, "size": "1280x720", "smaller": "--size 640x480",
    "system": "macOS", "upgrade": "sudo apt install --only-upgrade v4l2loopback-dkms", "version": "0.11.0", "why": "…",
}  # fmt: skip
_SPECIAL: dict[str, dict[str, object]] = {
    "opencv-broken": {"why": "libGL.so.1 is missing", "install": "sudo apt install libgl1 libglib2.0-0"},
    "module-missing": {"install": "sudo apt install v4l2loopback-dkms linux-headers-$(uname -r)"},
    "camera-unknown": {"other": "0"},
    "camera-slow": {"other": "640x480"},
    "camera-dark": {"fps": 15},
    "virtual-unknown": {"device": "studio", "other": "livecam"},
    "virtual-real": {"device": "/dev/video0", "other": "livecam"},
    "module-without-events": {"version": "0.12.7"},
    "weights-missing": {"why": "No such file or directory"},
    "weights-damaged": {"why": "wrong checksum"},
    "camera-silent": {"why": "it is silent"},
}


def find(name: str, **said: object) -> Finding:
    """The finding of a state, its texts filled with what was seen."""
    text = TEXTS[name]
    return Finding(name, text.level, text.seen.format(**said), text.remedy.format(**said))


def troubleshooting() -> str:
    """The README's table of everything that isn't fine, as Markdown."""
    lines = ["| what you see | what `livecam doctor` says | what mends it |", "|---|---|---|"]
    for name, text in TEXTS.items():
        if text.sign:
            found = find(name, **EXAMPLES | _SPECIAL.get(name, {}))
            lines.append(f"| {text.sign} | {found.level.value}: {_cell(found.seen)} | {_code(found.remedy)} |")
    return "\n".join(lines)


def _code(remedy: str) -> str:
    """The command as code, what is to be done by hand as words."""
    command, bracket, rest = remedy.partition(" (")
    if command.startswith(("close ", "unplug ", "allow ", "plug ")):
        return _cell(remedy)
    return f"`{command}`" + (f" ({_cell(rest)}" if bracket else "")


def _cell(words: str) -> str:
    return words.replace("|", "\\|")
