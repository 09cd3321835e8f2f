"""Finds the sentences for users in source files, so that tests can look for their translations."""

import ast
import re
from pathlib import Path

from livecam.core import errors

ERRORS = {name for name in dir(errors) if name.endswith("Error")} | {"_problem"}


def error_sentences(*paths: Path) -> set[str]:
    """Return problems and hints of all errors that these files raise; values are `{0}`, `{1}`, ..."""
    found = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
                found |= {sentence for argument in node.args if (sentence := as_template(argument))}
    return found


def as_template(node: ast.expr) -> str:
    """Return a string literal with its values numbered; "" for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if not isinstance(node, ast.JoinedStr):
        return ""
    number, text = 0, ""
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += str(part.value)
        else:
            text += f"{{{number}}}"
            number += 1
    return text


def number_fields(template: str) -> str:
    """Return a text for `str.format` with its named fields as `{0}`, `{1}`, ..."""
    parts = re.split(r"\{[^}]*\}", template)
    return "".join(
        part + (f"{{{number}}}" if number < len(parts) - 1 else "") for number, part in enumerate(parts)
    )
