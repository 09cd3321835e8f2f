import numpy as np
import pytest

from livecam.imaging.alpha import AlphaFlattener, flatten_alpha


def test_flatten_alpha_blends_with_dark_gray() -> None:
    image = np.full((2, 2, 3), 200, np.uint8)
    alpha = np.float32([[0.0, 1.0], [0.5, 1.0]])
    assert flatten_alpha(image, alpha)[..., 0].tolist() == [[40, 200], [120, 200]]
    assert flatten_alpha(image, None) is image


COLOR = (200, 120, 60)


def soft_edge(*, is_premultiplied: bool, hidden: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw one color with an alpha that rises from 0 to 255; `hidden` is the level where alpha is 0."""
    alpha = np.tile(np.repeat(np.arange(256, dtype=np.uint8), 2), (8, 1))
    image = np.empty((*alpha.shape, 3), np.uint8)
    image[:] = COLOR
    if is_premultiplied:
        image = np.rint(image * (alpha[..., None] / 255)).astype(np.uint8)
    image[alpha == 0] = hidden
    return image, alpha


@pytest.mark.parametrize("is_premultiplied", [False, True])
def test_flattener_gives_the_same_for_straight_and_premultiplied_colors(is_premultiplied: bool) -> None:
    image, alpha = soft_edge(is_premultiplied=is_premultiplied)
    flat = AlphaFlattener().flatten(image, alpha)
    weight = alpha[..., None] / 255.0
    expected = np.array(COLOR) * weight + 40 * (1 - weight)
    assert np.abs(flat - expected).max() <= 1.5


def test_flattener_hides_the_colors_under_transparent_pixels() -> None:
    image, alpha = soft_edge(is_premultiplied=False, hidden=250)
    assert (AlphaFlattener().flatten(image, alpha)[alpha == 0] == 40).all()


def test_flattener_that_has_seen_straight_colors_stays_with_them() -> None:
    flattener = AlphaFlattener()
    flattener.flatten(*soft_edge(is_premultiplied=False))
    dark = np.full((4, 16, 3), 30, np.uint8)
    assert flattener.flatten(dark, np.full((4, 16), 128, np.uint8))[0, 0, 0] == 35


def test_flattener_returns_opaque_frames_as_they_are() -> None:
    image, alpha = soft_edge(is_premultiplied=False)
    assert np.array_equal(AlphaFlattener().flatten(image, np.full_like(alpha, 255)), image)
