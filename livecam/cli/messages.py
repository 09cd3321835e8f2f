"""Messages for the user on stderr."""

import sys
from contextlib import suppress


def print_message(text: str) -> None:
    """Print ``livecam: text`` to stderr, above a progress bar if there is one.

    A closed stderr (OSError, or ValueError in this process) is ignored, because the video must go on.
    """
    with suppress(OSError, ValueError):
        # A bar can only exist if tqdm is loaded; it redraws the bar below the line.
        tqdm = sys.modules.get("tqdm")
        if tqdm is None:
            print(f"livecam: {text}", file=sys.stderr, flush=True)
        else:
            tqdm.tqdm.write(f"livecam: {text}", file=sys.stderr)
            sys.stderr.flush()
