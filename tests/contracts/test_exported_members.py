"""Public names of `livecam`: listed, importable, and documented by their own modules."""

import ast
import inspect
from pathlib import Path

import pytest

import livecam
from livecam.core import errors

PACKAGE = Path(livecam.__file__).parent


def test_all_lists_every_lazy_export_in_order() -> None:
    assert livecam.__all__ == sorted(livecam._LAZY_EXPORTS)
    assert set(livecam.__all__) <= set(dir(livecam))


@pytest.mark.parametrize("name", livecam.__all__)
def test_exported_name_can_be_imported_and_has_a_docstring(name: str) -> None:
    member = getattr(livecam, name)
    assert member is getattr(livecam, name)
    if inspect.isclass(member) or inspect.isfunction(member):
        assert inspect.getdoc(member)
        assert member.__module__.startswith("livecam.")


def test_every_error_class_is_exported() -> None:
    classes = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert {name for name in classes if name.endswith("Error")} <= set(livecam.__all__)


def test_type_checkers_see_the_same_names_and_modules() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    branch = next(node for node in tree.body if isinstance(node, ast.If))
    exports = {
        alias.asname or alias.name: f"{(node.module or '').removeprefix('livecam.')}:{alias.name}"
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert exports == livecam._LAZY_EXPORTS


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        livecam.no_such_name  # noqa: B018


def test_package_is_marked_as_typed() -> None:
    assert (PACKAGE / "py.typed").exists()


def test_readme_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = (PACKAGE / "README.md").read_text(encoding="utf-8").split("```python\n")[1:]
    assert len(blocks) == 1
    exec(compile(blocks[0].split("```")[0], "README.md", "exec"), {})
    assert (tmp_path / "demo.mp4").stat().st_size > 1000
