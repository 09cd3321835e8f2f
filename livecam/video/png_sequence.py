"""PNG sequence writer: a recording as a folder of files 000001.png, 000002.png and so on."""

from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_FAST_COMPRESSION = 2  # zlib level


class PngSequenceWriter:
    """Writer of one PNG per frame, whatever its timestamp. Every method may raise OSError.

    Attributes:
        time_base: seconds of one timestamp step.
    """

    def __init__(self, folder: Path, rate: Fraction) -> None:
        self.time_base = 1 / rate
        self._folder = folder
        self._count = 0

    def write(self, image: NDArray[np.uint8], timestamp: int) -> None:
        """Write uint8 RGB (height, width, 3) or RGBA (height, width, 4) as the next file."""
        content = BytesIO()
        Image.fromarray(image).save(content, format="PNG", compress_level=_FAST_COMPRESSION)
        path = self._folder / f"{self._count + 1:06}.png"
        try:
            path.write_bytes(content.getbuffer())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._count += 1

    def close(self) -> None:
        """Do nothing: every file is complete."""

    def abort(self) -> None:
        """Do nothing: no file is open."""
