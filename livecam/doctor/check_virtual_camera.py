"""The virtual camera: the kernel module and its devices on Linux, OBS elsewhere."""

import errno
import re

from livecam.core.config import LiveSettings
from livecam.devices.discovery import VideoDevice
from livecam.doctor.distro_packages import headers, install_module, upgrade_module
from livecam.doctor.findings import Finding, make_finding
from livecam.doctor.host import Host

OLDEST = (0, 12, 0)
_MODULE = "/sys/module/v4l2loopback"
_SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_REFUSED = re.compile(
    r"unsigned module|key was rejected|required key not available|module verification failed", re.I
)
_KEYS = ("/var/lib/shim-signed/mok/MOK.der", "/var/lib/dkms/mok.pub")
_OBS_KEY = r"HKLM\SOFTWARE\Classes\CLSID\{A3FCE0F5-3493-419F-958A-ABA1250EC20B}"
_UNITY_KEY = r"HKLM\SOFTWARE\Classes\CLSID\{5C2CD55C-92AD-4999-8666-912BD3E70010}"


def check_virtual_camera(system: Host, wanted: LiveSettings) -> list[Finding]:
    """What stands between livecam and a virtual camera; one fine finding if nothing does."""
    if not wanted.virtual_camera:
        return [make_finding("virtual-not-wanted")]
    if not system.has_module("pyvirtualcam"):
        return [
            make_finding("pyvirtualcam-missing", python="python3" if system.platform != "win32" else "python")
        ]
    if system.platform == "darwin":
        return [_check_macos(system)]
    if system.platform == "win32":
        return [_check_windows(system)]
    if not system.exists(_MODULE):
        return [_why_not_loaded(system)]
    return [*_check_version(system), *_check_devices(system, wanted)]


def _why_not_loaded(system: Host) -> Finding:
    kernel = system.read_text("/proc/sys/kernel/osrelease")
    folders = sorted(folder.name for folder in system.path("/lib/modules").glob("*"))
    built = [folder for folder in folders if _is_built(system, folder)]
    if kernel not in built:
        source = list(system.path("/usr/src").glob("v4l2loopback-*"))
        if built or source:
            return make_finding("module-for-another-kernel", kernel=kernel, headers=headers(system))
        return make_finding("module-missing", install=install_module(system))
    key = next((key for key in _KEYS if system.exists(key)), _KEYS[-1])
    if _is_secure(system) and _is_refused(system, key):
        return make_finding("module-refused", key=key)
    return make_finding("module-not-loaded")


def _is_built(system: Host, kernel: str) -> bool:
    top = f"/lib/modules/{kernel}"
    if "v4l2loopback.ko" in system.read_text(f"{top}/modules.dep"):
        return True
    # depmod may not have run yet.
    return any(
        next(system.path(f"{top}/{place}").rglob("v4l2loopback.ko*"), None) for place in ("updates", "extra")
    )


def _is_secure(system: Host) -> bool:
    try:
        # Four bytes of attributes, then the value.
        return system.path(_SECURE_BOOT).read_bytes()[4:5] == b"\x01"
    except OSError:
        return "SecureBoot enabled" in system.run("mokutil", "--sb-state")


def _is_refused(system: Host, key: str) -> bool:
    if "is not enrolled" in system.run("mokutil", "--test-key", key):
        return True
    # Either may be for the administrator alone.
    log = system.run("dmesg") + system.run("journalctl", "--dmesg", "--boot", "--no-pager", "--quiet")
    return any("v4l2loopback" in line and _REFUSED.search(line) for line in log.splitlines()) or bool(
        re.search(r"modprobe: unsigned module loading is restricted", log)
    )


def _check_version(system: Host) -> list[Finding]:
    version = _version(system)
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if not numbers or numbers >= OLDEST:
        return []
    oldest = ".".join(map(str, OLDEST[:2]))
    return [make_finding("module-too-old", version=version, oldest=oldest, upgrade=upgrade_module(system))]


def _version(system: Host) -> str:
    """The module's version; until 0.12 it tells it to the kernel's log only. Empty where nothing tells."""
    told = system.read_text(f"{_MODULE}/version")
    if not told:
        logged = re.findall(r"v4l2loopback driver version (\S+) loaded", system.run("dmesg"))
        sources = sorted(
            path.name.partition("-")[2] for path in system.path("/usr/src").glob("v4l2loopback-*")
        )
        told = ["", *sources, *logged][-1]
    return told


def _check_devices(system: Host, wanted: LiveSettings) -> list[Finding]:
    loopbacks = system.loopbacks()
    if not loopbacks:
        return [make_finding("virtual-none")]
    if wanted.device:
        named = [camera for camera in loopbacks if _is_meant(wanted.device, camera)]
        if not named:
            return [_unknown(system, wanted.device, loopbacks)]
        loopbacks = named[:1]
    # Without a name livecam takes the first that is free, so one is enough.
    checked = [(camera, _check_device(system, camera)) for camera in loopbacks]
    camera, found = next(((c, f) for c, f in checked if f.name == "virtual"), checked[0])
    if wanted.on_demand and found.name == "virtual" and not system.reports_viewers(camera.path):
        slow = make_finding("module-without-events", version=_version(system), upgrade=upgrade_module(system))
        return [found, slow]
    return [found]


def _is_meant(words: str, camera: VideoDevice) -> bool:
    return words == camera.path or words.casefold() == camera.name.casefold()


def _unknown(system: Host, words: str, loopbacks: list[VideoDevice]) -> Finding:
    there = ", ".join(map(str, loopbacks))
    if any(_is_meant(words, camera) for camera in system.cameras()):
        return make_finding("virtual-real", device=words, other=loopbacks[0].path)
    return make_finding("virtual-unknown", device=words, devices=there, other=loopbacks[0].path)


def _check_device(system: Host, camera: VideoDevice) -> Finding:
    trouble = system.open_errno(camera.path)
    if trouble in (errno.EACCES, errno.EPERM):
        return make_finding("virtual-forbidden", path=camera, group=system.group_of(camera.path))
    if trouble not in (0, errno.EBUSY):
        return make_finding("virtual-absent", path=camera.path)
    capability = system.ask(camera.path)
    holders = system.holders(camera.path)
    exclusive = capability is None or not (capability.captures and capability.outputs)
    number = camera.path.removeprefix("/dev/")
    is_fed = system.read_text(f"/sys/class/video4linux/{number}/state") == "capture" and bool(holders)
    if trouble == errno.EBUSY or is_fed or (capability is not None and not capability.outputs):
        if ours := system.own_process_using(camera.path):
            return make_finding("virtual-in-use", device=camera, holders=ours)
        return make_finding("virtual-busy", device=camera, holders=_names(holders, camera.path))
    if not exclusive:
        return make_finding("module-without-exclusive-caps", device=camera)
    version = _version(system)
    return make_finding("virtual", device=camera, version=f" (v4l2loopback {version})" if version else "")


def _names(holders: list[str], path: str) -> str:
    return ", ".join(holders[:3]) or f"a program of another user (sudo fuser -v {path} names it)"


def _check_macos(system: Host) -> Finding:
    if not system.exists("/Applications/OBS.app"):
        return make_finding("obs-missing-macos")
    listed = system.run("systemextensionsctl", "list")
    ours = [line for line in listed.splitlines() if "com.obsproject.obs-studio.mac-camera-extension" in line]
    # Before OBS 30 it was a plug-in; the list is empty then, as it is for who may not ask.
    if listed and not any("activated enabled" in line for line in ours):
        return make_finding("obs-not-started")
    return make_finding("virtual", device="OBS Virtual Camera", version="")


def _check_windows(system: Host) -> Finding:
    for key, name in ((_OBS_KEY, "OBS Virtual Camera"), (_UNITY_KEY, "Unity Video Capture")):
        if "InprocServer32" in system.run("reg", "query", key):
            return make_finding("virtual", device=name, version="")
    return make_finding("obs-missing-windows")
