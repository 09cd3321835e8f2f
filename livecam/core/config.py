"""Settings of a live run: the defaults, then the configuration file, then the command line.

Everything about one setting is in one place, the metadata of its `LiveSettings` field: help text, range, TOML
type and default. The command line (`livecam.cli.options`), ``--help``, the configuration file and `validate`
are generated from it, so a new setting is one line here.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from livecam.core.errors import FileWriteError, UsageError
from livecam.core.geometry import FitMode, FramingMode, Size
from livecam.core.paths import NO_HOME, expand_user

DATA_VARIABLE = "LIVECAM_DATA"
"""The environment variable that names another data folder."""

INPUT = "input"
BACKGROUND = "background and edges"
PICTURE = "picture"
MODEL = "model"
OUTPUT = "output"
PANEL = "control panel"

_TOML_TYPES: dict[type, tuple[type, ...]] = {
    bool: (bool,),
    int: (int,),
    float: (int, float),
    tuple: (str, list),
}
_TYPE_NAMES = {str: "text", int: "a number", float: "a number", bool: "true or false", list: "a list"}


@dataclass(frozen=True)
class Setting:
    """Description of one setting.

    Attributes:
        group: heading in ``--help`` under which the option is listed.
        help: help text without range and default.
        metavar: placeholder for the value in ``--help``.
        short: one-letter option, for example ``-c``.
        limits: smallest and largest allowed value, both inclusive.
        parse: converts the text of the command line, or the value of the configuration file. Raises
            UsageError. None: the type of the default does it.
        toml_types: types that the configuration file may hold; by default they follow from the default value.
        persisted: whether the configuration file may hold the setting.
    """

    group: str
    help: str
    metavar: str | None = None
    short: str | None = None
    limits: tuple[float, float] | None = None
    parse: Callable[[Any], Any] | None = None
    toml_types: tuple[type, ...] = ()
    persisted: bool = True


def setting(group: str, help_text: str, **more: Any) -> dict[str, Setting]:
    """Return dataclass field metadata that holds a `Setting`; `more` are its other attributes."""
    return {"setting": Setting(group, help_text, **more)}


Choice = TypeVar("Choice", bound=Enum)


def parse_choice(setting_name: str, choices: type[Choice], text: str, separator: str = ", ") -> Choice:
    """Return the choice whose value is `text`, in upper or lower case.

    Raises:
        UsageError: there is no such choice.
    """
    try:
        return choices(text.lower())
    except ValueError as error:
        values = separator.join(str(each.value) for each in choices)
        raise UsageError(f"{setting_name} must be {values}, not {text!r}") from error


def parse_fit_mode(name: str) -> FitMode:
    """Return the fit mode called `name`, in upper or lower case.

    Raises:
        UsageError: there is no such fit mode.
    """
    return parse_choice("fit", FitMode, name)


def parse_framing_mode(name: str) -> FramingMode:
    """Return the framing mode called `name`, in upper or lower case.

    Raises:
        UsageError: there is no such framing mode.
    """
    return parse_choice("frame", FramingMode, name, separator=" or ")


def _parse_backgrounds(value: str | list[Any]) -> tuple[str, ...]:
    specs = [value] if isinstance(value, str) else value
    if not all(isinstance(spec, str) for spec in specs):
        raise UsageError(f"background must be text or a list of texts, not {value!r}")
    return tuple(specs)


# fmt: off
@dataclass(frozen=True)
class LiveSettings:
    """Settings of `livecam`, `livecam clip` and `livecam doctor`.

    Raises:
        UsageError: a value is outside its range (see `validate`).
    """

    camera: str = field(default="0", metadata=setting(
        INPUT, "camera number, device file, part of a camera's name, a video, an image, or demo",
        metavar="WHICH", short="-c", parse=str, toml_types=(str, int)))
    size: Size = field(default=Size(1280, 720), metadata=setting(
        INPUT, "frame size to request from the camera", metavar="WxH", parse=Size.parse))
    fps: float = field(default=30.0, metadata=setting(
        INPUT, "frames per second to request from the camera", metavar="N", limits=(1, 240)))
    background: tuple[str, ...] = field(default=("blur",), metadata=setting(
        BACKGROUND, "what replaces the room; repeat the option for several: the keys n and b switch them",
        metavar="WHAT", short="-b", parse=_parse_backgrounds))
    fit: FitMode = field(default=FitMode.COVER, metadata=setting(
        BACKGROUND, "how an image fills the frame: cover, contain or stretch",
        metavar="MODE", parse=parse_fit_mode))
    edge: float = field(default=0.0, metadata=setting(
        BACKGROUND, "move your outline by pixels of a 720p frame: -3 shows less of you, 3 more",
        metavar="PIXELS", limits=(-50, 50)))
    light_wrap: float = field(default=0.0, metadata=setting(
        BACKGROUND, "amount of background light on your edges", metavar="AMOUNT", limits=(0, 1)))
    slide_seconds: float = field(default=10.0, metadata=setting(
        BACKGROUND, "how long each image of a folder is shown", metavar="S", limits=(0.1, 86400)))
    frame: FramingMode = field(default=FramingMode.WHOLE, metadata=setting(
        PICTURE, "what part of the camera's frame is shown: whole, or auto, which follows you",
        metavar="MODE", parse=parse_framing_mode))
    color_match: float = field(default=0.0, metadata=setting(
        PICTURE, "how far your colors and brightness move towards those of the background",
        metavar="AMOUNT", limits=(0, 1)))
    low_light: bool = field(default=False, metadata=setting(
        PICTURE, "brighten dark frames and remove their noise"))
    only_me: bool = field(default=False, metadata=setting(
        PICTURE, "keep only the largest and most central person, and remove all others"))
    model: str = field(default="person", metadata=setting(
        MODEL, "person, person-lite, person-large, a model of your own, or the path of a .tflite file",
        metavar="NAME"))
    threads: int = field(default=2, metadata=setting(
        MODEL, "threads for the network", metavar="N", limits=(1, 64)))
    device: str | None = field(default=None, metadata=setting(
        OUTPUT, "virtual camera by device file or label; an error if it can't be used", metavar="NAME"))
    virtual_camera: bool = field(default=True, metadata=setting(OUTPUT, "use the virtual camera"))
    on_demand: bool = field(default=False, metadata=setting(
        OUTPUT, "open the webcam only while a program reads the virtual camera (Linux)"))
    preview: bool = field(default=False, metadata=setting(OUTPUT, "show a window; its keys: n b m p h q"))
    mirror: bool = field(default=True, metadata=setting(
        OUTPUT, "mirror the preview window; the other outputs are never mirrored"))
    record: str | os.PathLike[str] | None = field(default=None, metadata=setting(
        OUTPUT, "record to .mp4, .webm, .mov, .y4m, or to a folder of PNGs", metavar="FILE", persisted=False))
    overwrite: bool = field(default=False, metadata=setting(
        OUTPUT, "replace an existing recording", persisted=False))
    seconds: float | None = field(default=None, metadata=setting(
        OUTPUT, "stop after this many seconds", metavar="S", limits=(0.01, 1e9), parse=float,
        persisted=False))
    panel: bool = field(default=False, metadata=setting(
        PANEL, "control livecam in a page of this machine's browser (`livecam panel` is the same)"))
    port: int = field(default=0, metadata=setting(
        PANEL, "port of the page, 0 for any free one", metavar="N", limits=(0, 65535)))
    browser: bool = field(default=True, metadata=setting(PANEL, "open the page in the browser"))
    # fmt: on

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """Check every value against its range; reads no file.

        Raises:
            UsageError: a number is outside its range, or `background` is empty.
        """
        for name, info in SETTINGS.items():
            value = getattr(self, name)
            if info.limits is not None and value is not None:
                check_range(name.replace("_", "-"), value, *info.limits)
        if not self.background:
            raise UsageError("background names nothing", "leave it out for blur")

    @property
    def picture(self) -> "PictureSettings":
        """The settings that can change while the pipeline runs."""
        return PictureSettings(**{f.name: getattr(self, f.name) for f in fields(PictureSettings)})

    def resolve(self) -> "LiveSettings":
        """Return a copy in which existing files have absolute paths, for use from another folder.

        Looks files up on disk.
        """
        return replace(
            self,
            camera=_absolute(self.camera),
            background=tuple(_absolute(spec) for spec in self.background),
            model=_absolute(self.model),
        )


@dataclass(frozen=True)
class PictureSettings:
    """Settings of a pipeline that can change from one frame to the next; `LiveSettings` describes each.

    Raises:
        UsageError: a number is outside its range.
    """

    edge: float = 0.0
    light_wrap: float = 0.0
    frame: FramingMode = FramingMode.WHOLE
    color_match: float = 0.0
    low_light: bool = False
    only_me: bool = False

    def __post_init__(self) -> None:
        for each in fields(self):
            limits = SETTINGS[each.name].limits
            if limits is not None:
                check_range(each.name.replace("_", "-"), getattr(self, each.name), *limits)


SETTINGS: dict[str, Setting] = {f.name: f.metadata["setting"] for f in fields(LiveSettings)}
"""Descriptions of all live settings, by field name."""
DEFAULTS: dict[str, Any] = {f.name: f.default for f in fields(LiveSettings)}
PERSISTED_FIELDS = tuple(name for name, info in SETTINGS.items() if info.persisted)
TRANSIENT_FIELDS = tuple(name for name, info in SETTINGS.items() if not info.persisted)


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Check that `value` is a number from `low` to `high`, both inclusive.

    Raises:
        UsageError: it is outside the range, or NaN.
    """
    if not low <= value <= high:
        raise UsageError(f"{name} must be between {low:g} and {high:g}, not {value:g}")


def _absolute(name: str) -> str:
    # Built-in names have neither a suffix nor a path separator, so they are never taken for a file.
    path = expand_user(name)
    return str(path.absolute()) if (path.suffix or len(path.parts) > 1) and path.exists() else name


def check_home(path: Path) -> Path:
    """Return `path` if it is not below `NO_HOME`. Call it before livecam writes there.

    Raises:
        UsageError: the user has no home directory.
    """
    if path.is_relative_to(NO_HOME):
        raise UsageError(
            "there is no home directory to keep this in", f"set HOME, or {DATA_VARIABLE} to a folder"
        )
    return path


def data_dir() -> Path:
    """Return the folder of the user's data: $LIVECAM_DATA, that of the platform, or `NO_HOME`."""
    if value := os.environ.get(DATA_VARIABLE):
        return expand_user(value)
    import platformdirs

    try:
        return Path(platformdirs.user_data_dir("livecam", appauthor=False))
    except RuntimeError:
        return NO_HOME


def config_path() -> Path:
    """Return the path of the configuration file on this platform, or in `NO_HOME`; it may be missing."""
    # Imported here: 36 ms of processor time that a usage error doesn't need.
    import platformdirs

    try:
        return Path(platformdirs.user_config_dir("livecam", appauthor=False)) / "livecam.toml"
    except RuntimeError:
        return NO_HOME / "livecam.toml"


def read_config(path: Path, *, required: bool = False) -> LiveSettings:
    """Read settings from a TOML file; missing keys, or a missing file, give the defaults.

    Args:
        path: the configuration file.
        required: whether a missing file is an error.

    Raises:
        UsageError: the file can't be read, or it has an unknown key or a value of a wrong type or range.
    """
    try:
        content = _read_toml(path)
    except FileNotFoundError as error:
        if required:
            problem = f"there is no configuration file {path}"
            raise UsageError(problem, "write one with --save-config", path=path) from error
        return LiveSettings()
    values = {key.replace("-", "_"): value for key, value in content.items()}
    for key in values:
        if key not in PERSISTED_FIELDS:
            import difflib

            near = difflib.get_close_matches(key, PERSISTED_FIELDS, n=1, cutoff=0.0)[0]
            raise UsageError(f"{path}: there is no setting {key!r}", f"the nearest is {near!r}", path=path)
    try:
        return LiveSettings(**{key: parse_value(key, value) for key, value in values.items()})
    except UsageError as error:
        raise UsageError(f"{path}: {error.problem}", error.hint, path=path) from error


def _read_toml(path: Path) -> dict[str, Any]:
    from livecam.core.fileio import read_text

    try:
        text = read_text(path)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        problem = f"the configuration file {path} can't be read ({error})"
        raise UsageError(problem, "mend or remove it", path=path) from error
    # Imported here: 22 ms of processor time that a run without a configuration file doesn't need.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no TOML: {error}", "mend or remove it", path=path) from error


def parse_value(key: str, value: Any) -> Any:
    """Return the value of a setting from a value of TOML or JSON; its range is not checked.

    Raises:
        UsageError: `value` has a type or a text that the setting cannot have.
    """
    info = SETTINGS[key]
    allowed = info.toml_types or _TOML_TYPES.get(type(DEFAULTS[key]), (str,))
    # bool is a subclass of int in Python.
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        names = " or ".join(dict.fromkeys(_TYPE_NAMES[kind] for kind in allowed))
        raise UsageError(f"{key} must be {names}, not {value!r}")
    return info.parse(value) if info.parse else value


def write_config(settings: LiveSettings, path: Path) -> None:
    """Write the settings that differ from the defaults as TOML; creates the folder.

    Raises:
        FileWriteError: the file can't be written.
    """
    import tomli_w

    from livecam.core.fileio import os_error_reason, write_atomic

    content = {
        name: _to_toml(getattr(settings, name))
        for name in PERSISTED_FIELDS
        if getattr(settings, name) != DEFAULTS[name]
    }
    if path.is_relative_to(NO_HOME):
        raise FileWriteError(
            "there is no home directory for the configuration file", "set HOME or name a file with --config"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, tomli_w.dumps(content).encode())
    except OSError as error:
        problem = f"can't write {path} ({os_error_reason(error)})"
        raise FileWriteError(problem, "name another file with --config", path=path) from error


def _to_toml(value: Any) -> Any:
    if isinstance(value, Size):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    return value.value if isinstance(value, Enum) else value


def json_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as they come back from a JSON file.

    Paths become absolute, enum members become their value, tuples become lists.
    """
    return {name: _json_value(value) for name, value in values.items()}


def _json_value(value: Any) -> Any:
    if isinstance(value, Path):
        return str(expand_user(value).absolute())
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [_json_value(each) for each in value]
    return value


def settings_diff(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return (before, now) by name for each setting whose value changed; a missing setting counts as None."""
    pairs = {name: (before.get(name), now.get(name)) for name in (*now, *before)}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
