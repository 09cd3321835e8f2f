"""Low light: brighten dark frames and remove their noise, before the network and in the picture."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Frame
from livecam.imaging.denoising import average, denoise, estimate_noise
from livecam.imaging.ops import map_levels, to_gray

_ROWS = 40
"""Rows of pixels that are sampled; as many columns in proportion."""
_BRIGHT_PERCENTILE, _BRIGHT_WEIGHT = 95, 0.5
"""A frame whose brightest parts are well lit is not dark: half of this percentile counts like the mean."""
_NOISE_SECONDS = 0.25
"""The noise is measured so often; it changes with the light."""
_NEUTRAL = 1.02
"""Up to this gain a frame is left as it is."""


@dataclass(frozen=True)
class LowLightSettings:
    """Settings of the stage.

    Attributes:
        goal: mean luma in [0, 1] up to which dark frames are brightened.
        max_gain: largest factor of the darkest levels.
        seconds: time constant of the change of gain and noise over time.
        noise_factor: deviations of the noise that count as noise and not as texture.
        window: side in pixels of the squares over which the network's input is averaged.
        color_window: the same for its colors, of which noise changes more.
    """

    goal: float = 0.33
    max_gain: float = 6.0
    seconds: float = 0.5
    noise_factor: float = 2.0
    window: int = 5
    color_window: int = 31


class LowLightFilter:
    """Brightens the frames of a dark video. One thread at a time may use it.

    It works on single frames; only the two numbers `gain` and `noise` are smoothed over time. A denoiser over
    time would show pixels of earlier frames, which no matte of this frame covers.

    Attributes:
        gain: factor of the darkest levels of the newest frame; 1 if it was bright enough.
        noise: deviation of the brightened frame's noise, in levels of 255.
    """

    def __init__(self, settings: LowLightSettings | None = None) -> None:
        self.settings = settings or LowLightSettings()
        self.reset()

    def reset(self) -> None:
        """Forget earlier frames: the next one gets its own gain, unsmoothed."""
        self.gain, self.noise = 1.0, 0.0
        self._last: float | None = None
        self._noise_time = -math.inf

    def brighten(self, frame: Frame, now: float) -> Frame:
        """Return the frame brightened; the frame itself if it is bright enough.

        Args:
            frame: uint8 RGB (height, width, 3).
            now: time of the frame in seconds.
        """
        weight = 1.0
        if self._last is not None:
            weight = 1 - math.exp(-max(0.0, now - self._last) / self.settings.seconds)
        self._last = now
        goal = gain_for(frame, self.settings)
        self.gain = math.exp((1 - weight) * math.log(self.gain) + weight * math.log(goal))
        if not self._is_dark:
            return frame
        brightened = map_levels(frame, tone_curve(self.gain))
        if not 0 <= now - self._noise_time < _NOISE_SECONDS:
            weight = 1 - math.exp(-abs(now - self._noise_time) / self.settings.seconds)
            self.noise += weight * (estimate_noise(to_gray(_center(brightened))) - self.noise)
            self._noise_time = now
        return brightened

    def smooth(self, brightened: Frame) -> Frame:
        """Return what the matte is computed from: the newest brightened frame, averaged over squares.

        Noise changes colors most, by which the network knows skin and cloth: they are averaged over larger
        squares. A filter that keeps edges makes worse mattes: it also keeps the edges that noise draws.
        """
        if not self._is_dark:
            return brightened
        return average(brightened, self.settings.window, self.settings.color_window)

    def denoise(self, brightened: Frame) -> Frame:
        """Return what is shown: the newest brightened frame without noise, its edges kept."""
        return denoise(brightened, self.settings.noise_factor * self.noise) if self._is_dark else brightened

    @property
    def _is_dark(self) -> bool:
        return self.gain >= _NEUTRAL


def gain_for(frame: Frame, settings: LowLightSettings) -> float:
    """Return the gain, 1 to `max_gain`, with which the mean luma of a dark frame reaches the goal."""
    step = max(1, frame.shape[0] // _ROWS)
    luma = to_gray(np.ascontiguousarray(frame[step // 2 :: step, step // 2 :: step]))
    bright = _BRIGHT_WEIGHT * float(np.percentile(luma, _BRIGHT_PERCENTILE))
    level = max(float(luma.mean()), bright, 1.0) / 255
    # The inverse of the curve: goal = gain × level / (1 + (gain - 1) × level).
    gain = settings.goal * (1 - level) / (level * (1 - settings.goal))
    return min(settings.max_gain, max(1.0, gain))


def tone_curve(gain: float) -> NDArray[np.uint8]:
    """Return gain × x / (1 + (gain - 1) × x) for each of the 256 levels: black and white stay.

    Reference: Reinhard et al., "Photographic Tone Reproduction for Digital Images", SIGGRAPH 2002.
    """
    x = np.arange(256) / 255
    return np.asarray(np.rint(255 * gain * x / (1 + (gain - 1) * x)), np.uint8)


def _center(frame: Frame) -> Frame:
    height, width = frame.shape[:2]
    top, left = 3 * height // 8, 3 * width // 8
    return np.ascontiguousarray(frame[top : height - top, left : width - left])
