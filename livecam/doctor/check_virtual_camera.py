"""Virtual camera checks: v4l2loopback and its devices on Linux, OBS or Unity Capture elsewhere."""

import errno
import re

from livecam.core.config import LiveSettings
from livecam.devices.discovery import VideoDevice
from livecam.doctor.distro_packages import install_headers, install_module, upgrade_module
from livecam.doctor.findings import Finding, make_finding
from livecam.doctor.host import Host

MIN_VERSION = (0, 12, 0)
_MODULE = "/sys/module/v4l2loopback"
_SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_REJECTED_SIGNATURE = re.compile(
    r"unsigned module|key was rejected|required key not available|module verification failed", re.I
)
_KEYS = ("/var/lib/shim-signed/mok/MOK.der", "/var/lib/dkms/mok.pub")
_OBS_KEY = r"HKLM\SOFTWARE\Classes\CLSID\{A3FCE0F5-3493-419F-958A-ABA1250EC20B}"
_UNITY_KEY = r"HKLM\SOFTWARE\Classes\CLSID\{5C2CD55C-92AD-4999-8666-912BD3E70010}"


def check_virtual_camera(host: Host, settings: LiveSettings) -> list[Finding]:
    """Return what keeps livecam from using a virtual camera; a single OK finding if nothing does."""
    if not settings.virtual_camera:
        return [make_finding("virtual-not-wanted")]
    if not host.has_module("pyvirtualcam"):
        return [
            make_finding("pyvirtualcam-missing", python="python3" if host.platform != "win32" else "python")
        ]
    if host.platform == "darwin":
        return [_check_macos(host)]
    if host.platform == "win32":
        return [_check_windows(host)]
    if not host.exists(_MODULE):
        return [_diagnose_unloaded_module(host)]
    return [*_check_version(host), *_check_devices(host, settings)]


def _diagnose_unloaded_module(host: Host) -> Finding:
    kernel = host.read_text("/proc/sys/kernel/osrelease")
    kernels = sorted(folder.name for folder in host.path("/lib/modules").glob("*"))
    built_kernels = [each for each in kernels if _is_built(host, each)]
    if kernel not in built_kernels:
        sources = list(host.path("/usr/src").glob("v4l2loopback-*"))
        if built_kernels or sources:
            return make_finding("module-for-another-kernel", kernel=kernel, headers=install_headers(host))
        return make_finding("module-missing", install=install_module(host))
    key = next((key for key in _KEYS if host.exists(key)), _KEYS[-1])
    if _has_secure_boot(host) and _is_signature_rejected(host, key):
        return make_finding("module-refused", key=key)
    return make_finding("module-not-loaded")


def _is_built(host: Host, kernel: str) -> bool:
    folder = f"/lib/modules/{kernel}"
    if "v4l2loopback.ko" in host.read_text(f"{folder}/modules.dep"):
        return True
    # depmod may not have updated modules.dep yet.
    return any(
        next(host.path(f"{folder}/{name}").rglob("v4l2loopback.ko*"), None) for name in ("updates", "extra")
    )


def _has_secure_boot(host: Host) -> bool:
    try:
        # An EFI variable: four bytes of attributes, then the value.
        return host.path(_SECURE_BOOT).read_bytes()[4:5] == b"\x01"
    except OSError:
        return "SecureBoot enabled" in host.run("mokutil", "--sb-state")


def _is_signature_rejected(host: Host, key: str) -> bool:
    if "is not enrolled" in host.run("mokutil", "--test-key", key):
        return True
    # Both programs may need root; their output is empty then.
    log = host.run("dmesg") + host.run("journalctl", "--dmesg", "--boot", "--no-pager", "--quiet")
    return any(
        "v4l2loopback" in line and _REJECTED_SIGNATURE.search(line) for line in log.splitlines()
    ) or bool(re.search(r"modprobe: unsigned module loading is restricted", log))


def _check_version(host: Host) -> list[Finding]:
    version = _version(host)
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if not numbers or numbers >= MIN_VERSION:
        return []
    oldest = ".".join(map(str, MIN_VERSION[:2]))
    return [make_finding("module-too-old", version=version, oldest=oldest, upgrade=upgrade_module(host))]


def _version(host: Host) -> str:
    """Return the module's version; empty if unknown.

    Versions before 0.12 report it in the kernel's log only.
    """
    version = host.read_text(f"{_MODULE}/version")
    if not version:
        logged = re.findall(r"v4l2loopback driver version (\S+) loaded", host.run("dmesg"))
        sources = sorted(path.name.partition("-")[2] for path in host.path("/usr/src").glob("v4l2loopback-*"))
        version = ["", *sources, *logged][-1]
    return version


def _check_devices(host: Host, settings: LiveSettings) -> list[Finding]:
    devices = host.virtual_cameras()
    if not devices:
        return [make_finding("virtual-none")]
    if settings.device:
        matches = [device for device in devices if _matches(settings.device, device)]
        if not matches:
            return [_not_virtual(host, settings.device, devices)]
        devices = matches[:1]
    # Without --device livecam uses the first one that is free, so one ready device is enough.
    checked = [(device, _check_device(host, device)) for device in devices]
    device, finding = next((pair for pair in checked if pair[1].name == "virtual"), checked[0])
    if settings.on_demand and finding.name == "virtual" and not host.reports_viewers(device.path):
        slow = make_finding("module-without-events", version=_version(host), upgrade=upgrade_module(host))
        return [finding, slow]
    return [finding]


def _matches(spec: str, device: VideoDevice) -> bool:
    return spec == device.path or spec.casefold() == device.name.casefold()


def _not_virtual(host: Host, spec: str, devices: list[VideoDevice]) -> Finding:
    present = ", ".join(map(str, devices))
    if any(_matches(spec, camera) for camera in host.cameras()):
        return make_finding("virtual-real", device=spec, other=devices[0].path)
    return make_finding("virtual-unknown", device=spec, devices=present, other=devices[0].path)


def _check_device(host: Host, device: VideoDevice) -> Finding:
    code = host.open_errno(device.path)
    if code in (errno.EACCES, errno.EPERM):
        return make_finding("virtual-forbidden", path=device, group=host.group_of(device.path))
    if code not in (0, errno.EBUSY):
        return make_finding("virtual-absent", path=device.path)
    capability = host.query_capability(device.path)
    processes = host.processes_using(device.path)
    has_exclusive_caps = capability is None or not (capability.captures and capability.outputs)
    number = device.path.removeprefix("/dev/")
    is_fed = host.read_text(f"/sys/class/video4linux/{number}/state") == "capture" and bool(processes)
    if code == errno.EBUSY or is_fed or (capability is not None and not capability.outputs):
        if own_process := host.own_process_using(device.path):
            return make_finding("virtual-in-use", device=device, processes=own_process)
        return make_finding("virtual-busy", device=device, processes=_join_names(processes, device.path))
    if not has_exclusive_caps:
        return make_finding("module-without-exclusive-caps", device=device)
    version = _version(host)
    return make_finding("virtual", device=device, version=f" (v4l2loopback {version})" if version else "")


def _join_names(processes: list[str], path: str) -> str:
    return ", ".join(processes[:3]) or f"a program of another user (sudo fuser -v {path} names it)"


def _check_macos(host: Host) -> Finding:
    if not host.exists("/Applications/OBS.app"):
        return make_finding("obs-missing-macos")
    extensions = host.run("systemextensionsctl", "list")
    lines = [
        each for each in extensions.splitlines() if "com.obsproject.obs-studio.mac-camera-extension" in each
    ]
    # Empty without permission. Before OBS 30 the virtual camera was a plug-in, not an extension.
    if extensions and not any("activated enabled" in line for line in lines):
        return make_finding("obs-not-started")
    return make_finding("virtual", device="OBS Virtual Camera", version="")


def _check_windows(host: Host) -> Finding:
    for key, name in ((_OBS_KEY, "OBS Virtual Camera"), (_UNITY_KEY, "Unity Video Capture")):
        if "InprocServer32" in host.run("reg", "query", key):
            return make_finding("virtual", device=name, version="")
    return make_finding("obs-missing-windows")
