import cv2
import numpy as np
import pytest

from livecam.imaging.compositing import alpha_composite, estimate_foreground_color
from livecam.imaging.foreground import composite_foreground

OLD, NEW = (30, 60, 240), (250, 240, 60)


def random_frames(shape: tuple[int, int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame, background = (rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for _ in range(2))
    return frame, background


def soft_disc(height: int, width: int, softness: float) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(rows - height * 0.6, columns - width * 0.5)
    return np.clip((height * 0.3 - distance) / softness + 0.5, 0, 1).astype(np.float32)


@pytest.mark.parametrize("light_wrap", [0.0, 0.7])
def test_matte_of_ones_gives_the_frame(light_wrap: float) -> None:
    frame, background = random_frames((40, 256))
    ones = np.ones((40, 256), np.float32)
    assert (composite_foreground(frame, background, ones, light_wrap) == frame).all()


@pytest.mark.parametrize("light_wrap", [0.0, 0.7])
def test_matte_of_zeros_gives_the_background(light_wrap: float) -> None:
    frame, background = random_frames((40, 256))
    zeros = np.zeros((40, 256), np.float32)
    assert (composite_foreground(frame, background, zeros, light_wrap) == background).all()


@pytest.mark.parametrize("shape", [(720, 1280), (250, 130), (96, 33), (193, 64), (7, 300), (2, 2), (1, 1)])
def test_certain_pixels_keep_their_bytes_in_any_shape(shape: tuple[int, int]) -> None:
    frame, background = random_frames(shape)
    matte = soft_disc(*shape, softness=max(2.0, shape[0] / 20))
    composite = composite_foreground(frame, background, matte)
    assert composite.shape == frame.shape
    assert (composite[matte == 1] == frame[matte == 1]).all()
    assert (composite[matte == 0] == background[matte == 0]).all()


@pytest.mark.parametrize("size", [(360, 640), (720, 1280)])
def test_soft_edge_shows_less_of_the_old_background_than_a_blend(size: tuple[int, int]) -> None:
    matte = soft_disc(*size, softness=size[0] / 30)
    alpha = matte[..., None]
    person, old, new = (np.full((*size, 3), color, np.float32) for color in ((200, 30, 30), OLD, NEW))
    frame = np.rint(person * alpha + old * (1 - alpha)).astype(np.uint8)
    background, exact = new.astype(np.uint8), person * alpha + new * (1 - alpha)
    soft = (matte > 0.05) & (matte < 0.95)

    errors = [
        np.abs(composite(frame, background, matte)[soft] - exact[soft]).mean()
        for composite in (composite_foreground, alpha_composite)
    ]

    assert errors[0] < 0.4 * errors[1]


def test_region_of_half_certainty_is_blended_as_usual() -> None:
    rng = np.random.default_rng(2)
    frame = rng.integers(100, 110, (200, 300, 3), dtype=np.uint8)
    background = np.zeros_like(frame)
    half = np.full((200, 300), 0.5, np.float32)
    difference = composite_foreground(frame, background, half).astype(int) - alpha_composite(
        frame, background, half
    )
    assert np.abs(difference).max() <= 4


def composite_in_floats(
    frame: np.ndarray, background: np.ndarray, matte: np.ndarray, tile: int, radius: int
) -> np.ndarray:
    """Composite whole tiles with the same estimate, without tiles that are left out and without integers."""
    alpha = np.rint(matte * 255).astype(np.float32) / 255
    samples = cv2.blur(np.ascontiguousarray(frame[::tile, ::tile]), (3, 3)).astype(np.float32)
    means = []
    for certainty in (alpha[::tile, ::tile] ** 4, (1 - alpha[::tile, ::tile]) ** 4):
        weighted = np.dstack([samples * certainty[..., None], certainty])
        near, far = (cv2.blur(weighted, (2 * r + 1, 2 * r + 1)) for r in (radius, 4 * radius))
        total = near + 1e-3 * far
        mean = total[..., :3] / (total[..., 3:] + 1e-6)
        means.append(np.repeat(np.repeat(mean, tile, axis=0), tile, axis=1))
    alpha = alpha[..., None]
    color = np.clip(estimate_foreground_color(frame.astype(np.float32), alpha, *means), 0, 255)
    return color * alpha + background * (1 - alpha)


@pytest.mark.parametrize(
    ("shape", "tile", "radius"), [((480, 640), 5, 2), ((720, 1280), 8, 2), ((170, 250), 1, 3)]
)
@pytest.mark.parametrize("softness", [4.0, 40.0])
def test_random_mattes_give_what_the_formula_gives_in_floats(
    shape: tuple[int, int], tile: int, radius: int, softness: float
) -> None:
    rng = np.random.default_rng(int(softness) + shape[0])
    image, background = random_frames(shape, seed=shape[1])
    frame = cv2.GaussianBlur(image, (0, 0), 4)
    noise = cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), shape[0] / 20)
    matte = np.clip(noise / noise.std() * shape[0] / (10 * softness) + 0.5, 0, 1).astype(np.float32)
    soft = (matte > 0) & (matte < 1)
    assert 0.01 < soft.mean() < 0.95

    expected = composite_in_floats(frame, background, matte, tile, radius)
    difference = np.abs(composite_foreground(frame, background, matte) - expected)

    # Rounding twice; more only where no color near a pixel is certain and those farther away decide.
    assert np.quantile(difference[soft], 0.99) < 1
    assert difference.max() < 10
    assert difference[~soft].max() == 0


def test_arguments_are_not_written() -> None:
    frame, background = random_frames((60, 80))
    matte = soft_disc(60, 80, 8.0)
    arguments = (frame, background, matte)
    before = [argument.copy() for argument in arguments]
    for argument in arguments:
        argument.setflags(write=False)
    composite = composite_foreground(*arguments)
    composite[:] = 0
    assert all((argument == copy).all() for argument, copy in zip(arguments, before, strict=True))


def test_frame_that_is_a_view_gives_the_same() -> None:
    frame, background = random_frames((120, 160))
    matte = soft_disc(120, 160, 12.0)
    wide = np.zeros((120, 200, 3), np.uint8)
    wide[:, 20:180] = frame
    expected = composite_foreground(frame, background, matte)
    assert (composite_foreground(wide[:, 20:180], background, matte) == expected).all()
