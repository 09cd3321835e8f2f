"""What all tests share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from livecam.datasets.pets import Foreground
from tests.support.disc_data import a_subject, draw_disc, write_pets

if TYPE_CHECKING:
    from livecam.annotation.sam.predictor import SamPredictor


@pytest.fixture(autouse=True)
def own_configuration(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the configuration, or the models, of whoever runs it."""
    folder = tmp_path_factory.mktemp("config")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    monkeypatch.setenv("LIVECAM_DATA", str(folder / "data"))
    monkeypatch.setattr("platformdirs.user_config_dir", lambda *_, **__: str(folder / "livecam"))
    return folder


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Four pictures to train with and two to test with, mattes known."""
    return write_pets(tmp_path / "pets")


@pytest.fixture
def subject() -> Callable[..., Foreground]:
    return a_subject


@pytest.fixture
def disc() -> Callable[..., np.ndarray]:
    return draw_disc


@pytest.fixture(scope="session")
def make_pets() -> Callable[..., Path]:
    return write_pets


DRAWN_SAM = Path(__file__).parent / "support" / "drawn_sam"


@pytest.fixture(scope="session")
def drawn_sam_folder() -> Path:
    """The preset's folder; without KerasHub nobody can load it."""
    pytest.importorskip("keras_hub", reason="KerasHub is missing: pip install 'livecam[label]'")
    return DRAWN_SAM


@pytest.fixture(scope="session")
def drawn_sam(drawn_sam_folder: Path) -> "SamPredictor":
    """Loaded once, the way the real presets are."""
    from livecam.annotation.sam.predictor import SamPredictor

    return SamPredictor.load(str(drawn_sam_folder))
