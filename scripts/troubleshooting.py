#!/usr/bin/env python3
"""Writes the doctor's texts into the README between two markers; --check only tells if they agree."""

import argparse
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from livecam.doctor.findings import troubleshooting_table

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- doctor -->", "<!-- /doctor -->"


def main() -> int:
    """Write or check; 0 if they agree now."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("readme", type=Path, nargs="?", default=README, help="(the project's)")
    words.add_argument("--check", action="store_true", help="change nothing; exit code 1 if they disagree")
    said = words.parse_args()
    before = said.readme.read_text(encoding="utf-8")
    block = f"{BEGIN}\n{troubleshooting_table()}\n{END}"
    after, count = re.subn(f"{BEGIN}.*?{END}", lambda _: block, before, flags=re.DOTALL)
    if count != 1:
        print(f"troubleshooting: {said.readme} must hold {BEGIN} and {END} once", file=sys.stderr)
        return 1
    if said.check and after != before:
        print(
            f"troubleshooting: {said.readme} says something else: run scripts/troubleshooting.py",
            file=sys.stderr,
        )
        return 1
    if after != before:
        said.readme.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
