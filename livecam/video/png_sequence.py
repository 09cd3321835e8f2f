"""A recording as a folder of PNGs: 000001.png and so on."""

from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_FAST_COMPRESSION = 2


class PngSequenceWriter:
    """Pictures into numbered files, one each, whatever their time. Every method may raise OSError."""

    def __init__(self, folder: Path, rate: Fraction) -> None:
        self.tick = 1 / rate
        """Seconds of one step of time stamps."""
        self._folder = folder
        self._count = 0

    def write(self, picture: NDArray[np.uint8], tick: int) -> None:
        """Add a frame or cutout."""
        content = BytesIO()
        Image.fromarray(picture).save(content, format="PNG", compress_level=_FAST_COMPRESSION)
        path = self._folder / f"{self._count + 1:06}.png"
        try:
            path.write_bytes(content.getbuffer())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._count += 1

    def close(self) -> None:
        """Nothing is left to write."""

    def abort(self) -> None:
        """Nothing is left open."""
