"""A block of a README between two marker comments that a script writes and a test compares."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path


def update_readme(
    script: str,
    description: str,
    readme: Path,
    marker: str,
    render: Callable[[], str],
    argv: Sequence[str] | None,
) -> int:
    """Write or, with --check, only compare the block; return 0 if it is up to date afterwards.

    Args:
        script: name of the calling script without suffix, for messages.
        description: text of its --help.
        readme: the default file; another one can be named on the command line.
        marker: the block is between ``<!-- marker -->`` and ``<!-- /marker -->``.
        render: returns the text of the block.
        argv: arguments of the command line; None: those of the process.
    """
    top = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("readme", type=Path, nargs="?", default=readme, help=f"({readme.relative_to(top)})")
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 if they disagree")
    args = parser.parse_args(argv)
    begin, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    before = args.readme.read_text(encoding="utf-8")
    block = f"{begin}\n{render()}\n{end}"
    after, count = re.subn(f"{begin}.*?{end}", lambda _: block, before, flags=re.DOTALL)
    if count != 1:
        print(f"{script}: {args.readme} must contain {begin} and {end} once", file=sys.stderr)
        return 1
    if args.check and after != before:
        print(f"{script}: {args.readme} is out of date: run scripts/{script}.py", file=sys.stderr)
        return 1
    if after != before:
        args.readme.write_text(after, encoding="utf-8")
    return 0
