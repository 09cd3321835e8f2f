"""Options generated from `LiveSettings`, and the order of precedence."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from livecam.cli.options import add_setting_groups, add_settings, load_settings
from livecam.cli.parser import ArgumentParser
from livecam.core.config import SETTINGS, LiveSettings, config_path, write_config
from livecam.core.errors import UsageError
from livecam.core.geometry import FitMode, FramingMode, Size


def parse(*argv: str) -> argparse.Namespace:
    """Parse options of all live settings."""
    parser = ArgumentParser("test")
    add_setting_groups(parser, *dict.fromkeys(info.group for info in SETTINGS.values()))
    parser.add_argument("--config", type=Path)
    parser.add_argument("--save-config", action="store_true")
    return parser.parse_args(argv)


def test_every_setting_has_an_option() -> None:
    line = "-c 1 --size 640x480 --fps 25 -b teal -b blur --fit contain --edge -2 --light-wrap 0.5 --preview"
    line += " --slide-seconds 3 --model m --threads 3 --device d --no-virtual-camera --on-demand --no-mirror"
    line += " --frame auto --color-match 0.25 --low-light --only-me"
    line += " --record o.mp4 --overwrite --seconds 2 --panel --port 8123 --no-browser"
    args = parse(*line.split())
    assert set(vars(args)) == set(SETTINGS)
    settings, _ = load_settings(args)
    assert settings == LiveSettings(
        "1", Size(640, 480), 25.0, ("teal", "blur"), FitMode.CONTAIN, -2.0, 0.5, 3.0, FramingMode.AUTO,
        0.25, True, True, "m", 3, "d", False, True, True, False, "o.mp4", True, 2.0, True, 8123, False,
    )  # fmt: skip


def test_options_without_a_value_are_left_out() -> None:
    assert vars(parse()) == {}


def test_help_holds_range_and_default() -> None:
    parser = ArgumentParser("test")
    add_settings(parser, "threads", "mirror", "size", "seconds", "overwrite", seconds="time limit")
    text = " ".join(parser.format_help().split())
    assert "threads for the network (1 to 64; default: 2)" in text
    assert "(default: yes)" in text
    assert "(default: 1280x720)" in text
    assert "--seconds S time limit" in text
    assert "existing recording (" not in text


def test_command_line_overrides_configuration_file() -> None:
    write_config(replace(LiveSettings(), edge=3.0, threads=4), config_path())
    settings, path = load_settings(parse("--edge", "-1"))
    assert (settings.edge, settings.threads, path) == (-1.0, 4, config_path())


def test_named_configuration_file_must_exist(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    with pytest.raises(UsageError, match="--save-config"):
        load_settings(parse("--config", str(path)))
    assert load_settings(parse("--config", str(path), "--save-config")) == (LiveSettings(), path)


def test_wrong_option_is_reported_before_wrong_file(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("nonsense = 1")
    with pytest.raises(UsageError, match="edge must be between"):
        load_settings(parse("--edge", "99", "--config", str(path)))
