import numpy as np
from skimage.data import astronaut

from livecam.matting.scene_cut import SceneCutDetector


def test_a_moving_picture_with_noise_is_no_cut_and_another_one_is() -> None:
    cuts, rng, picture = SceneCutDetector(), np.random.default_rng(0), astronaut()
    for shift in range(8):
        noisy = np.clip(np.roll(picture, 4 * shift, axis=1) + rng.normal(0, 8, picture.shape), 0, 255).astype(
            np.uint8
        )
        assert not cuts.is_cut(noisy)
    assert cuts.is_cut(255 - picture)
    assert not cuts.is_cut(255 - picture)


def test_another_size_is_a_cut_and_after_a_reset_nothing_is() -> None:
    cuts = SceneCutDetector()
    assert not cuts.is_cut(np.zeros((480, 640, 3), np.uint8))
    assert cuts.is_cut(np.zeros((720, 1280, 3), np.uint8))
    cuts.reset()
    assert not cuts.is_cut(np.full((480, 640, 3), 255, np.uint8))
