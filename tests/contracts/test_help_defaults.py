"""Defaults in help texts agree with the settings classes that hold them.

The options of `LiveSettings` are generated from it. The other commands write their defaults into the help
text, because `--help` must not load the packages that hold their settings.
"""

import argparse
import re
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any

import pytest

from livecam.annotation.config import AnnotationSettings
from livecam.annotation.segment import SegmentSettings
from livecam.cli.main import create_parser
from livecam.core.config import LiveSettings
from livecam.evaluation.evaluator import EvaluateSettings
from livecam.personalization.config import PersonalizationSettings
from livecam.training.config import RunConfig, TrainSettings
from livecam.training.data.scene_sampler import SceneMix

BY_RULE = {
    ("clip", "format"),
    ("evaluate", "frames"),
    ("label", "size"),
    ("learn", "camera"),
    ("train", "size"),
}
"""Options whose default is a rule, not a value."""


def defaults_of(*classes: type) -> dict[str, Any]:
    """Return the defaults of dataclass fields by name."""
    return {
        field.name: field.default if field.default_factory is MISSING else field.default_factory()
        for cls in classes
        for field in fields(cls)
    }


LEARN = PersonalizationSettings.from_options()
DEFAULTS: dict[str, dict[str, Any]] = {
    "clip": defaults_of(LiveSettings),
    "doctor": defaults_of(LiveSettings),
    "evaluate": defaults_of(EvaluateSettings),
    "label": defaults_of(AnnotationSettings),
    "learn": vars(LEARN.annotation) | vars(LEARN) | {"base": LEARN.base},
    "live": defaults_of(LiveSettings),
    "segment": defaults_of(SegmentSettings),
    "train": defaults_of(RunConfig, TrainSettings, SceneMix),
}


def help_defaults(command: str) -> dict[str, str]:
    """Return the default of each option of a command as its help text states it."""
    parser, _ = create_parser(command)
    (subparsers,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    options = subparsers.choices[command]._actions
    matches = {option.dest: re.search(r"default: ([^)]+)\)", option.help or "") for option in options}
    return {dest: match[1] for dest, match in matches.items() if match}


def as_help_text(value: Any) -> str:
    """Return a default value as a help text writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return str(value.value)
    if type(value) is tuple:
        return ", ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("command", DEFAULTS)
def test_help_default_agrees_with_settings(command: str) -> None:
    texts = help_defaults(command)
    assert texts
    for dest, text in texts.items():
        if (command, dest) not in BY_RULE:
            assert text == as_help_text(DEFAULTS[command][dest]), dest
