"""Tone mapping: HDR (PQ, HLG) and wide-gamut RGB of 16 bits to BT.709 of 8 bits.

HDR reference white, 203 cd/m² (BT.2408), becomes the white of the SDR display. What is darker than about
90 cd/m² keeps its luminance; the highlights above it are compressed by the curve of BT.2390.
"""

from enum import Enum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.imaging.buffers import pooled_empty
from livecam.imaging.ops import look_up, raise_to, row_strips, square_root, transform_channels, widest_channel

REFERENCE_WHITE_NITS = 203.0  # cd/m², BT.2408
DEFAULT_PEAK_NITS = 1000.0
"""Peak of HLG (BT.2100), and of PQ whose file says nothing else."""
_PQ_PEAK_NITS = 10000.0
_HLG_SYSTEM_GAMMA = 1.2  # BT.2100, for a display of 1000 cd/m²
_SDR_GAMMA = 2.4  # BT.1886
_LEVELS = 65536

_FloatArray = NDArray[np.float32]
# Columns are the CIE xy of red, green, blue; all have white D65.
_CHROMATICITIES = {
    "bt709": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    "bt2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    "p3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_D65 = (0.3127, 0.3290)


class Transfer(Enum):
    """Transfer characteristic of R'G'B' values."""

    SDR = "sdr"
    PQ = "pq"
    HLG = "hlg"


class Gamut(Enum):
    """Primaries of RGB values, with white D65."""

    BT709 = "bt709"
    BT2020 = "bt2020"
    P3 = "p3"


HDR_TRANSFERS = {16: Transfer.PQ, 18: Transfer.HLG}
"""By the numbers of ISO/IEC 23091-2, as FFmpeg and HEIF have them."""
# The same numbers.
_GAMUTS = {1: Gamut.BT709, 9: Gamut.BT2020, 11: Gamut.P3, 12: Gamut.P3}
# A linear or logarithmic signal is none that BT.1886 describes.
_SDR_TRANSFERS = frozenset({1, 2, 6, 13, 14, 15})


def mapping_for_tags(transfer: int, primaries: int) -> tuple[Transfer, Gamut] | None:
    """Return the mapping for tags of ISO/IEC 23091-2; None if the colors are shown as they are."""
    gamut = _GAMUTS.get(primaries)
    if transfer in HDR_TRANSFERS:
        return HDR_TRANSFERS[transfer], gamut or Gamut.BT2020
    if transfer not in _SDR_TRANSFERS or gamut in (None, Gamut.BT709):
        return None
    return Transfer.SDR, gamut


class ToneMapper:
    """Maps frames of one transfer characteristic and gamut to BT.709. Used by one thread."""

    def __init__(self, transfer: Transfer, gamut: Gamut, peak_nits: float = DEFAULT_PEAK_NITS) -> None:
        """Compute the tables, some milliseconds.

        Args:
            transfer: of the frames.
            gamut: of the frames.
            peak_nits: luminance in cd/m² that becomes the brightest level, for PQ; HLG has 1000.
        """
        self._transfer = transfer
        self._to_bt709 = _conversion_matrix(gamut)
        self._luma = _rgb_to_xyz(gamut)[1:2].astype(np.float32)
        codes = np.linspace(0.0, 1.0, _LEVELS)
        self._encode = _encoding_table()
        if transfer is Transfer.PQ:
            light = pq_to_nits(codes) / REFERENCE_WHITE_NITS
            peak = float(np.clip(peak_nits, REFERENCE_WHITE_NITS, _PQ_PEAK_NITS))
            gain = _compress(light, peak) / np.maximum(light, 1e-6)
            self._gain = gain.astype(np.float32)
        elif transfer is Transfer.HLG:
            light = _hlg_to_scene_light(codes)
            self._brightest = DEFAULT_PEAK_NITS / REFERENCE_WHITE_NITS
            # By the square root of the light, so that dark levels are not rounded to one another.
            self._compressed = _compress(codes**2 * self._brightest, DEFAULT_PEAK_NITS).astype(np.float32)
        else:
            light = codes**_SDR_GAMMA
        self._light = light.astype(np.float32)

    def map(self, image: NDArray[np.uint16]) -> Frame:
        """Return a frame in BT.709 as a new array.

        Args:
            image: R'G'B' in full range, uint16 (height, width, 3).

        Returns:
            uint8 (height, width, 3).
        """
        result: Frame = pooled_empty(image.shape, np.uint8)
        for rows in row_strips(Size.of(image)):
            result[rows] = self._map_strip(np.ascontiguousarray(image[rows]))
        return result

    def _map_strip(self, image: NDArray[np.uint16]) -> Frame:
        light = look_up(image, self._light)
        if self._transfer is not Transfer.SDR:
            # One gain for the three channels, by the largest of them: the hue stays.
            widest = widest_channel(image)
            is_pq = self._transfer is Transfer.PQ
            gain = look_up(widest, self._gain) if is_pq else self._hlg_gain(light, widest)
            light *= gain[..., None]
        mixed = transform_channels(light, self._to_bt709)
        # A color outside of the gamut of BT.709 has negative channels, or some above 1.
        return look_up(_to_codes(np.clip(mixed, 0.0, 1.0, out=mixed)), self._encode)

    def _hlg_gain(self, scene: _FloatArray, widest: NDArray[np.uint16]) -> _FloatArray:
        """Return the gain from scene light to compressed display light, with the OOTF of BT.2100."""
        luminance = transform_channels(scene, self._luma)
        largest = look_up(widest, self._light)
        relative = raise_to(luminance, _HLG_SYSTEM_GAMMA - 1.0) * largest
        compressed = look_up(_to_codes(np.minimum(relative, 1.0)), self._compressed)
        return np.asarray(compressed / np.maximum(largest, np.float32(1e-6)), np.float32)


def pq_to_nits(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the luminance in cd/m² of PQ codes in [0, 1] (BT.2100, table 4)."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = codes ** (1.0 / m2)
    light = np.maximum(power - c1, 0.0) / (c2 - c3 * power)
    return np.asarray(_PQ_PEAK_NITS * light ** (1.0 / m1))


def nits_to_pq(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the PQ codes in [0, 1] of luminances in cd/m² (BT.2100, table 4)."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = np.clip(nits / _PQ_PEAK_NITS, 0.0, 1.0) ** m1
    return np.asarray(((c1 + c2 * power) / (1.0 + c3 * power)) ** m2)


def _hlg_to_scene_light(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scene light in [0, 1] of HLG codes in [0, 1] (BT.2100, table 5)."""
    a = 0.17883277
    b, c = 1.0 - 4.0 * a, 0.5 - a * np.log(4.0 * a)
    return np.asarray(np.where(codes <= 0.5, codes**2 / 3.0, (np.exp((codes - c) / a) + b) / 12.0))


def _compress(light: NDArray[np.float64], peak_nits: float) -> NDArray[np.float64]:
    """Compress light, 1 = reference white, from a peak to [0, 1] with the EETF of BT.2390-8, 5.4.1."""
    source_peak, target = nits_to_pq(np.array([peak_nits, REFERENCE_WHITE_NITS]))
    codes = np.minimum(nits_to_pq(light * REFERENCE_WHITE_NITS) / source_peak, 1.0)
    max_luminance = target / source_peak
    knee = 1.5 * max_luminance - 0.5
    t = np.clip((codes - knee) / max(1.0 - knee, 1e-9), 0.0, 1.0)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1.0 - knee)
        + (-2 * t**3 + 3 * t**2) * max_luminance
    )
    mapped = np.where(codes < knee, codes, spline)
    return np.minimum(pq_to_nits(mapped * source_peak) / REFERENCE_WHITE_NITS, 1.0)


def _to_codes(light: _FloatArray) -> NDArray[np.uint16]:
    """Return the square root of light in [0, 1] as uint16."""
    root = square_root(light)
    root *= np.float32(_LEVELS - 1)
    return root.astype(np.uint16)


@lru_cache(maxsize=1)
def _encoding_table() -> NDArray[np.uint8]:
    """Return the SDR levels of light, by the code of `_to_codes`."""
    roots = (np.arange(_LEVELS) + 0.5) / _LEVELS
    return np.asarray(255.0 * roots ** (2.0 / _SDR_GAMMA) + 0.5).astype(np.uint8)


def _conversion_matrix(gamut: Gamut) -> _FloatArray:
    return np.asarray(np.linalg.inv(_rgb_to_xyz(Gamut.BT709)) @ _rgb_to_xyz(gamut), np.float32)


def _rgb_to_xyz(gamut: Gamut) -> NDArray[np.float64]:
    """Return the matrix from linear RGB to CIE XYZ (SMPTE RP 177)."""
    primaries = np.array([_xyz(*point) for point in _CHROMATICITIES[gamut.value]]).T
    return np.asarray(primaries * np.linalg.solve(primaries, _xyz(*_D65)))


def _xyz(x: float, y: float) -> NDArray[np.float64]:
    return np.array([x / y, 1.0, (1.0 - x - y) / y])
