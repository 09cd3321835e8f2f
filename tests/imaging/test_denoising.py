import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from livecam.imaging.denoising import average, denoise, estimate_noise

PHOTO = astronaut()
GRAY = cv2.cvtColor(PHOTO, cv2.COLOR_RGB2GRAY)


def noisy(image: np.ndarray, deviation: float, grain: int = 1) -> np.ndarray:
    shape = tuple(-(-side // grain) for side in image.shape[:2]) + image.shape[2:]
    noise = np.random.default_rng(5).normal(0, deviation, shape)
    noise = noise.repeat(grain, 0).repeat(grain, 1)[: image.shape[0], : image.shape[1]]
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("grain", [1, 2])
@pytest.mark.parametrize("deviation", [4.0, 8.0, 16.0])
def test_noise_is_estimated_on_a_flat_and_on_a_rich_image(deviation: float, grain: int) -> None:
    flat = np.full((128, 128), 128, np.uint8)
    assert estimate_noise(noisy(flat, deviation, grain)) == pytest.approx(deviation, rel=0.15, abs=0.5)
    assert estimate_noise(noisy(GRAY, deviation, grain)) == pytest.approx(deviation, rel=0.35, abs=1.5)


def test_image_without_noise_has_hardly_any() -> None:
    assert estimate_noise(np.full((64, 64), 90, np.uint8)) == 0
    assert estimate_noise(np.zeros((2, 2), np.uint8)) == 0


def test_flat_noise_goes_and_a_step_stays() -> None:
    step = np.full((120, 160, 3), 60, np.uint8)
    step[:, 80:] = 160
    result = denoise(noisy(step, 8), 16)
    assert result.dtype == np.uint8
    assert np.abs(result[:, 90:].astype(int) - 160).mean() < 3
    luma = result.mean(axis=2).mean(axis=0)
    assert luma[77] < 75
    assert luma[83] > 145


@pytest.mark.parametrize("size", [(120, 160), (121, 161), (2, 2), (1, 1), (3, 40)])
def test_denoise_takes_every_size_and_keeps_a_flat_color(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), (30, 90, 200), np.uint8)
    before = image.copy()
    assert np.abs(denoise(image, 5).astype(int) - image).max() <= 2
    assert (image == before).all()


def test_photograph_comes_nearer_to_the_clean_one() -> None:
    dirty = noisy(PHOTO, 14)
    before, after = (np.abs(image.astype(int) - PHOTO).mean() for image in (dirty, denoise(dirty, 20)))
    assert after < 0.75 * before


def test_average_takes_more_noise_from_colors_than_from_light() -> None:
    rng = np.random.default_rng(4)
    noise = np.clip(rng.normal(128, 24, (160, 160, 3)), 0, 255).astype(np.uint8)

    def deviations(image: np.ndarray) -> list[float]:
        planes = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
        return [float(each[40:-40, 40:-40].std()) for each in planes]

    luma, *chroma = deviations(average(noise, 5, 31))
    # Of the noise's luma, 24 × 0.67, a fifth is left, and rounding; of its colors one part in 31.
    assert 2 < luma < 5
    assert max(chroma) < 1.2
    assert min(deviations(average(noise, 5, 5))[1:]) > 2 * max(chroma)


def test_average_keeps_the_place_of_an_edge_of_light() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, 32:] = 200
    averaged = average(image, 5, 31)
    assert (averaged[:, :30] <= 1).all()
    assert (averaged[:, 34:] >= 199).all()
    assert (image[:, :32] == 0).all()
