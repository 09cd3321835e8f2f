"""`python -m livecam` and the `livecam` command."""

import os
import signal
import sys
import threading
from types import FrameType


def main() -> None:
    """Run livecam and exit with its exit code.

    Raises:
        SystemExit: always.
    """
    from livecam.cli.streams import protect_standard_streams

    protect_standard_streams()
    # Signals during imports end the process at once: nothing must be finished yet, and a KeyboardInterrupt
    # raised in a callback of an imported module could be lost.
    from livecam.cli.signals import signals_to_handle

    for number in signals_to_handle():
        signal.signal(number, _exit_immediately)
    from livecam.cli.main import main as run

    code = run()
    if any(thread.name.startswith("livecam-") for thread in threading.enumerate()):
        # A daemon thread that still blocks in a driver would crash the interpreter while it shuts down.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _exit_immediately(number: int, frame: FrameType | None) -> None:
    os.write(2, b"livecam: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    main()
