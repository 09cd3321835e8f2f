"""A small SAM of KerasHub's own classes, trained on drawn shapes by scripts/train_drawn_sam."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from livecam.labelling.sam import Sam

DRAWN_SAM = Path(__file__).parent / "drawn_sam"


@pytest.fixture(scope="session")
def drawn_sam_folder() -> Path:
    """The preset's folder; without KerasHub nobody can load it."""
    pytest.importorskip("keras_hub", reason="KerasHub is missing: pip install 'livecam[label]'")
    return DRAWN_SAM


@pytest.fixture(scope="session")
def drawn_sam(drawn_sam_folder: Path) -> "Sam":
    """Loaded once, the way the real presets are."""
    from livecam.labelling.sam import Sam

    return Sam.load(str(drawn_sam_folder))
