"""Small mattes over time: still regions settle, moving edges follow at once."""

from dataclasses import dataclass

import numpy as np

from livecam.core.types import Matte
from livecam.imaging import buffers as memory
from livecam.imaging.ops import box_mean


@dataclass(frozen=True)
class TemporalFilterSettings:
    """How calm and how quick.

    What a pixel's matte lacks of the newest one is averaged over time, the newest counting `drift_rate`:
    noise
    goes to and fro and cancels out, movement stays. Where that drift is smaller than `noise_level`, only
    the share
    `settle` of what is lacking passes each frame; from `moving` on it passes whole; between them the share
    rises smoothly (the idea of the 1 € filter, Casiez et al., CHI 2012, whose speed is averaged likewise).
    """

    min_rate: float = 0.15
    noise_level: float = 0.1
    motion_level: float = 0.2
    drift_rate: float = 0.5


class AdaptiveTemporalFilter:
    """A low-pass filter for every pixel whose speed follows the pixel's own drift."""

    def __init__(self, smoothing: TemporalFilterSettings | None = None) -> None:
        self.smoothing = smoothing or TemporalFilterSettings()
        self._last: Matte | None = None
        self._drift: Matte | None = None

    def apply(self, rough: Matte) -> Matte:
        """The calm matte, a new array of the same shape; the first after a reset is the rough one itself."""
        last, drift = self._last, self._drift
        if last is None or drift is None or last.shape != rough.shape:
            calm = np.array(rough)
            self._drift = np.zeros(rough.shape, np.float32)
        else:
            lacking = np.subtract(rough, last, out=memory.pooled_empty_like(last))
            product = np.multiply(
                lacking, np.float32(self.smoothing.drift_rate), out=memory.pooled_empty_like(last)
            )
            drift *= np.float32(1 - self.smoothing.drift_rate)
            drift += product
            share = self._rate(drift)
            # What has passed lacks no more.
            drift -= np.multiply(share, drift, out=product)
            calm = np.multiply(share, lacking, out=lacking)
            calm += last
            np.clip(calm, 0.0, 1.0, out=calm)
        # A copy: what is handed out may be written to by whoever gets it.
        self._last = memory.pooled_empty_like(calm)
        np.copyto(self._last, calm)
        return calm

    def _rate(self, drift: Matte) -> Matte:
        """Which share of what is lacking passes at each pixel, a new array."""
        s = self.smoothing
        # The neighbours are asked too: real movement is coherent, flicker is not.
        rise = box_mean(drift, 3)
        np.abs(rise, out=rise)
        # In place: at this size a new array costs more than the sum in it.
        share = np.abs(drift, out=memory.pooled_empty_like(drift))
        share *= np.float32(0.5)
        np.maximum(rise, share, out=rise)
        rise -= np.float32(s.noise_level)
        rise *= np.float32(1 / (s.motion_level - s.noise_level))
        np.clip(rise, 0.0, 1.0, out=rise)
        np.multiply(rise, np.float32(-2 * (1 - s.min_rate)), out=share)
        share += np.float32(3 * (1 - s.min_rate))
        share *= rise
        share *= rise
        share += np.float32(s.min_rate)
        return share

    def reset(self) -> None:
        """Forget: the next matte stands for itself."""
        self._last = self._drift = None
