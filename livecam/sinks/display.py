"""Check whether a window can be shown on this desktop, before OpenCV tries."""

import re
import socket
from collections.abc import Mapping

import cv2

_LEAVE_OUT = "or leave out --preview"
USE_WINDOWS = (
    f"pip uninstall opencv-python-headless, pip install --force-reinstall opencv-python, {_LEAVE_OUT}"
)

_X11_PORT = 6000
_TIMEOUT_SECONDS = 1.0


def display_problem(environment: Mapping[str, str], platform: str) -> str | None:
    """Return why no window can be shown, in one line with the remedy; None if one can probably be shown.

    Args:
        environment: Environment variables.
        platform: As `sys.platform` names it. Only Linux is checked, because Qt ends the whole program there
            if it finds no screen.
    """
    framework = cv2.currentUIFramework() if hasattr(cv2, "currentUIFramework") else "unknown"
    if not framework:
        return f"this OpenCV has no windows: {USE_WINDOWS}"
    if not platform.startswith("linux"):
        return None
    display = environment.get("DISPLAY", "")
    if display:
        return (
            None
            if _x_server_answers(display)
            else f"the screen {display} does not answer: set DISPLAY, {_LEAVE_OUT}"
        )
    if environment.get("WAYLAND_DISPLAY") and not framework.startswith("QT"):
        return None
    if environment.get("WAYLAND_DISPLAY"):
        return f"OpenCV's windows need X11: install and start xwayland, {_LEAVE_OUT}"
    return f"no screen to show a preview on: run livecam in a desktop session, {_LEAVE_OUT}"


def _x_server_answers(display: str) -> bool:
    """Return True if an X server answers at ``:0``, ``unix:0.0`` or ``host:10.0``."""
    match = re.fullmatch(r"(?P<host>.*):(?P<number>\d+)(\.\d+)?", display)
    if not match:
        return False
    number = int(match["number"])
    if match["host"] in ("", "unix"):
        path = f"/tmp/.X11-unix/X{number}"
        return any(_connects(socket.AF_UNIX, address) for address in (path, f"\0{path}"))
    try:
        socket.create_connection((match["host"], _X11_PORT + number), _TIMEOUT_SECONDS).close()
    except (OSError, OverflowError):
        return False
    return True


def _connects(family: int, address: str) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(_TIMEOUT_SECONDS)
        try:
            connection.connect(address)
        except OSError:
            return False
    return True
