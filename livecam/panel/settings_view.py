"""The live settings as the page shows them, generated from their metadata: a new one appears by itself."""

from enum import Enum
from typing import Any

from livecam.core.config import (
    DEFAULTS,
    INPUT,
    MODEL,
    OUTPUT,
    PANEL,
    SETTINGS,
    LiveSettings,
    json_values,
    parse_value,
)
from livecam.core.errors import UsageError
from livecam.core.geometry import Size

# Shown by other parts of the page, or fixed for a run.
_ELSEWHERE = frozenset({"background", "slide_seconds"})
_OTHER_GROUPS = frozenset({INPUT, MODEL, OUTPUT, PANEL})
_IN_PICTURE = ("mirror",)
_CHANGEABLE_GROUPS = frozenset({INPUT, MODEL})
_CHANGEABLE = frozenset({"slide_seconds", "on_demand", "mirror"})
# A slider over a larger range cannot be set by hand.
_MAX_SLIDER_RANGE = 1000.0


def picture_settings() -> list[dict[str, Any]]:
    """Describe the settings of the picture, in the order of `LiveSettings`.

    Returns:
        For each: `name`, `kind` (`switch`, `slider`, `number`, `choice` or `text`), `help`, `default`, and as
        the kind needs it `low`, `high`, `step`, `choices`.
    """
    names = [
        name for name, info in SETTINGS.items() if info.group not in _OTHER_GROUPS and name not in _ELSEWHERE
    ]
    return [describe(name) for name in (*names, *_IN_PICTURE)]


def describe(name: str) -> dict[str, Any]:
    """Describe one setting; see `picture_settings`."""
    info, default = SETTINGS[name], DEFAULTS[name]
    view: dict[str, Any] = {"name": name, "help": info.help, "default": json_value(default)}
    if isinstance(default, bool):
        return view | {"kind": "switch"}
    if isinstance(default, Enum):
        return view | {"kind": "choice", "choices": [member.value for member in type(default)]}
    if isinstance(default, int | float) and info.limits is not None:
        low, high = info.limits
        kind = "slider" if high - low <= _MAX_SLIDER_RANGE else "number"
        step = 1.0 if isinstance(default, int) else _step(high - low)
        return view | {
            "kind": kind,
            "low": low,
            "high": high,
            "step": step,
            "unit": (info.metavar or "").lower(),
        }
    return view | {"kind": "text"}


def _step(width: float) -> float:
    """Return a step of one, two or five in a decimal place, that makes about a hundred steps."""
    for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5):
        if width / step <= 100:
            return step
    return 0.5 if width <= 100 else 1.0


def json_value(value: Any) -> Any:
    """Return a setting's value as JSON."""
    if isinstance(value, Size):
        return str(value)
    return json_values({"value": value})["value"]


def all_values(settings: LiveSettings) -> dict[str, Any]:
    """Return all settings as JSON values."""
    return {name: json_value(getattr(settings, name)) for name in SETTINGS}


def parse_changes(body: Any) -> dict[str, Any]:
    """Return the settings in a JSON object, as `LiveChanges.change` takes them.

    Raises:
        UsageError: one is unknown, cannot be changed while livecam runs, or has a value of another type.
    """
    if not isinstance(body, dict) or not body:
        raise UsageError("no setting was sent", "load the page again")
    changeable = {
        name for name, info in SETTINGS.items() if info.group in _CHANGEABLE_GROUPS or name in _CHANGEABLE
    } | {view["name"] for view in picture_settings()}
    for name in body:
        if name not in changeable:
            raise UsageError(f"{str(name)[:40]!r} can't be changed while livecam runs")
    return {name: parse_value(name, value) for name, value in body.items()}


def defaults_of(names: list[Any]) -> dict[str, Any]:
    """Return the default values of settings, as `LiveChanges.change` takes them.

    Raises:
        UsageError: a name is no setting of the picture.
    """
    known = {view["name"] for view in picture_settings()} | {"slide_seconds"}
    for name in names:
        if name not in known:
            raise UsageError(f"{str(name)[:40]!r} is no setting of the picture")
    return {name: DEFAULTS[name] for name in names}
