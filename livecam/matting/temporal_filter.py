"""Small mattes over time: still regions settle, moving edges follow at once."""

from dataclasses import dataclass

import numpy as np

from livecam.core.types import Matte
from livecam.imaging import buffers as memory
from livecam.imaging.ops import mean_around


@dataclass(frozen=True)
class Smoothing:
    """How calm and how quick.

    What a pixel's matte lacks of the newest one is averaged over time, the newest counting `alert`: noise
    goes to and fro and cancels out, movement stays. Where that drift is smaller than `quiet`, only the share
    `settle` of what is lacking passes each frame; from `moving` on it passes whole; between them the share
    rises smoothly (the idea of the 1 € filter, Casiez et al., CHI 2012, whose speed is averaged likewise).
    """

    settle: float = 0.15
    quiet: float = 0.1
    moving: float = 0.2
    alert: float = 0.5


class Smoother:
    """A low-pass filter for every pixel whose speed follows the pixel's own drift."""

    def __init__(self, smoothing: Smoothing | None = None) -> None:
        self.smoothing = smoothing or Smoothing()
        self._last: Matte | None = None
        self._drift: Matte | None = None

    def smooth(self, rough: Matte) -> Matte:
        """The calm matte, a new array of the same shape; the first after a reset is the rough one itself."""
        last, drift = self._last, self._drift
        if last is None or drift is None or last.shape != rough.shape:
            calm = np.array(rough)
            self._drift = np.zeros(rough.shape, np.float32)
        else:
            lacking = np.subtract(rough, last, out=memory.like(last))
            product = np.multiply(lacking, np.float32(self.smoothing.alert), out=memory.like(last))
            drift *= np.float32(1 - self.smoothing.alert)
            drift += product
            share = self._share(drift)
            # What has passed lacks no more.
            drift -= np.multiply(share, drift, out=product)
            calm = np.multiply(share, lacking, out=lacking)
            calm += last
            np.clip(calm, 0.0, 1.0, out=calm)
        # A copy: what is handed out may be written to by whoever gets it.
        self._last = memory.like(calm)
        np.copyto(self._last, calm)
        return calm

    def _share(self, drift: Matte) -> Matte:
        """Which share of what is lacking passes at each pixel, a new array."""
        s = self.smoothing
        # The neighbours are asked too: real movement is coherent, flicker is not.
        rise = mean_around(drift, 3)
        np.abs(rise, out=rise)
        # In place: at this size a new array costs more than the sum in it.
        share = np.abs(drift, out=memory.like(drift))
        share *= np.float32(0.5)
        np.maximum(rise, share, out=rise)
        rise -= np.float32(s.quiet)
        rise *= np.float32(1 / (s.moving - s.quiet))
        np.clip(rise, 0.0, 1.0, out=rise)
        np.multiply(rise, np.float32(-2 * (1 - s.settle)), out=share)
        share += np.float32(3 * (1 - s.settle))
        share *= rise
        share *= rise
        share += np.float32(s.settle)
        return share

    def reset(self) -> None:
        """Forget: the next matte stands for itself."""
        self._last = self._drift = None
