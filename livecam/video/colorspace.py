"""Decoded pictures to frames and frames to pictures for the encoder: colour matrix, range, display matrix."""

import struct
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import SideData, Type
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.core.types import Frame

BT709 = 1
"""The same number as colour matrix, primaries and transfer in FFmpeg."""
BT601 = 5
LIMITED = 1
_UNSPECIFIED = 2
_FAST = int(Interpolation.BILINEAR)
_EXACT = int(Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND)


def default_matrix(size: Size) -> int:
    """The colour matrix of untagged video: BT.709 for HD, BT.601 for smaller, as players guess."""
    return BT709 if size.width >= 1280 or size.height >= 720 else BT601


class RgbConverter:
    """Makes frames of decoded pictures: RGB by the picture's own tags, square pixels, upright."""

    def __init__(self, *, exact: bool, pixel_ratio: Fraction | None = None) -> None:
        """Settle how frames are made.

        Args:
            exact: interpolate colour and round right; without it frames come faster and 1 level darker.
            pixel_ratio: width of a stored pixel by its height; None where they are square.
        """
        self._reformatter = VideoReformatter()
        ratio = pixel_ratio or Fraction(1)
        # Absurd ratios are damage, not intent.
        self._ratio = ratio if Fraction(1, 4) <= ratio <= 4 else Fraction(1)
        self._interpolation = _EXACT if exact else _FAST

    def to_rgb(self, picture: av.VideoFrame) -> Frame:
        """The frame of `picture`.

        Raises:
            av.FFmpegError: FFmpeg can't convert its pixel format.
        """
        matrix = (
            default_matrix(Size(picture.width, picture.height))
            if picture.colorspace == _UNSPECIFIED
            else None
        )
        try:
            rgb = self._convert(picture, matrix)
        except (av.FFmpegError, OSError):
            # A reserved or exotic matrix: wrong shades are better than no picture.
            rgb = self._convert(picture, BT709)
        return _apply_display_matrix(cast(Frame, rgb.to_ndarray()), _display_matrix(picture))

    def _convert(self, picture: av.VideoFrame, matrix: int | None) -> av.VideoFrame:
        return self._reformatter.reformat(
            picture,
            width=round(picture.width * self._ratio),
            format="rgb24",
            src_colorspace=matrix,
            interpolation=self._interpolation,
            threads=1,
        )


class YuvConverter:
    """Makes pictures for an encoder of frames or cutouts, in limited range."""

    def __init__(self, pixel_format: str, matrix: int) -> None:
        self._reformatter = VideoReformatter()
        self.pixel_format = pixel_format
        self._matrix = matrix

    def to_video_frame(self, picture: NDArray[np.uint8]) -> av.VideoFrame:
        """A frame (height, width, 3) or cutout (height, width, 4) in the encoder's pixel format."""
        rgb = av.VideoFrame.from_ndarray(picture, format="rgba" if picture.shape[2] == 4 else "rgb24")
        return self._reformatter.reformat(
            rgb,
            format=self.pixel_format,
            dst_colorspace=self._matrix,
            dst_color_range=LIMITED,
            interpolation=_FAST,
            threads=1,
        )


def pad_to_even(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat the last row and column where their number is odd."""
    height, width = picture.shape[:2]
    if not (height % 2 or width % 2):
        return picture
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _display_matrix(picture: av.VideoFrame) -> tuple[int, int, int, int]:
    """a, b, c, d of x' = ax + cy, y' = bx + dy, both axes counted from the top left."""
    for side in picture.side_data:
        # PyAV's stubs take the side data for a plain dict; its `values` fails on some kinds.
        data = cast(SideData, side)
        if data.type is Type.DISPLAYMATRIX:
            numbers = struct.unpack("=9i", bytes(data))
            return numbers[0], numbers[1], numbers[3], numbers[4]
    return 1, 0, 0, 1


def _apply_display_matrix(frame: Frame, matrix: tuple[int, int, int, int]) -> Frame:
    """Apply the quarter turns and mirrorings of a display matrix; anything slanted goes to the nearest."""
    a, b, c, d = matrix
    if abs(a) + abs(d) < abs(b) + abs(c):
        frame = frame.transpose(1, 0, 2)
        a, d = c, b
    return np.ascontiguousarray(frame[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
