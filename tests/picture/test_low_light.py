import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from livecam.core.types import Frame
from livecam.picture.low_light import LowLightFilter, LowLightSettings, gain_for, tone_curve

BRIGHT: Frame = cv2.resize(astronaut(), (320, 180), interpolation=cv2.INTER_AREA)
SETTINGS = LowLightSettings()


def dark(factor: float = 0.2, noise: float = 4.0, seed: int = 1, bright: Frame = BRIGHT) -> Frame:
    """Return the photograph in the dark, with new noise for each seed."""
    noisy = bright * factor + np.random.default_rng(seed).normal(0, noise, bright.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def shown(low_light: LowLightFilter, frame: Frame, now: float = 0.0) -> Frame:
    return low_light.denoise(low_light.brighten(frame, now))


def test_bright_frame_is_returned_as_it_is() -> None:
    low_light = LowLightFilter()
    assert low_light.brighten(BRIGHT, 0.0) is BRIGHT
    assert low_light.smooth(BRIGHT) is BRIGHT
    assert low_light.denoise(BRIGHT) is BRIGHT
    assert (low_light.gain, low_light.noise) == (1.0, 0.0)


def test_lit_face_in_front_of_a_black_wall_is_not_brightened() -> None:
    frame = np.zeros_like(BRIGHT)
    frame[30:110, 120:200] = (210, 190, 175)
    assert LowLightFilter().brighten(frame, 0.0) is frame


@pytest.mark.parametrize("factor", [0.1, 0.2, 0.3])
def test_dark_frame_reaches_the_goal_and_is_not_written_to(factor: float) -> None:
    frame = dark(factor, noise=0)
    before = frame.copy()
    result = shown(LowLightFilter(), frame)
    assert (frame == before).all()
    assert result.shape == frame.shape
    if gain_for(frame, SETTINGS) < SETTINGS.max_gain:
        assert result.mean() / 255 == pytest.approx(SETTINGS.goal, abs=0.1)
    assert result.mean() > 1.5 * frame.mean()


def test_black_frame_has_the_largest_gain_and_stays_black() -> None:
    frame = np.zeros_like(BRIGHT)
    low_light = LowLightFilter()
    assert not shown(low_light, frame).any()
    assert low_light.gain == pytest.approx(SETTINGS.max_gain)


@pytest.mark.parametrize("gain", [1.0, 2.0, 6.0])
def test_tone_curve_rises_and_keeps_black_and_white(gain: float) -> None:
    curve = tone_curve(gain).astype(int)
    assert (curve[0], curve[255]) == (0, 255)
    assert (np.diff(curve) >= 0).all()
    assert curve[2] == pytest.approx(2 * gain, abs=1)


def test_noise_is_removed_and_edges_stay() -> None:
    low_light, clean = LowLightFilter(), dark(noise=0, bright=astronaut())
    brightened = low_light.brighten(dark(bright=astronaut()), 0.0)
    denoised = low_light.denoise(brightened)
    clean = tone_curve(low_light.gain)[clean]
    # In black, noise below zero is cut off, which no filter can undo.
    light = clean.min(axis=2) > 60
    before, after = (np.abs(image.astype(int) - clean)[light].mean() for image in (brightened, denoised))
    assert after < 0.75 * before
    edges = cv2.Canny(clean, 200, 300) > 0
    strength = [
        np.abs(cv2.Laplacian(image, cv2.CV_32F)).mean(axis=2)[edges].mean() for image in (denoised, clean)
    ]
    assert strength[0] > 0.5 * strength[1]


def test_colors_for_the_matte_are_smoothed_most() -> None:
    low_light = LowLightFilter()
    brightened = low_light.brighten(dark(), 0.0)
    planes = cv2.split(cv2.cvtColor(low_light.smooth(brightened), cv2.COLOR_RGB2YCrCb))
    before = cv2.split(cv2.cvtColor(brightened, cv2.COLOR_RGB2YCrCb))
    left = [
        np.abs(np.diff(new.astype(float), axis=1)).mean() / np.abs(np.diff(old.astype(float), axis=1)).mean()
        for new, old in zip(planes, before, strict=True)
    ]
    assert left[0] < 0.5
    assert max(left[1:]) < 0.05


def test_gain_follows_a_step_of_the_light_without_overshoot() -> None:
    low_light = LowLightFilter()
    low_light.brighten(BRIGHT, 0.0)
    gains = []
    for number in range(1, 91):
        low_light.brighten(dark(noise=0), number / 30)
        gains.append(low_light.gain)
    goal = gain_for(dark(noise=0), SETTINGS)
    assert (np.diff(gains) >= -1e-9).all()
    assert gains[0] < 1 + 0.2 * (goal - 1)
    assert np.log(gains[14]) / np.log(goal) == pytest.approx(1 - np.exp(-1), abs=0.02)
    assert gains[-1] == pytest.approx(goal, rel=0.02)


def test_result_holds_nothing_of_earlier_frames() -> None:
    # Gain and noise aside, which the same kind of frame leaves as they are.
    used, new = LowLightFilter(), LowLightFilter()
    for number in range(30):
        shown(used, dark()[:, ::-1].copy(), number / 30)
    used.gain, used.noise = new.gain, new.noise = 3.0, 5.0
    used._last = new._last = used._noise_time = new._noise_time = 1.0
    assert (shown(used, dark(), 1.0) == shown(new, dark(), 1.0)).all()


def test_reset_forgets_the_light() -> None:
    low_light = LowLightFilter()
    for number in range(60):
        low_light.brighten(dark(), number / 30)
    low_light.reset()
    assert low_light.brighten(BRIGHT, 2.0) is BRIGHT
