"""Color match: move the person's colors and brightness towards those of the new background.

Reference: Reinhard et al., "Color Transfer between Images", IEEE Computer Graphics and Applications, 2001:
mean and deviation of each channel of a Lab space are brought to those of the other image. Here in CIELAB,
with limits, and so that the hue of skin stays. The transfer is computed on a sample of pixels and applied to
the frame as one affine map of RGB.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Frame, Matte
from livecam.imaging.ops import lab_to_rgb, rgb_to_lab, rgb_to_ycrcb, transform_colors

_Colors = NDArray[np.float32]
"""Colors of shape (count, 3)."""
_ROWS = 40
"""Rows of pixels that are sampled; as many columns in proportion."""
_MIN_SAMPLES = 32
_CERTAIN = 0.9
"""From this matte on a pixel is the person's alone."""
_MIN_DEVIATION = 1.0
_SKIN_CR, _SKIN_CB = (133, 173), (77, 127)
"""Chroma of skin of all tones: Chai and Ngan, "Face Segmentation Using Skin-Color Map", 1999."""
_MIN_SKIN = 0.03
"""Fraction of the person's pixels from which the hue of skin counts."""
_RIDGE = 1e-3
"""Regularization of the affine map towards no change, a variance of colors in [0, 1]."""


@dataclass(frozen=True)
class ColorMatchSettings:
    """Limits of a match at strength 1, in units of CIELAB.

    Attributes:
        max_lightness: largest change of the mean lightness (0 to 100).
        max_chroma: largest change of the mean color, a distance in the plane of a and b.
        max_gain: largest factor, and largest divisor, of contrast and of color contrast.
        max_hue_degrees: largest turn of the mean hue of skin.
        max_skin_chroma: largest factor, and largest divisor, of the mean chroma of skin.
        seconds: time constant of the change over time.
    """

    max_lightness: float = 10.0
    max_chroma: float = 12.0
    max_gain: float = 1.2
    max_hue_degrees: float = 8.0
    max_skin_chroma: float = 1.3
    seconds: float = 0.5


class ColorMatcher:
    """Matches the frames of a video to their backgrounds. One thread at a time may use it."""

    def __init__(self, settings: ColorMatchSettings | None = None) -> None:
        self.settings = settings or ColorMatchSettings()
        self.reset()

    def reset(self) -> None:
        """Forget earlier frames: the next one gets its own map, unsmoothed."""
        self._map: NDArray[np.float64] | None = None
        self._last = 0.0

    def apply(self, frame: Frame, background: Frame, matte: Matte, strength: float, now: float) -> Frame:
        """Return the frame with colors that suit the background.

        Args:
            frame: uint8 RGB (height, width, 3).
            background: uint8 RGB of the same shape.
            matte: float32 (height, width) in [0, 1].
            strength: 0 to 1; 0 gives the frame's own colors.
            now: time of the frame in seconds.

        Returns:
            A new frame.
        """
        step = max(1, frame.shape[0] // _ROWS)
        grid = (slice(step // 2, None, step), slice(step // 2, None, step))
        person = frame[grid][matte[grid] > _CERTAIN]
        goal = self._map
        if len(person) >= _MIN_SAMPLES:
            goal = _fit_map(person, background[grid].reshape(-1, 3), strength, self.settings)
        if goal is None:
            return np.array(frame)
        seconds, self._last = max(0.0, now - self._last), now
        if self._map is not None:
            # Maps are weighted means of each other: what lies between two of them is one as well.
            goal = self._map + (1 - math.exp(-seconds / self.settings.seconds)) * (goal - self._map)
        self._map = goal
        return transform_colors(frame, goal)


def _fit_map(
    person: Frame, background: Frame, strength: float, settings: ColorMatchSettings
) -> NDArray[np.float64]:
    """Return the affine map of RGB, (3, 4), that comes nearest to the transfer in CIELAB.

    Args:
        person: uint8 RGB (count, 3).
        background: uint8 RGB (count, 3).
        strength: 0 to 1.
        settings: limits.
    """
    lab = rgb_to_lab(person)
    matched = lab_to_rgb(_transfer(lab, rgb_to_lab(background), _is_skin(person), strength, settings))
    source = person.astype(np.float64) / 255
    center = source.mean(axis=0)
    change = matched - source
    centered = source - center
    covariance = centered.T @ centered / len(source) + _RIDGE * np.eye(3)
    linear = np.eye(3) + np.linalg.solve(covariance, centered.T @ change / len(source)).T
    offset = center + change.mean(axis=0) - linear @ center
    return np.column_stack([linear, 255 * offset])


def _transfer(
    lab: _Colors, background: _Colors, skin: NDArray[np.bool_], strength: float, settings: ColorMatchSettings
) -> _Colors:
    """Return the person's CIELAB colors with mean and deviation moved towards the background's."""
    mean, goal = lab.mean(axis=0), background.mean(axis=0)
    ratio = np.maximum(background.std(axis=0), _MIN_DEVIATION) / np.maximum(lab.std(axis=0), _MIN_DEVIATION)
    gain = np.clip(ratio, 1 / settings.max_gain, settings.max_gain) ** strength
    shift = goal - mean
    shift[0] = np.clip(shift[0], -settings.max_lightness, settings.max_lightness)
    shift[1:] *= min(1.0, settings.max_chroma / max(1e-6, float(np.hypot(*shift[1:]))))
    change = (lab - mean) * (gain - 1) + strength * shift
    if skin.mean() >= _MIN_SKIN:
        change[:, 1:] *= _natural_fraction(
            lab[skin].mean(axis=0)[1:], change[skin].mean(axis=0)[1:], settings
        )
    return np.asarray(lab + change, np.float32)


def _natural_fraction(skin: _Colors, change: _Colors, settings: ColorMatchSettings) -> float:
    """Return how much of a change of color (a, b) leaves skin of the color (a, b) natural, 0 to 1."""
    before = complex(float(skin[0]), float(skin[1]))
    for fraction in np.linspace(1.0, 0.0, 21):
        after = before + float(fraction) * complex(float(change[0]), float(change[1]))
        ratio = after / before if before else 1.0
        turned = abs(math.degrees(math.atan2(ratio.imag, ratio.real)))
        lowest, highest = 1 / settings.max_skin_chroma, settings.max_skin_chroma
        if turned <= settings.max_hue_degrees and lowest <= abs(ratio) <= highest:
            return float(fraction)
    return 0.0


def _is_skin(colors: Frame) -> NDArray[np.bool_]:
    _, cr, cb = rgb_to_ycrcb(colors).T
    (low_cr, high_cr), (low_cb, high_cb) = _SKIN_CR, _SKIN_CB
    return np.asarray((cr >= low_cr) & (cr <= high_cr) & (cb >= low_cb) & (cb <= high_cb))
