#!/usr/bin/env python3
"""Writes the doctor's troubleshooting table into livecam/doctor/README.md; --check only compares."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from livecam.doctor.findings import troubleshooting_table
from scripts.shared.marked_block import update_readme

README = Path(__file__).resolve().parent.parent / "livecam" / "doctor" / "README.md"


def main() -> int:
    """Write or compare the table; return 0 if the file and the messages agree afterwards."""
    return update_readme("troubleshooting", __doc__ or "", README, "doctor", troubleshooting_table, None)


if __name__ == "__main__":
    sys.exit(main())
