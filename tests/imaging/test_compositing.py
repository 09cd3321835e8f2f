import numpy as np
import pytest

from livecam.imaging.compositing import alpha_composite, extract_foreground


@pytest.fixture
def frames() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    levels = np.arange(256, dtype=np.uint8)
    frame = np.dstack([np.tile(levels, (40, 1)), rng.integers(0, 256, (40, 256, 2), dtype=np.uint8)])
    return frame, rng.integers(0, 256, (40, 256, 3), dtype=np.uint8)


@pytest.mark.parametrize("light_wrap", [0.0, 0.7])
def test_composite_with_matte_one_is_the_frame(
    frames: tuple[np.ndarray, np.ndarray], light_wrap: float
) -> None:
    frame, background = frames
    ones = np.ones(frame.shape[:2], np.float32)
    assert (alpha_composite(frame, background, ones, light_wrap) == frame).all()


@pytest.mark.parametrize("light_wrap", [0.0, 0.7])
def test_composite_with_matte_zero_is_the_background(
    frames: tuple[np.ndarray, np.ndarray], light_wrap: float
) -> None:
    frame, background = frames
    zeros = np.zeros(frame.shape[:2], np.float32)
    assert (alpha_composite(frame, background, zeros, light_wrap) == background).all()


def test_composite_with_soft_matte_is_the_blend(frames: tuple[np.ndarray, np.ndarray]) -> None:
    frame, background = frames
    matte = np.random.default_rng(1).random(frame.shape[:2], dtype=np.float32)
    expected = frame * matte[..., None] + background * (1 - matte[..., None])
    assert np.abs(alpha_composite(frame, background, matte) - expected).max() <= 0.51


def test_composite_does_not_write_to_arguments(frames: tuple[np.ndarray, np.ndarray]) -> None:
    frame, background = frames
    before = frame.copy(), background.copy()
    alpha_composite(frame, background, np.full(frame.shape[:2], 0.5, np.float32), 0.5)
    assert (frame == before[0]).all()
    assert (background == before[1]).all()


def test_light_wrap_brightens_edges_before_bright_background() -> None:
    frame = np.full((90, 160, 3), 60, np.uint8)
    matte = np.zeros((90, 160), np.float32)
    matte[:, :80] = 1
    wrapped = alpha_composite(frame, np.full_like(frame, 255), matte, 0.8)
    dark = alpha_composite(frame, np.zeros_like(frame), matte, 0.8)
    assert wrapped[:, 78].mean() > 70
    assert (wrapped[:, :40] == 60).all()
    assert (dark[:, :80] == 60).all()


def test_foreground_with_alpha_zero_is_all_zero(frames: tuple[np.ndarray, np.ndarray]) -> None:
    frame, _ = frames
    matte = np.zeros(frame.shape[:2], np.float32)
    matte[10:30, 50:200] = 1
    foreground = extract_foreground(frame, matte)
    assert foreground.shape == (40, 256, 4)
    assert not foreground[matte == 0].any()
    assert (foreground[matte == 1][:, :3] == frame[matte == 1]).all()
    assert (foreground[..., 3] == matte * 255).all()


def test_foreground_soft_edge_has_no_background_color() -> None:
    matte = np.clip(np.linspace(-12, 13, 200, dtype=np.float32), 0, 1)[None].repeat(180, axis=0)
    red, background = np.array([200, 30, 30]), np.array([0, 0, 250])
    frame = (matte[..., None] * red + (1 - matte[..., None]) * background).round().astype(np.uint8)
    foreground = extract_foreground(frame, matte)
    soft = (matte > 0.3) & (matte < 0.9)
    assert (
        np.abs(foreground[soft][:, :3].astype(int) - red).mean()
        < 0.35 * np.abs(frame[soft].astype(int) - red).mean()
    )


@pytest.mark.parametrize("shape", [(250, 130), (96, 33), (193, 64), (1, 1), (7, 300)])
def test_composite_is_exact_for_any_shape(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    frame, background = (rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for _ in range(2))
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    soft = 1.5 - np.hypot(rows / shape[0] - 0.6, columns / shape[1] - 0.4) * 5
    matte = np.clip(soft, 0, 1).astype(np.float32)
    result = alpha_composite(frame, background, matte)
    expected = frame * matte[..., None] + background * (1 - matte[..., None])
    assert np.abs(result - expected).max() <= 0.51
    assert (result[matte == 1] == frame[matte == 1]).all()
    assert (result[matte == 0] == background[matte == 0]).all()


def test_composite_result_is_no_view_of_the_background(frames: tuple[np.ndarray, np.ndarray]) -> None:
    frame, background = frames
    background.setflags(write=False)
    result = alpha_composite(frame, background, np.zeros(frame.shape[:2], np.float32))
    result[:] = 0
    assert background.any()
