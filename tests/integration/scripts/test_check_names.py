"""The glossary check finds each kind of violation, and nothing in a clean project."""

from pathlib import Path
from types import ModuleType

import pytest

from tests.support.scripts import load_script


@pytest.fixture(scope="module")
def check_names() -> ModuleType:
    return load_script("check_names")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("livecam/core", "scripts", "tests/core", ".github"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "README.md").write_text("# A project\n")
    (tmp_path / "livecam" / "core" / "clock.py").write_text('"""Tell the time."""\n\nNOW = 0.0\n')
    (tmp_path / "tests" / "core" / "test_clock.py").write_text("")
    return tmp_path


def test_clean_project_has_no_findings(check_names: ModuleType, project: Path) -> None:
    assert list(check_names.findings(project)) == []


@pytest.mark.parametrize(
    ("file", "text", "part"),
    [
        ("livecam/core/clock.py", "words = 1\n", "clock.py:1: the identifier words"),
        ("livecam/core/clock.py", "A = 1\n_MY_BACKDROP = 2\n", "clock.py:2: the identifier _MY_BACKDROP"),
        ("livecam/core/clock.py", "A = 1  # for whoever asks\n", "clock.py:1: the word 'whoever'"),
        ("livecam/core/clock.py", '"""Run.\n\nThe smoother runs."""\n', "clock.py:3: the word 'smoother'"),
        ("README.md", "See `livecam/backdrop.py`.\n", "README.md:1: the old module name 'livecam/backdrop'"),
        ("livecam/core/clock.py", "# livecam.training.lean\n", "the old module name"),
        ("tests/core/test_time.py", "", "tests/core/test_time.py: there is no livecam/core/time.py"),
    ],
)
def test_each_kind_of_violation_is_one_line(
    check_names: ModuleType, project: Path, file: str, text: str, part: str
) -> None:
    (project / file).write_text(text)
    assert any(part in line for line in check_names.findings(project))


def test_changelog_may_name_what_was(check_names: ModuleType, project: Path) -> None:
    (project / ".github" / "CHANGELOG.md").write_text("The smoother of livecam/smoother.py was renamed.\n")
    assert list(check_names.findings(project)) == []


def test_method_of_a_file_may_be_called(check_names: ModuleType, project: Path) -> None:
    module = project / "livecam" / "core" / "clock.py"
    module.write_text("size = file.tell()\n")
    assert list(check_names.findings(project)) == []
    module.write_text("tell = print\n")
    assert list(check_names.findings(project)) != []
