"""The doctor's findings for the page: `livecam doctor` in another process, because it measures."""

import json
import subprocess
import sys
from typing import Any

from livecam.core.config import LiveSettings
from livecam.core.errors import LivecamError
from livecam.doctor.findings import remedy_command

_TIMEOUT_SECONDS = 60.0
_OPTIONS = ("camera", "size", "fps", "model", "threads", "device")


def examine(settings: LiveSettings) -> list[dict[str, str]]:
    """Run all checks for the settings of the run.

    Returns:
        For each finding `name`, `level` (fine, warning, broken), `seen`, `remedy`, and `command`: what can be
        pasted into a terminal, or "".

    Raises:
        LivecamError: the checks gave no result.
    """
    command = [sys.executable, "-m", "livecam", "doctor", "--json", *_arguments(settings)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False
        )
        findings: list[dict[str, Any]] = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise LivecamError("the checks gave no result", "run `livecam doctor` in a terminal") from error
    return [finding | {"command": remedy_command(finding["remedy"])} for finding in findings]


def _arguments(settings: LiveSettings) -> list[str]:
    given = {name: getattr(settings, name) for name in _OPTIONS}
    options = [f"--{name}={value}" for name, value in given.items() if value is not None]
    return [*options, "--virtual-camera" if settings.virtual_camera else "--no-virtual-camera"]
