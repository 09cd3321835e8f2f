import numpy as np
from skimage.data import astronaut

from livecam.matting.scene_cut import SceneCutDetector


def test_is_cut_for_other_scene_but_not_for_motion() -> None:
    detector, rng, image = SceneCutDetector(), np.random.default_rng(0), astronaut()
    for shift in range(8):
        noisy = np.clip(np.roll(image, 4 * shift, axis=1) + rng.normal(0, 8, image.shape), 0, 255).astype(
            np.uint8
        )
        assert not detector.is_cut(noisy)
    assert detector.is_cut(255 - image)
    assert not detector.is_cut(255 - image)


def test_is_cut_for_other_size_but_not_after_reset() -> None:
    detector = SceneCutDetector()
    assert not detector.is_cut(np.zeros((480, 640, 3), np.uint8))
    assert detector.is_cut(np.zeros((720, 1280, 3), np.uint8))
    detector.reset()
    assert not detector.is_cut(np.full((480, 640, 3), 255, np.uint8))
