import numpy as np
import pytest

from livecam.imaging.compositing import alpha_composite, extract_foreground


@pytest.fixture
def frames() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    every = np.arange(256, dtype=np.uint8)
    frame = np.dstack([np.tile(every, (40, 1)), rng.integers(0, 256, (40, 256, 2), dtype=np.uint8)])
    return frame, rng.integers(0, 256, (40, 256, 3), dtype=np.uint8)


@pytest.mark.parametrize("light_wrap", [0.0, 0.7])
def test_a_matte_of_ones_gives_the_frames_bytes(
    frames: tuple[np.ndarray, np.ndarray], light_wrap: float
) -> None:
    frame, backdrop = frames
    ones = np.ones(frame.shape[:2], np.float32)
    assert (alpha_composite(frame, backdrop, ones, light_wrap) == frame).all()


@pytest.mark.parametrize("light_wrap", [0.0, 0.7])
def test_a_matte_of_zeros_gives_the_backdrops_bytes(
    frames: tuple[np.ndarray, np.ndarray], light_wrap: float
) -> None:
    frame, backdrop = frames
    zeros = np.zeros(frame.shape[:2], np.float32)
    assert (alpha_composite(frame, backdrop, zeros, light_wrap) == backdrop).all()


def test_between_it_is_the_blend(frames: tuple[np.ndarray, np.ndarray]) -> None:
    frame, backdrop = frames
    matte = np.random.default_rng(1).random(frame.shape[:2], dtype=np.float32)
    expected = frame * matte[..., None] + backdrop * (1 - matte[..., None])
    assert np.abs(alpha_composite(frame, backdrop, matte) - expected).max() <= 0.51


def test_nothing_is_written_into_the_arguments(frames: tuple[np.ndarray, np.ndarray]) -> None:
    frame, backdrop = frames
    before = frame.copy(), backdrop.copy()
    alpha_composite(frame, backdrop, np.full(frame.shape[:2], 0.5, np.float32), 0.5)
    assert (frame == before[0]).all()
    assert (backdrop == before[1]).all()


def test_light_wrap_brightens_the_edge_before_a_bright_backdrop_only() -> None:
    frame = np.full((90, 160, 3), 60, np.uint8)
    matte = np.zeros((90, 160), np.float32)
    matte[:, :80] = 1
    wrapped = alpha_composite(frame, np.full_like(frame, 255), matte, 0.8)
    dark = alpha_composite(frame, np.zeros_like(frame), matte, 0.8)
    assert wrapped[:, 78].mean() > 70
    assert (wrapped[:, :40] == 60).all()
    assert (dark[:, :80] == 60).all()


def test_a_cutout_holds_nothing_where_nobody_may_see(frames: tuple[np.ndarray, np.ndarray]) -> None:
    frame, _ = frames
    matte = np.zeros(frame.shape[:2], np.float32)
    matte[10:30, 50:200] = 1
    cutout = extract_foreground(frame, matte)
    assert cutout.shape == (40, 256, 4)
    assert not cutout[matte == 0].any()
    assert (cutout[matte == 1][:, :3] == frame[matte == 1]).all()
    assert (cutout[..., 3] == matte * 255).all()


def test_a_soft_edge_of_a_cutout_has_the_subjects_colour_not_the_rooms() -> None:
    matte = np.clip(np.linspace(-12, 13, 200, dtype=np.float32), 0, 1)[None].repeat(180, axis=0)
    red, room = np.array([200, 30, 30]), np.array([0, 0, 250])
    frame = (matte[..., None] * red + (1 - matte[..., None]) * room).round().astype(np.uint8)
    cutout = extract_foreground(frame, matte)
    soft = (matte > 0.3) & (matte < 0.9)
    assert (
        np.abs(cutout[soft][:, :3].astype(int) - red).mean()
        < 0.35 * np.abs(frame[soft].astype(int) - red).mean()
    )


@pytest.mark.parametrize("shape", [(250, 130), (96, 33), (193, 64), (1, 1), (7, 300)])
def test_large_frames_are_blended_as_exactly_as_small_ones(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    frame, backdrop = (rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for _ in range(2))
    down, across = np.mgrid[: shape[0], : shape[1]]
    soft = 1.5 - np.hypot(down / shape[0] - 0.6, across / shape[1] - 0.4) * 5
    matte = np.clip(soft, 0, 1).astype(np.float32)
    shown = alpha_composite(frame, backdrop, matte)
    expected = frame * matte[..., None] + backdrop * (1 - matte[..., None])
    assert np.abs(shown - expected).max() <= 0.51
    assert (shown[matte == 1] == frame[matte == 1]).all()
    assert (shown[matte == 0] == backdrop[matte == 0]).all()


def test_a_backdrop_that_may_not_be_written_to_stays_as_it_is(frames: tuple[np.ndarray, np.ndarray]) -> None:
    frame, backdrop = frames
    backdrop.setflags(write=False)
    shown = alpha_composite(frame, backdrop, np.zeros(frame.shape[:2], np.float32))
    shown[:] = 0
    assert backdrop.any()
