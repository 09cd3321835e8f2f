"""Package manager commands for the families of Linux distributions."""

from livecam.doctor.host import Host
from livecam.doctor.messages import MODPROBE

_INSTALL = {
    "debian": "sudo apt install v4l2loopback-dkms linux-headers-$(uname -r)",
    "fedora": "sudo dnf install akmod-v4l2loopback",  # from RPM Fusion
    "arch": "sudo pacman -S v4l2loopback-dkms linux-headers",
    "suse": "sudo zypper install v4l2loopback-kmp-default",
}
_HEADERS = {
    "debian": "sudo apt install linux-headers-$(uname -r)",
    "fedora": "sudo dnf install kernel-devel-$(uname -r)",
    "arch": "sudo pacman -S linux-headers",
    "suse": "sudo zypper install kernel-default-devel",
}
_UPGRADE = {
    "debian": "sudo apt install --only-upgrade v4l2loopback-dkms",
    "fedora": "sudo dnf upgrade akmod-v4l2loopback",
    "arch": "sudo pacman -Syu v4l2loopback-dkms",
    "suse": "sudo zypper update v4l2loopback-kmp-default",
}
_GL = {
    "debian": "sudo apt install libgl1 libglib2.0-0",
    "fedora": "sudo dnf install mesa-libGL glib2",
    "arch": "sudo pacman -S libglvnd glib2",
    "suse": "sudo zypper install Mesa-libGL1 libglib-2_0-0",
}


def install_module(host: Host) -> str:
    """Return the command that installs v4l2loopback and loads it."""
    return f"{_INSTALL[_distro_family(host)]} && {MODPROBE}"


def install_headers(host: Host) -> str:
    """Return the command that installs what modules for the running kernel are built with."""
    return _HEADERS[_distro_family(host)]


def upgrade_module(host: Host) -> str:
    """Return the command that upgrades v4l2loopback."""
    return _UPGRADE[_distro_family(host)]


def install_gl(host: Host) -> str:
    """Return the command that installs the shared libraries that OpenCV needs."""
    return _GL[_distro_family(host)]


def _distro_family(host: Host) -> str:
    """Return the family of the package manager; ``debian`` if the distribution is unknown."""
    fields = dict(
        line.split("=", 1) for line in host.read_text("/etc/os-release").splitlines() if "=" in line
    )
    identifiers = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', "").split()
    for name in identifiers:
        family = "suse" if "suse" in name else "fedora" if name in ("rhel", "centos") else name
        if family in _INSTALL:
            return family
    return "debian"
