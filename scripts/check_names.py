#!/usr/bin/env python3
"""Check the glossary (identifiers, prose, old module names) and that tests mirror packages.

    scripts/check_names.py

Prints one line for each finding and exits with 1 if there is one. The glossary in livecam/README.md lists
the terms. Names that users see (options, keys on disk) stay as they are and are not checked.
"""

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
CODE = ("livecam", "scripts", "tests")
CHANGELOG = ".github/CHANGELOG.md"

# Identifiers that had several meanings, or a meaning that only the authors knew; whole identifiers.
BANNED_NAMES = frozenset(
    [
        "words",
        "said",
        "told",
        "asked",
        "wanted",
        "tell",
        "say",
        "as_plain",
        "from_plain",
        "plain",
        "backdrop",
        "behind",
        "alone",
        "rough",
        "calm",
        "sharpen",
        "smoother",
        "tidy",
        "islands",
        "specks",
        "reel",
        "film",
        "voice",
        "whereabouts",
        "outlets",
        "patience",
        "beat",
        "beats",
        "lap",
        "laps",
        "wish",
        "wishes",
        "clerk",
        "desk",
        "sitting",
        "schooling",
        "lesson",
        "lessons",
        "verdict",
        "parting",
        "glance",
        "glances",
        "sighting",
        "sightings",
        "likeness",
        "follower",
        "hushed",
        "odd",
        "learner",
        "quicken",
        "lighten",
        "lean",
        "graft",
        "widen",
        "whisper",
        "recall",
        "imitate",
        "rival",
        "steadiness",
        "catalogue",
        "shelf",
        "parcel",
        "backsoon",
        "back_soon",
        "nudge",
        "dyed_below",
        "strike",
        "shine",
    ]
)
# Parts of an identifier, between underscores, in any case.
BANNED_PARTS = frozenset(
    [
        "backdrop",
        "backdrops",
        "smoother",
        "whereabouts",
        "outlets",
        "backsoon",
        "lessons",
        "schooling",
        "grey",
        "greys",
        "colour",
        "colours",
    ]
)
# Words of prose: comments, docstrings and Markdown.
BANNED_PROSE = re.compile(
    r"\b(backdrops?|smoother|whereabouts|backsoon|outlets|reel|clerk|parcel|schooling|lessons?|mailbox|quicken|"
    r"lighten|whisper|imitate|learner|nobody|somebody|whoever|hushed)\b",
    re.IGNORECASE,
)
# The deprecated aliases and their tests keep the old public names.
DEPRECATED = "labelling"
OLD_MODULES = re.compile(
    r"\blivecam[./](?:errors|frames|timing|settings|paths|images|memory|pictures|rgb|fit|region|trimaps|composite|"
    r"reel|pixels|clip|film|voice|png_folder|draft|formats|kept_format|listing|whereabouts|viewers|capture|camera|"
    r"webcam|still|demo|on_demand|card|classes|segmenter|parcel|smoother|edges|islands|cuts|backdrop|drawn|moving|"
    r"ahead|slides|blur|scenes|backsoon|notice|outlets|virtual_camera|recorder|preview|screen|loop|latest|worker|"
    r"live|convert|sound|arguments|parser|stopping|models_words|labelling/\w+|"
    r"training[./](?:words|samples|cases|evaluate|scores|report|conditions|worst|steadiness|rival|augment|scenes|"
    r"shots|network|inverted|quick|graft|widen|lean|litert|train|averager|state|settings|sheets|catalogue|memory|"
    r"recall|takes))\b(?!\.(?:toml|service|jpg))"
)


def findings(top: Path = TOP) -> Iterator[str]:
    """Yield one line for each violation of the glossary or of the layout in the project at `top`."""
    for path in _files(top, ".py"):
        text = path.read_text(encoding="utf-8")
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            yield from _check_token(path.relative_to(top), token)
    for path in [*_files(top, ".md"), top / "README.md", *sorted((top / ".github").glob("*.md"))]:
        if path.relative_to(top).as_posix() != CHANGELOG:
            yield from _check_prose(path.relative_to(top), 1, path.read_text(encoding="utf-8"))
    yield from _unmirrored_tests(top)


def _files(top: Path, suffix: str) -> list[Path]:
    return sorted(path for folder in CODE for path in (top / folder).rglob(f"*{suffix}"))


def _check_token(path: Path, token: tokenize.TokenInfo) -> Iterator[str]:
    if path.name == Path(__file__).name:
        return
    if token.type == tokenize.NAME:
        parts = set(token.string.lower().split("_"))
        # A method of Python's files has this name.
        is_file_method = f".{token.string}()" in token.line and token.string == "tell"
        banned = (token.string in BANNED_NAMES and not is_file_method) or parts & BANNED_PARTS
        if banned and path.parts[1] != DEPRECATED:
            yield f"{path}:{token.start[0]}: the identifier {token.string} is not in the glossary"
    elif token.type == tokenize.COMMENT or token.string.startswith(('"""', 'r"""')):
        yield from _check_prose(path, token.start[0], token.string)


def _check_prose(path: Path, line: int, text: str) -> Iterator[str]:
    for pattern, what in ((BANNED_PROSE, "word"), (OLD_MODULES, "old module name")):
        for match in pattern.finditer(text):
            yield f"{path}:{line + text[: match.start()].count(chr(10))}: the {what} {match[0]!r} is banned"


def _unmirrored_tests(top: Path) -> Iterator[str]:
    """Every tests/<package>/test_<module>.py has its livecam/<package>/<module>.py."""
    for path in sorted((top / "tests").rglob("test_*.py")):
        place = path.relative_to(top / "tests")
        if place.parts[0] in ("contracts", "device", "integration", "support", DEPRECATED):
            continue
        module = top / "livecam" / place.with_name(place.name.removeprefix("test_"))
        if not module.is_file():
            yield f"{path.relative_to(top)}: there is no {module.relative_to(top)}"


def main() -> int:
    """Print what is wrong; return the exit code."""
    found = list(findings())
    for line in found:
        print(line)
    print(f"{len(found)} findings" if found else "names: fine", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
