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


def beside_opaque(level: int, color: int, alpha: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a band of `color` and `alpha` between an opaque part of `level` and a hidden part."""
    image = np.zeros((40, 60, 3), np.uint8)
    cover = np.zeros((40, 60), np.uint8)
    image[:, :30], cover[:, :30] = level, 255
    image[:, 30:36], cover[:, 30:36] = color, alpha
    return image, cover


@pytest.mark.parametrize("level", [20, 60, 110])
@pytest.mark.parametrize("alpha", [128, 180])
def test_dark_colors_are_read_by_the_opaque_parts_beside_them(level: int, alpha: int) -> None:
    shown = level * alpha / 255 + 40 * (1 - alpha / 255)
    straight = AlphaFlattener().flatten(*beside_opaque(level, level, alpha))
    premultiplied = AlphaFlattener().flatten(*beside_opaque(level, round(level * alpha / 255), alpha))
    assert straight[20, 33] == pytest.approx(shown, abs=1)
    assert premultiplied[20, 33] == pytest.approx(shown, abs=1)


def test_soft_parts_without_opaque_ones_are_premultiplied_only_if_they_follow_alpha() -> None:
    ramp = np.tile(np.arange(20, 120, dtype=np.uint8), (20, 1))
    follows = np.repeat(ramp[..., None] // 2, 3, axis=2)
    base = 40 * (1 - 119 / 255)
    assert AlphaFlattener().flatten(follows, ramp)[0, 99, 0] == pytest.approx(59 + base, abs=1)
    constant = np.full((20, 100, 3), 20, np.uint8)
    shown = 20 * 119 / 255 + base
    assert AlphaFlattener().flatten(constant, ramp)[0, 99, 0] == pytest.approx(shown, abs=1)
