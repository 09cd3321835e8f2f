from dataclasses import fields, replace
from pathlib import Path

import pytest

from livecam.core.config import (
    PERSISTED_FIELDS,
    TRANSIENT_FIELDS,
    LiveSettings,
    config_path,
    parse_fit_mode,
    read_config,
    write_config,
)
from livecam.core.errors import FileWriteError, UsageError
from livecam.core.geometry import Size
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
    device="livecam",
    virtual_camera=False,
    on_demand=True,
    preview=True,
    mirror=False,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "livecam.toml"


@pytest.mark.parametrize("settings", [LiveSettings(), CHANGED, LiveSettings(background=("teal",))])
def test_what_is_kept_is_read_again(path: Path, settings: LiveSettings) -> None:
    write_config(settings, path)
    assert read_config(path) == settings


def test_the_example_changes_every_setting_that_is_kept() -> None:
    assert all(getattr(CHANGED, name) != getattr(LiveSettings(), name) for name in PERSISTED_FIELDS)
    assert {*PERSISTED_FIELDS, *TRANSIENT_FIELDS} == {field.name for field in fields(LiveSettings)}


def test_what_belongs_to_one_run_only_is_not_kept(path: Path) -> None:
    write_config(LiveSettings(record=Path("o.mp4"), overwrite=True, seconds=3.0), path)
    assert read_config(path) == LiveSettings()


def test_only_what_differs_from_the_usual_is_written(path: Path) -> None:
    write_config(LiveSettings(edge=3.0), path)
    assert path.read_text() == "edge = 3.0\n"


def test_without_a_file_all_is_as_usual(path: Path) -> None:
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
    ],
)
def test_a_hand_may_write_it_as_it_likes(tmp_path: Path, content: str, expected: LiveSettings) -> None:
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
        ("fps = nan", "between 1 and 240"),
        ("size = 1280", "size must be text"),
        ("= 1", "no TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_one_line(tmp_path: Path, content: str, part: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(content)
    with pytest.raises(UsageError, match=part) as caught:
        read_config(path)
    assert str(path) in str(caught.value)


def test_a_folder_or_another_encoding_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        read_config(tmp_path)
    (tmp_path / "a.toml").write_bytes(b"model = '\xff'")
    with pytest.raises(UsageError, match="can't be read"):
        read_config(tmp_path / "a.toml")


def test_where_nothing_can_be_written_another_file_is_advised(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileWriteError, match="--config"):
        write_config(LiveSettings(), tmp_path / "file" / "livecam.toml")


@pytest.mark.parametrize("name", ["fps", "threads", "edge", "light_wrap", "slide_seconds", "seconds"])
@pytest.mark.parametrize("value", [1e12, -1e12, float("nan")])
def test_no_number_may_be_beyond_all_bounds(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=name.replace("_", "-")):
        replace(LiveSettings(), **{name: value})


def test_every_fit_is_known_by_its_name() -> None:
    assert [parse_fit_mode(fit.value.upper()) for fit in FitMode] == list(FitMode)


def test_the_usual_file_is_where_the_tests_have_it(own_configuration: Path) -> None:
    assert own_configuration in config_path().parents
