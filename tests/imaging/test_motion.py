import cv2
import numpy as np

from livecam.imaging.motion import came_from

RNG = np.random.default_rng(0)
TEXTURE = cv2.resize(
    RNG.integers(0, 255, (36, 64, 3)).astype(np.uint8), (256, 144), interpolation=cv2.INTER_CUBIC
)
LEFT = np.zeros((144, 256), np.bool_)
LEFT[:, :100] = True


def test_mask_follows_content_that_moves() -> None:
    moved = np.roll(TEXTURE, 5, axis=1)
    found = came_from(LEFT, TEXTURE, moved, 30)
    assert found[20:-20, 20:100].mean() > 0.95
    assert found[20:-20, 112:].mean() < 0.02


def test_content_of_another_color_came_from_nowhere() -> None:
    other = TEXTURE.copy()
    other[40:100, 40:90] = (250, 20, 20)
    found = came_from(LEFT, TEXTURE, other, 30)
    assert found[50:90, 50:80].mean() < 0.05
    assert found[110:, :90].mean() > 0.95
