"""Messages for the user on stderr."""

import sys
from contextlib import suppress


def print_message(text: str) -> None:
    """Print ``livecam: text`` to stderr. A closed stderr is ignored, because the video must go on."""
    with suppress(OSError):
        print(f"livecam: {text}", file=sys.stderr, flush=True)
