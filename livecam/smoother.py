"""Small mattes over time: still regions settle, moving edges follow at once."""

from dataclasses import dataclass

import cv2
import numpy as np

from livecam.frames import Matte


@dataclass(frozen=True)
class Smoothing:
    """How calm and how quick.

    A change of the matte smaller than `quiet` is taken for noise: only the share `settle` of it passes each
    frame. From `moving` on it is movement and passes whole. Between them the share rises smoothly (the idea
    of the 1 € filter, Casiez et al., CHI 2012, with the change itself as the speed).
    """

    settle: float = 0.2
    quiet: float = 0.08
    moving: float = 0.25


class Smoother:
    """A low-pass filter for every pixel whose speed follows the pixel's own change."""

    def __init__(self, smoothing: Smoothing | None = None) -> None:
        self.smoothing = smoothing or Smoothing()
        self._last: Matte | None = None

    def smooth(self, rough: Matte) -> Matte:
        """The calm matte, a new array of the same shape; the first after a reset is the rough one itself."""
        last = self._last
        if last is None or last.shape != rough.shape:
            calm = np.array(rough)
        else:
            change = rough - last
            calm = self._share(np.abs(change))
            calm *= change
            calm += last
            np.clip(calm, 0.0, 1.0, out=calm)
        # A copy: what is handed out may be written to by whoever gets it.
        self._last = np.array(calm)
        return calm

    def _share(self, change: Matte) -> Matte:
        """Which share of each pixel's change passes; writes into its argument, which nobody else has."""
        s = self.smoothing
        # The neighbours are asked too: real movement is coherent, flicker is not.
        rise = np.asarray(cv2.blur(change, (3, 3)), np.float32)
        change *= np.float32(0.5)
        np.maximum(rise, change, out=rise)
        # In place from here on: at this size a new array costs more than the sum in it.
        rise -= np.float32(s.quiet)
        rise *= np.float32(1 / (s.moving - s.quiet))
        np.clip(rise, 0.0, 1.0, out=rise)
        share = np.multiply(rise, np.float32(-2 * (1 - s.settle)), out=change)
        share += np.float32(3 * (1 - s.settle))
        share *= rise
        share *= rise
        share += np.float32(s.settle)
        return share

    def reset(self) -> None:
        """Forget: the next matte stands for itself."""
        self._last = None
