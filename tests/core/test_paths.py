import os
from pathlib import Path

import platformdirs
import pytest

from livecam.backgrounds.factory import create_background
from livecam.core.config import LiveSettings, check_home, config_path, data_dir, read_config, write_config
from livecam.core.errors import FileWriteError, UsageError
from livecam.core.paths import NO_HOME, expand_user
from livecam.models.registry import list_user, resolve_model
from livecam.personalization.config import workspace_dir
from livecam.sources.factory import open_source


@pytest.fixture
def without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the user unknown and take $HOME away, as in a container with ``--user 12345``."""
    for name in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "LIVECAM_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)

    def no_folder(*_: object, **__: object) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr(platformdirs, "user_config_dir", no_folder)
    monkeypatch.setattr(platformdirs, "user_data_dir", no_folder)


@pytest.mark.usefixtures("without_home")
def test_path_of_a_user_without_home_stays_as_it_is() -> None:
    assert expand_user("~/a.jpg") == Path("~/a.jpg")
    assert expand_user(Path("b.jpg")) == Path("b.jpg")


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert expand_user("~/a.jpg") == tmp_path / "a.jpg"


@pytest.mark.usefixtures("without_home")
def test_settings_of_a_user_without_home_are_the_defaults() -> None:
    assert read_config(config_path()) == LiveSettings()
    assert data_dir() == NO_HOME
    assert list_user() == []
    assert resolve_model("person").is_file()


@pytest.mark.usefixtures("without_home")
def test_nothing_is_written_for_a_user_without_home() -> None:
    with pytest.raises(FileWriteError, match="set HOME or name a file with --config"):
        write_config(LiveSettings(), config_path())
    for write in (lambda: check_home(data_dir()), lambda: workspace_dir("me")):
        with pytest.raises(UsageError, match="set HOME, or LIVECAM_DATA"):
            write()
    assert not NO_HOME.exists()


@pytest.mark.usefixtures("without_home")
@pytest.mark.parametrize("opener", [create_background, open_source])
def test_missing_file_of_a_user_without_home_is_a_usage_error(opener) -> None:
    with pytest.raises(UsageError):
        opener("~/photo.jpg")
