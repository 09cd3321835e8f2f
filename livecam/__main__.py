"""`python -m livecam` and the `livecam` command."""

import sys


def main() -> None:
    """Run livecam and exit with its code."""
    try:
        from livecam.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(run())


if __name__ == "__main__":
    main()
