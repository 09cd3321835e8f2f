"""`python -m livecam` and the `livecam` command."""

import os
import signal
import sys
import threading
from types import FrameType


def main() -> None:
    """Run livecam and exit with its code."""
    # While modules load there is nothing to finish, and an exception could get lost in a callback of theirs.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    from livecam.cli.main import main as run

    code = run()
    if any(thread.name.startswith("livecam-") for thread in threading.enumerate()):
        # A thread that still hangs in a driver would crash the interpreter on its way out.
        _flush()
        os._exit(code)
    sys.exit(code)


def _leave(number: int, frame: FrameType | None) -> None:
    os.write(2, b"livecam: interrupted\n")
    os._exit(130)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # who read it has gone
            continue


if __name__ == "__main__":
    main()
