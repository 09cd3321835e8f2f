from dataclasses import fields, replace
from pathlib import Path

import pytest

from livecam.core.config import (
    DEFAULTS,
    PERSISTED_FIELDS,
    SETTINGS,
    TRANSIENT_FIELDS,
    LiveSettings,
    PictureSettings,
    config_path,
    parse_fit_mode,
    parse_framing_mode,
    read_config,
    write_config,
)
from livecam.core.errors import FileWriteError, UsageError
from livecam.core.geometry import FramingMode, Size
from livecam.imaging.fit import FitMode

CHANGED = LiveSettings(
    camera="demo",
    size=Size(640, 480),
    fps=25.0,
    background=("beach.jpg", "blur:40", 'a "quoted" \\ name'),
    fit=FitMode.CONTAIN,
    slide_seconds=3.5,
    model="mine.tflite",
    threads=4,
    edge=-2.5,
    light_wrap=0.25,
    frame=FramingMode.AUTO,
    color_match=0.5,
    low_light=True,
    only_me=True,
    device="livecam",
    virtual_camera=False,
    on_demand=True,
    preview=True,
    mirror=False,
    panel=True,
    port=8123,
    browser=False,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "livecam.toml"


@pytest.mark.parametrize("settings", [LiveSettings(), CHANGED, LiveSettings(background=("teal",))])
def test_config_roundtrip_is_lossless(path: Path, settings: LiveSettings) -> None:
    write_config(settings, path)
    assert read_config(path) == settings


def test_example_changes_every_persisted_field() -> None:
    assert all(getattr(CHANGED, name) != getattr(LiveSettings(), name) for name in PERSISTED_FIELDS)
    assert {*PERSISTED_FIELDS, *TRANSIENT_FIELDS} == {field.name for field in fields(LiveSettings)}


def test_write_config_leaves_out_transient_fields(path: Path) -> None:
    write_config(LiveSettings(record=Path("o.mp4"), overwrite=True, seconds=3.0), path)
    assert read_config(path) == LiveSettings()


def test_write_config_leaves_out_defaults(path: Path) -> None:
    write_config(LiveSettings(edge=3.0), path)
    assert path.read_text() == "edge = 3.0\n"


def test_read_config_without_file_gives_defaults(path: Path) -> None:
    assert read_config(path) == LiveSettings()
    with pytest.raises(UsageError, match="--save-config"):
        read_config(path, required=True)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("camera = 2", LiveSettings(camera="2")),
        ("edge = -3", LiveSettings(edge=-3)),
        ("light-wrap = 0.5", LiveSettings(light_wrap=0.5)),
        ('background = "teal"', LiveSettings(background=("teal",))),
        ('fit = "Stretch"', LiveSettings(fit=FitMode.STRETCH)),
        ('frame = "Auto"', LiveSettings(frame=FramingMode.AUTO)),
    ],
)
def test_read_config_accepts_equivalent_values(tmp_path: Path, content: str, expected: LiveSettings) -> None:
    path = tmp_path / "a.toml"
    path.write_text(content)
    assert read_config(path) == expected


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("[edge]", "edge must be a number"),
        ("edge = true", "edge must be a number"),
        ("camera = false", "camera must be text or a number"),
        ("[camera]\nname = 1", "camera must be text or a number"),
        ("threads = 2.5", "threads must be a number"),
        ('virtual_camera = "yes"', "true or false"),
        ("nonsense = 1", "nearest"),
        ('fit = "tile"', "cover"),
        ('frame = "half"', "whole or auto"),
        ("fps = nan", "between 1 and 240"),
        ("size = 1280", "size must be text"),
        ("= 1", "no TOML"),
    ],
)
def test_read_config_error_names_file_and_key(tmp_path: Path, content: str, part: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(content)
    with pytest.raises(UsageError, match=part) as caught:
        read_config(path)
    assert str(path) in str(caught.value)


def test_read_config_unreadable_file_is_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        read_config(tmp_path)
    (tmp_path / "a.toml").write_bytes(b"model = '\xff'")
    with pytest.raises(UsageError, match="can't be read"):
        read_config(tmp_path / "a.toml")


def test_write_config_failure_suggests_another_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileWriteError, match="--config"):
        write_config(LiveSettings(), tmp_path / "file" / "livecam.toml")


@pytest.mark.parametrize(
    "name", ["fps", "threads", "edge", "light_wrap", "color_match", "slide_seconds", "seconds"]
)
@pytest.mark.parametrize("value", [1e12, -1e12, float("nan")])
def test_validate_rejects_numbers_out_of_range(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=name.replace("_", "-")):
        replace(LiveSettings(), **{name: value})


def test_parse_fit_mode_accepts_every_name() -> None:
    assert [parse_fit_mode(fit.value.upper()) for fit in FitMode] == list(FitMode)


def test_parse_framing_mode_accepts_every_name() -> None:
    assert [parse_framing_mode(mode.value.upper()) for mode in FramingMode] == list(FramingMode)


def test_picture_holds_the_values_of_the_settings() -> None:
    picture = CHANGED.picture
    assert picture != LiveSettings().picture == PictureSettings()
    assert all(getattr(picture, f.name) == getattr(CHANGED, f.name) for f in fields(PictureSettings))


@pytest.mark.parametrize("name", [f.name for f in fields(PictureSettings) if SETTINGS[f.name].limits])
@pytest.mark.parametrize("value", [1e12, -1e12, float("nan")])
def test_picture_rejects_numbers_out_of_range(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=name.replace("_", "-")):
        replace(PictureSettings(), **{name: value})


def test_config_path_is_isolated_in_tests(own_configuration: Path) -> None:
    assert own_configuration in config_path().parents


@pytest.mark.parametrize("name", SETTINGS)
def test_setting_has_help_and_default_in_range(name: str) -> None:
    info, default = SETTINGS[name], DEFAULTS[name]
    assert info.help
    assert info.help[0].islower()
    assert not info.help.endswith(".")
    assert getattr(LiveSettings(), name) == default
    if info.limits and default is not None:
        assert info.limits[0] <= default <= info.limits[1]


def test_resolve_makes_existing_files_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("beach.jpg").touch()
    settings = LiveSettings(camera="demo", background=("beach.jpg", "blur", "none.jpg")).resolve()
    assert settings.background == (str(tmp_path / "beach.jpg"), "blur", "none.jpg")
    assert (settings.camera, settings.model) == ("demo", "person")


def test_config_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('background = "teal"\n', encoding="utf-8-sig")
    assert read_config(tmp_path / "a.toml").background == ("teal",)


def test_config_in_utf16_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('background = "teal"\n', encoding="utf-16")
    with pytest.raises(UsageError, match="it is UTF-16 text; save it as UTF-8"):
        read_config(tmp_path / "a.toml")
