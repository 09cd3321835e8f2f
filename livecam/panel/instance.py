"""The running panel of this user: a second `livecam panel` opens its page instead of starting another run."""

import http.client
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from livecam.core.config import data_dir
from livecam.core.fileio import partial_path, translate_os_errors
from livecam.web.access import AGAIN_PATH, Access

_TIMEOUT_SECONDS = 2.0


def instance_path() -> Path:
    """Return the file that describes the running panel; only its owner can read it."""
    return data_dir() / "panel.json"


@contextmanager
def announced(access: Access) -> Iterator[None]:
    """Let other livecam commands of this user find the panel during the body.

    Raises:
        FileWriteError: the file cannot be written.
    """
    path = instance_path()
    content = json.dumps({"port": access.port, "secret": access.command_secret}).encode()
    with translate_os_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_private(path, content)
    try:
        yield
    finally:
        with suppress(OSError):
            if path.read_bytes() == content:
                path.unlink()


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read at any moment, atomically."""
    partial = partial_path(path, f"-{os.getpid()}")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    partial.replace(path)


def running_address() -> str | None:
    """Return an address that opens the page of the running panel once; None if none is running."""
    try:
        described = json.loads(instance_path().read_bytes())
        port, secret = int(described["port"]), str(described["secret"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    try:
        connection.request("POST", AGAIN_PATH, b"{}", headers)
        response = connection.getresponse()
        answer = json.loads(response.read()) if response.status == 200 else {}
        return str(answer["url"])
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return None
    finally:
        connection.close()
