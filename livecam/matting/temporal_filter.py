"""Temporal filter for coarse mattes: still regions settle, motion passes at once."""

from dataclasses import dataclass

import numpy as np

from livecam.core.geometry import Crop
from livecam.core.types import Matte, Motion
from livecam.imaging.buffers import pooled_empty_like
from livecam.imaging.ops import box_mean, transfer


@dataclass(frozen=True)
class TemporalFilterSettings:
    """Settings of the filter.

    The residual of a pixel is the newest matte minus the filtered one. Its drift is an exponential mean of
    the residual: zero-mean noise averages out, motion does not. The rate, the fraction of the residual that
    passes in one frame, rises smoothly with the drift from `min_rate` to 1.

    Attributes:
        min_rate: the rate where the drift is at most `noise_level`.
        noise_level: drift in units of alpha.
        motion_level: drift in units of alpha from which the rate is 1.
        drift_rate: weight of the newest residual in the drift.
        negligible: what is left of earlier mattes counts as nothing up to this alpha. Without it, a pixel of
            a still image would stay a rounding error away from its value, in each run another.
    """

    min_rate: float = 0.15
    noise_level: float = 0.1
    motion_level: float = 0.2
    drift_rate: float = 0.5
    negligible: float = 2**-16


class AdaptiveTemporalFilter:
    """A low-pass filter per pixel whose rate follows the pixel's own drift.

    Reference: the 1 € filter (Casiez et al., CHI 2012), whose cutoff follows a speed that is averaged in the
    same way. Where the colors of the frame did not change, the rate stays low, as in motion-adaptive
    denoising of video: a hole that the network makes in still clothes for one frame does not appear.
    """

    def __init__(self, settings: TemporalFilterSettings | None = None) -> None:
        self.settings = settings or TemporalFilterSettings()
        self._previous: Matte | None = None
        self._drift: Matte | None = None
        # Below 1 where the memory is no measurement, because the crop before did not reach there.
        self._known: Matte | None = None

    def apply(self, coarse: Matte, motion: Motion | None = None) -> Matte:
        """Return the filtered matte; the first one after a reset is a copy of the input.

        Args:
            coarse: float32 (height, width) in [0, 1].
            motion: where the colors of the frame have changed, float32 of the same shape in [0, 1]; None:
                not known, they may have changed everywhere.

        Returns:
            A new array of the same shape. The caller may write to it.
        """
        previous, drift = self._previous, self._drift
        if previous is None or drift is None or previous.shape != coarse.shape:
            filtered = np.array(coarse)
            self._drift = np.zeros(coarse.shape, np.float32)
        else:
            residual = np.subtract(coarse, previous, out=pooled_empty_like(previous))
            drift_rate = self.settings.drift_rate
            product = np.multiply(residual, np.float32(drift_rate), out=pooled_empty_like(previous))
            drift *= np.float32(1 - drift_rate)
            drift += product
            rate = self._rate(drift)
            if motion is not None:
                np.minimum(rate, self._rate_limit(motion), out=rate)
            # The part of the drift that passes now is no longer missing.
            drift -= np.multiply(rate, drift, out=product)
            remaining = np.multiply(np.subtract(np.float32(1), rate, out=rate), residual, out=residual)
            remaining *= np.abs(remaining, out=rate) > self.settings.negligible
            filtered = np.subtract(coarse, remaining, out=remaining)
            np.clip(filtered, 0.0, 1.0, out=filtered)
        self._known = None
        # A copy, because the caller may write to the result.
        self._previous = pooled_empty_like(filtered)
        np.copyto(self._previous, filtered)
        return filtered

    def _rate(self, drift: Matte) -> Matte:
        """Return the fraction of the residual that passes at each pixel, a new array."""
        s = self.settings
        # The neighbors count too: real motion is coherent in space, flicker is not.
        level = box_mean(drift, 3)
        np.abs(level, out=level)
        # In place from here on: at this size a new array costs more than the computation.
        rate = np.abs(drift, out=pooled_empty_like(drift))
        rate *= np.float32(0.5)
        np.maximum(level, rate, out=level)
        level -= np.float32(s.noise_level)
        level *= np.float32(1 / (s.motion_level - s.noise_level))
        np.clip(level, 0.0, 1.0, out=level)
        # min_rate + (1 - min_rate) × smoothstep(level), with smoothstep(x) = x² (3 - 2 x).
        np.multiply(level, np.float32(-2 * (1 - s.min_rate)), out=rate)
        rate += np.float32(3 * (1 - s.min_rate))
        rate *= level
        rate *= level
        rate += np.float32(s.min_rate)
        return rate

    def _rate_limit(self, motion: Motion) -> Matte:
        """Return the largest rate at each pixel: where nothing moves, the matte has no reason to jump."""
        limit: Matte = np.multiply(
            motion, np.float32(1 - self.settings.min_rate), out=pooled_empty_like(motion)
        )
        limit += np.float32(self.settings.min_rate)
        if self._known is not None:
            limit[self._known < 1.0] = 1.0
        return limit

    def move(self, before: Crop, after: Crop) -> None:
        """Keep the memory where it belongs in the frame: the next coarse matte covers another crop.

        Outside the crop before, the memory is that no person was there; a person who is there now appears at
        once, although nothing moves.
        """
        if self._previous is not None and self._drift is not None:
            known = np.ones_like(self._previous) if self._known is None else self._known
            self._known = transfer(known, before, after)
            self._previous = transfer(self._previous, before, after)
            self._drift = transfer(self._drift, before, after)

    def reset(self) -> None:
        """Forget all earlier mattes, so that the next one is returned unfiltered."""
        self._previous = self._drift = self._known = None
