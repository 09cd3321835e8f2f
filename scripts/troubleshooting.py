#!/usr/bin/env python3
"""Writes the doctor's troubleshooting table into livecam/doctor/README.md; --check only compares."""

import argparse
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from livecam.doctor.findings import troubleshooting_table

README = Path(__file__).resolve().parent.parent / "livecam" / "doctor" / "README.md"
BEGIN, END = "<!-- doctor -->", "<!-- /doctor -->"


def main() -> int:
    """Write or compare the table; return 0 if the file and the messages agree afterwards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readme", type=Path, nargs="?", default=README, help="(livecam/doctor/README.md)")
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 if they disagree")
    args = parser.parse_args()
    before = args.readme.read_text(encoding="utf-8")
    block = f"{BEGIN}\n{troubleshooting_table()}\n{END}"
    after, count = re.subn(f"{BEGIN}.*?{END}", lambda _: block, before, flags=re.DOTALL)
    if count != 1:
        print(f"troubleshooting: {args.readme} must contain {BEGIN} and {END} once", file=sys.stderr)
        return 1
    if args.check and after != before:
        print(
            f"troubleshooting: {args.readme} is out of date: run scripts/troubleshooting.py", file=sys.stderr
        )
        return 1
    if after != before:
        args.readme.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
