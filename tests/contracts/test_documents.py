"""The documents: links lead somewhere, package manuals have the same headings, no figure is written twice."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import livecam

TOP = Path(__file__).parent.parent.parent
PACKAGE = TOP / "livecam"
FOLDERS = (PACKAGE, TOP / "scripts", TOP / "tests", TOP / "weights", TOP / ".github")
DOCUMENTS = sorted([*TOP.glob("*.md"), *(path for folder in FOLDERS for path in folder.rglob("*.md"))])
HEADINGS = ["Purpose", "Data flow", "Main types", "How to add a", "Invariants", "Tests"]

# Described in the README of the package above them; labelling holds deprecated aliases only.
WITHOUT_README = {"labelling", "training/data", "training/networks", "training/export"}
PACKAGES = sorted(
    path.parent
    for path in PACKAGE.rglob("__init__.py")
    if path.parent.relative_to(PACKAGE).as_posix() not in WITHOUT_README
)

MAX_README_LINES = 200
MIN_ROW_FIGURES = 3  # decimal numbers that make a table's row a row of figures

_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_INLINE_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
_EXTERNAL = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*\s*$", re.MULTILINE)
_DECIMAL = re.compile(r"\d+\.\d+")


def name(path: Path) -> str:
    return path.relative_to(TOP).as_posix()


def without_code(text: str) -> str:
    return _FENCE.sub("", text)


def links(text: str) -> list[str]:
    """Return the relative targets of all links and images outside of code."""
    found = [match[1] or match[2] for match in _LINK.finditer(_INLINE_CODE.sub("", without_code(text)))]
    return [target for target in found if not _EXTERNAL.match(target)]


def headings(text: str) -> list[tuple[int, str]]:
    """Return level and text of each heading outside of code."""
    return [(len(match[1]), match[2]) for match in _HEADING.finditer(without_code(text))]


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives to a document's headings."""
    found: set[str] = set()
    for _, heading in headings(text):
        plain_text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain_text.lower()).replace(" ", "-")
        repeats = (f"{slug}-{number}" if number else slug for number in range(len(found) + 1))
        found.add(next(anchor for anchor in repeats if anchor not in found))
    return found


def resolve(document: Path, target: str) -> tuple[Path, str]:
    """Return the file or folder that a link leads to, and its anchor."""
    place, _, anchor = target.partition("#")
    return ((document.parent / place).resolve() if place else document), anchor


def broken_links(document: Path) -> Iterator[str]:
    for target in links(document.read_text(encoding="utf-8")):
        path, anchor = resolve(document, target)
        if not path.exists():
            yield f"{target}: no such file"
        elif TOP not in (path, *path.parents):
            yield f"{target}: outside of the project"
        elif anchor and (path.suffix != ".md" or anchor not in anchors(path.read_text(encoding="utf-8"))):
            yield f"{target}: no such heading"


def rows_of_figures(text: str) -> set[tuple[str, ...]]:
    """Return the decimal numbers of each table row that has at least `MIN_ROW_FIGURES`."""
    rows = (tuple(_DECIMAL.findall(line)) for line in text.splitlines() if line.lstrip().startswith("|"))
    return {row for row in rows if len(row) >= MIN_ROW_FIGURES}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_of_document_lead_to_files_and_headings(document: Path) -> None:
    assert list(broken_links(document)) == []


def test_links_in_code_and_to_other_sites_are_left_out() -> None:
    text = "[a](b.md#c) ![d](e.png) [f](https://g) `[h](i)`\n```\n[j](k)\n```\n[l]: m.md\n[o](<p.md> 'q')\n"
    assert links(text) == ["b.md#c", "e.png", "m.md", "p.md"]


def test_anchors_follow_githubs_rules() -> None:
    text = "# Tests on a kernel\n## What `x.py` does, and why\n## Twice\n## Twice\n```\n# no heading\n```\n"
    assert anchors(text) == {"tests-on-a-kernel", "what-xpy-does-and-why", "twice", "twice-1"}


def test_every_document_is_reached_from_the_readme() -> None:
    reached, pending = set[Path](), [TOP / "README.md"]
    while pending:
        document = pending.pop()
        reached.add(document)
        targets = [resolve(document, target)[0] for target in links(document.read_text(encoding="utf-8"))]
        pending += [path for path in targets if path in DOCUMENTS and path not in reached]
    assert [name(document) for document in DOCUMENTS if document not in reached] == []


def test_readme_is_short() -> None:
    assert len((TOP / "README.md").read_text(encoding="utf-8").splitlines()) <= MAX_README_LINES


def test_python_of_readme_uses_exported_names() -> None:
    examples = _PYTHON.findall((TOP / "README.md").read_text(encoding="utf-8"))
    assert examples
    for example in examples:
        names = (node for node in ast.walk(ast.parse(example)) if isinstance(node, ast.Attribute))
        used = {
            node.attr for node in names if isinstance(node.value, ast.Name) and node.value.id == "livecam"
        }
        assert used <= set(livecam.__all__)


@pytest.mark.parametrize("package", PACKAGES, ids=name)
def test_readme_of_package_has_the_common_headings(package: Path) -> None:
    readme = package / "README.md"
    assert readme.is_file(), f"{name(readme)} is missing"
    (_, title), *others = headings(readme.read_text(encoding="utf-8"))
    assert re.split(r"[./]", title.strip("`"))[-1] == package.name
    sections = [heading for level, heading in others if level == 2]
    known = [next((head for head in HEADINGS if section.startswith(head)), "") for section in sections]
    assert list(dict.fromkeys(section for section in known if section)) == HEADINGS


def test_no_row_of_figures_is_in_two_documents() -> None:
    places: dict[tuple[str, ...], list[str]] = {}
    for document in DOCUMENTS:
        for row in rows_of_figures(document.read_text(encoding="utf-8")):
            places.setdefault(row, []).append(name(document))
    assert {row: found for row, found in places.items() if len(found) > 1} == {}


def test_changelog_names_this_version_and_what_is_unreleased() -> None:
    found = headings((TOP / ".github" / "CHANGELOG.md").read_text(encoding="utf-8"))
    releases = [heading for level, heading in found if level == 2]
    assert releases[0] == "[Unreleased]"
    assert releases[1].startswith(f"[{livecam.__version__}] - ")
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", release) for release in releases[1:])
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert {heading for level, heading in found if level == 3} <= kinds
