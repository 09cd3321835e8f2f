"""Defaults in help texts agree with the settings classes that hold them.

The options of `LiveSettings` are generated from it. The other commands write their defaults into the help
text, because `--help` must not load the packages that hold their settings.
"""

import argparse
import re
from dataclasses import MISSING, Field, fields
from enum import Enum
from typing import Any

import pytest

from livecam.annotation.config import AnnotationSettings
from livecam.annotation.segment import SegmentSettings
from livecam.cli.main import create_parser
from livecam.core.config import LiveSettings
from livecam.evaluation.evaluator import EvaluateSettings

SETTINGS_CLASSES: dict[str, tuple[type, ...]] = {
    "clip": (LiveSettings,),
    "doctor": (LiveSettings,),
    "evaluate": (EvaluateSettings,),
    "label": (AnnotationSettings,),
    "live": (LiveSettings,),
    "segment": (SegmentSettings,),
}
NO_FIXED_DEFAULT = {("evaluate", "frames"), ("label", "size")}
"""Options whose default is a rule, or that the camera decides."""


def help_defaults(command: str) -> dict[str, str]:
    """Return the default of each option of a command as its help text has it."""
    parser, _ = create_parser(command)
    (subparsers,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    matches = {
        a.dest: re.search(r"default: ([^)]+)\)", a.help or "") for a in subparsers.choices[command]._actions
    }
    return {dest: match[1] for dest, match in matches.items() if match}


def field_default(field: "Field[Any]") -> str:
    """Return the default of a dataclass field as a help text writes it."""
    value = field.default if field.default_factory is MISSING else field.default_factory()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return str(value.value)
    if type(value) is tuple:
        return ", ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("command", SETTINGS_CLASSES)
def test_help_default_agrees_with_settings(command: str) -> None:
    defaults = {
        field.name: field_default(field) for cls in SETTINGS_CLASSES[command] for field in fields(cls)
    }
    found = help_defaults(command)
    assert found
    for dest, text in found.items():
        if (command, dest) not in NO_FIXED_DEFAULT:
            assert text == defaults[dest], dest
