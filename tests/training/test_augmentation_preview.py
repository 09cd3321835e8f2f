from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.core.geometry import Size
from livecam.imaging.image_io import read_image
from livecam.training.augmentation_preview import ARTIFACTS, KINDS, LIGHTING, write_augmentation_preview
from livecam.training.data.scene_sampler import AssetPool

pytestmark = pytest.mark.training


def test_every_kind_light_and_fault_has_its_cell_and_no_two_look_the_same(
    make_foreground: Callable[..., object], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    rooms = [rng.integers(0, 255, (60, 90, 3), np.uint8) for _ in range(3)]

    write_augmentation_preview(
        AssetPool([make_foreground()], rooms, rooms), Size(96, 64), tmp_path / "sheet.png"
    )

    sheet = read_image(tmp_path / "sheet.png", longest=4000).image
    cells = sheet.reshape(-1, 64, 4, 96, 3).swapaxes(1, 2).reshape(-1, 64, 96, 3)
    drawn = 4 * len(KINDS) + 4 + len(LIGHTING) + len(ARTIFACTS) + 1
    # Only the images, without the names above them.
    assert len({cell[15:].tobytes() for cell in cells[:drawn]}) == drawn
    assert not cells[drawn:].any()
