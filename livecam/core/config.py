"""A user's choices: defaults, then the TOML file, then the command line."""

import difflib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import platformdirs
import tomli_w

from livecam.core.errors import SinkError, UsageError
from livecam.core.geometry import FitMode, Size

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


_DEFAULT_SIZE = Size(1280, 720)
_KINDS: dict[str, tuple[type, ...]] = {
    "camera": (str, int),
    "size": (str,),
    "background": (str, list),
    "fit": (str,),
    "threads": (int,),
    "model": (str,),
    "device": (str,),
    "virtual_camera": (bool,),
    "on_demand": (bool,),
    "preview": (bool,),
    "mirror": (bool,),
}
_NAMES = {str: "text", int: "a number", float: "a number", bool: "true or false", list: "a list"}


@dataclass(frozen=True)
class LiveSettings:
    """What livecam runs with. All but the last three may stand in the configuration file by their names."""

    camera: str = "0"
    size: Size = _DEFAULT_SIZE
    fps: float = 30.0
    background: tuple[str, ...] = ("blur",)
    fit: FitMode = FitMode.COVER
    slide_seconds: float = 10.0
    model: str = "person"
    threads: int = 2
    edge: float = 0.0
    light_wrap: float = 0.0
    device: str | None = None
    virtual_camera: bool = True
    on_demand: bool = False
    preview: bool = False
    mirror: bool = True
    record: str | os.PathLike[str] | None = None
    overwrite: bool = False
    seconds: float | None = None

    def __post_init__(self) -> None:
        _check_range("fps", self.fps, 1, 240)
        _check_range("threads", self.threads, 1, 64)
        _check_range("edge", self.edge, -50, 50)
        _check_range("light_wrap", self.light_wrap, 0, 1)
        _check_range("slide_seconds", self.slide_seconds, 0.1, 86400)
        if self.seconds is not None:
            _check_range("seconds", self.seconds, 0.01, 1e9)
        if not self.background:
            raise UsageError("background names nothing; leave it out for blur")


TRANSIENT_FIELDS = ("record", "overwrite", "seconds")
PERSISTED_FIELDS = tuple(f.name for f in fields(LiveSettings) if f.name not in TRANSIENT_FIELDS)


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise UsageError(f"{name.replace('_', '-')} must lie between {low:g} and {high:g}, not {value:g}")


def config_path() -> Path:
    """Where the configuration file stands on this platform."""
    return Path(platformdirs.user_config_dir("livecam", appauthor=False)) / "livecam.toml"


def read_config(path: Path, *, required: bool = False) -> LiveSettings:
    """The defaults, changed by the file; just the defaults if there is none.

    Raises:
        UsageError: the file can't be read, an unknown key, or a value of another kind.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if required:
            raise UsageError(
                f"there is no configuration file {path}; write one with --save-config"
            ) from error
        return LiveSettings()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the configuration file {path} can't be read ({error}); mend or remove it"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no TOML: {error}; mend or remove it") from error
    values = {key.replace("-", "_"): value for key, value in content.items()}
    for key in values:
        if key not in PERSISTED_FIELDS:
            near = difflib.get_close_matches(key, PERSISTED_FIELDS, n=1, cutoff=0.0)[0]
            raise UsageError(f"{path}: there is no setting {key!r}; the nearest is {near!r}")
    parsed = {key: _parse(path, key, value) for key, value in values.items()}
    try:
        return with_values(LiveSettings(), parsed)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def with_values(settings: LiveSettings, values: dict[str, Any]) -> LiveSettings:
    """`settings` with some fields changed."""
    return replace(settings, **values)


def _parse(path: Path, key: str, value: Any) -> Any:
    allowed = _KINDS.get(key, (int, float))
    # To Python a truth value is a number as well.
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        names = " or ".join(dict.fromkeys(_NAMES[kind] for kind in allowed))
        raise UsageError(f"{path}: {key} must be {names}, not {value!r}")
    try:
        return _PARSERS[key](value) if key in _PARSERS else value
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _parse_backgrounds(value: str | list[Any]) -> tuple[str, ...]:
    words = [value] if isinstance(value, str) else value
    if not all(isinstance(word, str) for word in words):
        raise UsageError(f"background must be text or a list of texts, not {value!r}")
    return tuple(words)


def parse_fit_mode(words: str) -> FitMode:
    """A fit by its name.

    Raises:
        UsageError: no such fit.
    """
    try:
        return FitMode(words.lower())
    except ValueError as error:
        raise UsageError(f"fit must be {', '.join(f.value for f in FitMode)}, not {words!r}") from error


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "background": _parse_backgrounds,
    "size": Size.parse,
    "fit": parse_fit_mode,
    "camera": str,
}


def write_config(settings: LiveSettings, path: Path) -> None:
    """Write what differs from the defaults.

    Raises:
        SinkError: the file can't be written.
    """
    usual = LiveSettings()
    content = {
        name: _to_toml(getattr(settings, name))
        for name in PERSISTED_FIELDS
        if getattr(settings, name) != getattr(usual, name)
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(tomli_w.dumps(content), encoding="utf-8")
    except OSError as error:
        raise SinkError(f"can't write {path} ({error.strerror}); name another file with --config") from error


def _to_toml(value: Any) -> Any:
    if isinstance(value, Size):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    return value.value if isinstance(value, FitMode) else value
