"""What the distribution's package manager is told."""

from livecam.doctor.host import Host
from livecam.doctor.messages import MODPROBE

_INSTALL = {
    "debian": "sudo apt install v4l2loopback-dkms linux-headers-$(uname -r)",
    "fedora": "sudo dnf install akmod-v4l2loopback",  # RPM Fusion's
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


def install_module(system: Host) -> str:
    """Installs v4l2loopback and loads it."""
    return f"{_INSTALL[_family(system)]} && {MODPROBE}"


def headers(system: Host) -> str:
    """Installs what modules for the running kernel are built with."""
    return _HEADERS[_family(system)]


def upgrade_module(system: Host) -> str:
    """Brings v4l2loopback up to date."""
    return _UPGRADE[_family(system)]


def install_gl(system: Host) -> str:
    """Installs the libraries that OpenCV wants."""
    return _GL[_family(system)]


def _family(system: Host) -> str:
    """The package manager's family; Debian's where it isn't known."""
    known = dict(
        line.split("=", 1) for line in system.read_text("/etc/os-release").splitlines() if "=" in line
    )
    said = f"{known.get('ID', '')} {known.get('ID_LIKE', '')}".replace('"', "").split()
    for word in said:
        name = "suse" if "suse" in word else "fedora" if word in ("rhel", "centos") else word
        if name in _INSTALL:
            return name
    return "debian"
