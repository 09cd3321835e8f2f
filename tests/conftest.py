"""What all tests share."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def own_configuration(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the configuration, or the models, of whoever runs it."""
    folder = tmp_path_factory.mktemp("config")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    monkeypatch.setenv("LIVECAM_DATA", str(folder / "data"))
    monkeypatch.setattr(
        "livecam.settings.platformdirs.user_config_dir", lambda *_, **__: str(folder / "livecam")
    )
    return folder
