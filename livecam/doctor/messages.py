"""Messages of all checks: `livecam doctor` prints them and its README lists them."""

from dataclasses import dataclass
from enum import Enum

MODPROBE = "sudo modprobe v4l2loopback devices=1 exclusive_caps=1 card_label=livecam"
RELOAD = f"sudo modprobe -r v4l2loopback && {MODPROBE}"


class Level(Enum):
    """Severity of a finding; only an ERROR keeps livecam from working. The value is the printed word."""

    OK = "fine"
    WARNING = "warning"
    ERROR = "broken"


@dataclass(frozen=True)
class Message:
    """Texts of a check result; `symptom` is what a user notices first. OK has no symptom and no remedy."""

    level: Level
    observation: str
    remedy: str = ""
    symptom: str = ""


def _ok(observation: str) -> Message:
    return Message(Level.OK, observation)


def _warn(symptom: str, observation: str, remedy: str) -> Message:
    return Message(Level.WARNING, observation, remedy, symptom)


def _error(symptom: str, observation: str, remedy: str) -> Message:
    return Message(Level.ERROR, observation, remedy, symptom)


_NO_CAMERA, _NO_VIRTUAL = "livecam finds no camera", '"no virtual camera"'
_FORBIDDEN = "you may not open {path}: it belongs to the group {group}"
_ABSENT = "the kernel has {path}, but it can't be opened here: a container hides it"
_HAND_IN = "docker run --device {path} … (or what your container's program says for it)"
_JOIN = "sudo usermod -aG {group} $USER (then log out and in again)"

INSTALLED: dict[str, Message] = {
    "opencv": _ok("OpenCV loads"),
    "opencv-broken": _error("every command fails at once", "OpenCV can't be loaded: {why}", "{install}"),
    "weights": _ok("the model {model} is whole"),
    "weights-missing": _error(
        '"no model is called", "can\'t be read"', "the model {model} can't be used: {why}", "{mend}"
    ),
    "weights-damaged": _error(
        '"is damaged"',
        "the model {model} is damaged, or not the file that its card describes: {why}",
        "{mend}",
    ),
    "pace": _ok("a frame of {size} takes {ms:.0f} ms of the {period:.0f} that {fps:g} frames a second leave"),
    "too-slow": _warn(
        "too slow",
        "a frame of {size} takes {ms:.0f} ms, but {fps:g} frames a second leave {period:.0f}: "
        "it will be about {rate:.0f} a second",
        "livecam {smaller}",
    ),
}

CAMERA: dict[str, Message] = {
    "camera": _ok("{camera} gives {size} at {fps:.0f} frames a second"),
    "camera-none-needed": _ok("{camera} needs no camera"),
    "camera-in-use": _ok("{path} is in use by {processes}: livecam runs already"),
    "camera-none": _error(
        _NO_CAMERA,
        "there is no camera",
        "plug one in, then: livecam doctor (livecam --camera demo works without one)",
    ),
    "camera-driver-missing": _error(
        _NO_CAMERA, "a USB camera is plugged in, but its driver is not loaded", "sudo modprobe uvcvideo"
    ),
    "camera-unknown": _error(
        _NO_CAMERA, "there is no camera {camera}; there are {cameras}", "livecam --camera {other}"
    ),
    "camera-ambiguous": _error(
        '"fits several"', "the camera {camera} fits several: {cameras}", "livecam --camera {other}"
    ),
    "camera-absent": _error(_NO_CAMERA, _ABSENT, _HAND_IN),
    "camera-forbidden": _error('"no permission to open"', _FORBIDDEN, _JOIN),
    "camera-forbidden-yet": _error(
        '"no permission to open", after usermod',
        "you are in the group {group} by now, but this session began before, so {path} stays closed",
        "newgrp {group} (or log out and in again)",
    ),
    "camera-busy": _error('"is busy"', "{path} is held by {processes}", "close {processes}"),
    "camera-silent": _error(
        '"gives no frames"',
        "{path} opens, but gives no frames",
        "unplug it, plug it in again, then: livecam doctor",
    ),
    "camera-slow": _warn(
        "the video stutters",
        "{path} offers {size} at {best:g} frames a second at most{pixels}, not the {fps:g} asked for",
        "livecam --size {other}",
    ),
    "camera-other-size": _warn(
        "the frame has another size", "{path} has no {size}; it gives {granted}", "livecam --size {granted}"
    ),
    "camera-dark": _warn(
        "the video stutters in the evening",
        "{path} promises {promised:g} frames a second and gives {fps:.0f}: it exposes longer in the dark",
        "v4l2-ctl -d {path} -c exposure_dynamic_framerate=0 (or more light)",
    ),
    "camera-refused": _error(
        "macOS, Windows: no frames",
        "camera {camera} gives no frames: another program has it, or {system} doesn't allow it",
        "allow cameras for your terminal in {place}",
    ),
}

VIRTUAL: dict[str, Message] = {
    "virtual": _ok("virtual camera {device} is ready{version}"),
    "virtual-in-use": _ok("virtual camera {device} is fed by {processes}: livecam runs already"),
    "virtual-not-wanted": _ok("no virtual camera is asked for"),
    "pyvirtualcam-missing": _error(
        _NO_VIRTUAL,
        "pyvirtualcam, which feeds virtual cameras, is not installed",
        "{python} -m pip install pyvirtualcam",
    ),
    "module-missing": _error(
        _NO_VIRTUAL, "v4l2loopback, the kernel module for virtual cameras, is not installed", "{install}"
    ),
    "module-for-another-kernel": _error(
        f"{_NO_VIRTUAL}, after an update of the system",
        "v4l2loopback is installed, but not for the kernel that runs ({kernel})",
        "{headers} && sudo dkms autoinstall && " + MODPROBE,
    ),
    "module-not-loaded": _error(
        f"{_NO_VIRTUAL}, after a restart", "v4l2loopback is installed, but not loaded", MODPROBE
    ),
    "module-refused": _error(
        'modprobe says "Key was rejected by service"',
        "Secure Boot refuses v4l2loopback: it is signed with a key that this machine doesn't know",
        "sudo mokutil --import {key} (then restart, choose Enroll MOK, and load the module again)",
    ),
    "module-too-old": _error(
        "the call app shows black or a frozen image",
        "v4l2loopback {version} is too old: livecam needs {oldest} or newer",
        "{upgrade} && " + RELOAD,
    ),
    "module-without-events": _warn(
        "`--on-demand` is slow to start",
        "v4l2loopback {version} can't report its viewers: --on-demand looks once a second",
        "{upgrade} && " + RELOAD,
    ),
    "module-without-exclusive-caps": _error(
        "the call app doesn't list livecam",
        "{device} is not exclusive_caps, so Chrome, Zoom and Teams don't list it",
        RELOAD,
    ),
    "virtual-none": _error(_NO_VIRTUAL, "v4l2loopback is loaded, but there is no virtual camera", RELOAD),
    "virtual-unknown": _error(
        '"is no virtual camera"',
        "there is no virtual camera {device}; there are {devices}",
        "livecam --device {other}",
    ),
    "virtual-real": _error(
        '"is a real camera"', "{device} is a real camera, not a virtual one", "livecam --device {other}"
    ),
    "virtual-absent": _error(_NO_VIRTUAL, _ABSENT, _HAND_IN),
    "virtual-forbidden": _error('"no permission to open"', _FORBIDDEN, _JOIN),
    "virtual-busy": _error(
        '"is busy"',
        "{device} is fed by {processes} already",
        "close {processes}, or livecam --device ANOTHER",
    ),
    "obs-missing-macos": _error(
        f"macOS: {_NO_VIRTUAL}",
        "no virtual camera: OBS, which brings one, is not installed",
        "brew install --cask obs (then in OBS click Start Virtual Camera, Stop, and close it)",
    ),
    "obs-not-started": _error(
        f"macOS: {_NO_VIRTUAL}, OBS is there",
        "OBS is installed, but its virtual camera was never started",
        "open -a OBS (then Start Virtual Camera, allow the extension in System Settings, Stop, close it)",
    ),
    "obs-missing-windows": _error(
        f"Windows: {_NO_VIRTUAL}",
        "no virtual camera: neither OBS nor Unity Capture is installed",
        "winget install OBSProject.OBSStudio",
    ),
}

MESSAGES = INSTALLED | CAMERA | VIRTUAL
