"""Options that several commands share, most of them generated from `livecam.core.config.LiveSettings`."""

import argparse
from enum import Enum
from pathlib import Path
from typing import Any

from livecam.cli.parser import parse_with
from livecam.core.config import DEFAULTS, SETTINGS, LiveSettings, Setting, config_path, read_config
from livecam.core.errors import LivecamError
from livecam.core.native_logs import hide_tensorflow_info


def add_setting_groups(parser: argparse.ArgumentParser, *groups: str) -> None:
    """Add all live settings of the named groups, each group under its own heading."""
    for group in groups:
        section = parser.add_argument_group(group)
        add_settings(section, *(name for name, info in SETTINGS.items() if info.group == group))


def add_settings(container: argparse._ActionsContainer, *names: str, **help_texts: str) -> None:
    """Add one option for each named live setting.

    Args:
        container: a parser or an argument group.
        names: fields of `LiveSettings`.
        help_texts: other help texts, by field name.
    """
    for name in names:
        info = SETTINGS[name]
        flags = [f"--{name.replace('_', '-')}"]
        flags = [info.short, *flags] if info.short else flags
        help_text = f"{help_texts.get(name, info.help)}{_describe_values(info, DEFAULTS[name])}"
        container.add_argument(*flags, dest=name, help=help_text, **_argparse_kwargs(info, DEFAULTS[name]))


def _argparse_kwargs(info: Setting, default: Any) -> dict[str, Any]:
    if isinstance(default, bool):
        return {"action": argparse.BooleanOptionalAction if info.persisted else "store_true"}
    if type(default) is tuple:
        return {"action": "append", "metavar": info.metavar}
    if info.parse is not None:
        return {"type": parse_with(info.parse), "metavar": info.metavar}
    return {"type": type(default) if isinstance(default, (int, float)) else str, "metavar": info.metavar}


def _describe_values(info: Setting, default: Any) -> str:
    """Return range and default in parentheses, as far as there are any."""
    if default is None or (isinstance(default, bool) and not info.persisted):
        return ""
    if isinstance(default, bool):
        text = "yes" if default else "no"
    elif type(default) is tuple:
        text = ", ".join(default)
    elif isinstance(default, Enum):
        text = str(default.value)
    else:
        text = f"{default:g}" if isinstance(default, float) else str(default)
    limits = f"{info.limits[0]:g} to {info.limits[1]:g}; " if info.limits else ""
    return f" ({limits}default: {text})"


def add_config_option(container: argparse._ActionsContainer) -> None:
    """Add ``--config``."""
    container.add_argument("--config", type=Path, metavar="FILE", help="use another configuration file")


def add_json_option(container: argparse._ActionsContainer) -> None:
    """Add ``--json``."""
    container.add_argument("--json", action="store_true", help="print JSON, for scripts")


def add_quiet_option(container: argparse._ActionsContainer) -> None:
    """Add ``--quiet``."""
    container.add_argument("--quiet", action="store_true", help="show no progress bar")


def add_cluster_option(container: argparse._ActionsContainer) -> None:
    """Add ``--cluster``."""
    container.add_argument(
        "--cluster",
        metavar="WHERE",
        help="do the work with Ray: auto (all processors of this machine) or HOST:PORT of a Ray cluster",
    )


def add_debug_option(container: argparse._ActionsContainer) -> None:
    """Add ``--debug``."""
    container.add_argument(
        "--debug", action="store_true", help="show Python's traceback when the command fails"
    )


def load_settings(args: argparse.Namespace) -> tuple[LiveSettings, Path]:
    """Combine defaults, configuration file and command line, in this order of precedence.

    Returns:
        The settings, and the path of the configuration file.

    Raises:
        UsageError: a value can't be used, or the file named by ``--config`` is missing (``--save-config``
            creates it).
    """
    given: dict[str, Any] = {name: value for name, value in vars(args).items() if name in SETTINGS}
    if "background" in given:
        given["background"] = tuple(given["background"])
    # Checked before the configuration file is searched and read, so that a usage error is fast.
    LiveSettings(**given)
    named: Path | None = getattr(args, "config", None)
    path = named or config_path()
    saving = getattr(args, "save_config", False)
    stored = read_config(path, required=named is not None and not saving)
    return LiveSettings(**{name: getattr(stored, name) for name in SETTINGS} | given), path


def require_keras() -> None:
    """Check that Keras can be imported, before any data is read.

    Raises:
        LivecamError: Keras or its backend is missing.
    """
    try:
        with hide_tensorflow_info():
            import keras  # noqa: F401
    except ImportError as error:
        extra = "jax" if error.name in ("jax", "jaxlib") else "train"
        raise LivecamError(
            f"training needs more packages ({error.name}): pip install 'livecam[{extra}]'"
        ) from error
