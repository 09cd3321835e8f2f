"""Opening a local page in the user's browser, also from another machine."""

import os
import socket
import sys
import threading
import webbrowser


def open_browser(url: str) -> bool:
    """Open an address in the browser of this desktop.

    Returns:
        False without a desktop, or over SSH: a text browser would take over the terminal.
    """
    has_desktop = (
        sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if not has_desktop or os.environ.get("SSH_CONNECTION"):
        return False
    # In a thread, because some browsers return only when they are closed.
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    return True


def tunnel_command(port: int) -> str:
    """Return the command that makes the page reachable from the machine that this SSH session comes from."""
    return f"ssh -L {port}:127.0.0.1:{port} {os.environ.get('USER', 'USER')}@{socket.gethostname()}"
