"""Fixtures that all tests share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from livecam.datasets.pets import Foreground
from tests.support.disc_data import a_foreground, draw_disc, write_pets

if TYPE_CHECKING:
    from livecam.annotation.sam.predictor import SamPredictor


@pytest.fixture(autouse=True)
def own_configuration(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test its own configuration and data folders instead of the user's."""
    folder = tmp_path_factory.mktemp("config")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    monkeypatch.setenv("LIVECAM_DATA", str(folder / "data"))
    monkeypatch.setattr("platformdirs.user_config_dir", lambda *_, **__: str(folder / "livecam"))
    return folder


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Write a Pets data set: four training and two test images, with mattes."""
    return write_pets(tmp_path / "pets")


@pytest.fixture
def make_foreground() -> Callable[..., Foreground]:
    return a_foreground


@pytest.fixture
def disc() -> Callable[..., np.ndarray]:
    return draw_disc


@pytest.fixture(scope="session")
def make_pets() -> Callable[..., Path]:
    return write_pets


DRAWN_SAM = Path(__file__).parent / "support" / "drawn_sam"


@pytest.fixture(scope="session")
def drawn_sam_folder() -> Path:
    """Return the folder of the drawn SAM preset; skip if KerasHub is missing."""
    pytest.importorskip("keras_hub", reason="KerasHub is missing: pip install 'livecam[label]'")
    return DRAWN_SAM


@pytest.fixture(scope="session")
def drawn_sam(drawn_sam_folder: Path) -> "SamPredictor":
    """Load the drawn SAM once, like a real preset."""
    from livecam.annotation.sam.predictor import SamPredictor

    return SamPredictor.load(str(drawn_sam_folder))
