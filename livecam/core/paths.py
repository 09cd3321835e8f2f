"""Paths of the user: the home directory, or none. Loads no other module of livecam."""

from pathlib import Path

NO_HOME = Path("/nonexistent/livecam")
"""Folder of a user without a home directory; nothing is there, and nothing is written there."""


def expand_user(path: str | Path) -> Path:
    """Return a path with the home directory for its "~"; unchanged where there is no home directory.

    In a container, an unknown user without $HOME has none.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
