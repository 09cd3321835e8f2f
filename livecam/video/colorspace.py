"""Color conversion between decoded video frames and RGB: matrix, range, pixel ratio, display matrix."""

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

# Values of FFmpeg. BT.709 has the same number as matrix, primaries and transfer characteristic.
BT709 = 1
BT601 = 5
LIMITED_RANGE = 1
_UNSPECIFIED = 2
_FAST = int(Interpolation.BILINEAR)
_EXACT = int(Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND)


def default_matrix(size: Size) -> int:
    """Return the color matrix of untagged video: BT.709 for HD, BT.601 for smaller sizes, as in players."""
    return BT709 if size.width >= 1280 or size.height >= 720 else BT601


class RgbConverter:
    """Converts decoded video frames to RGB with square pixels, upright, by the tags of each frame."""

    def __init__(self, *, exact: bool, pixel_ratio: Fraction | None = None) -> None:
        """Choose the conversion.

        Args:
            exact: interpolate chroma and round correctly; without it frames are faster and 1 level darker.
            pixel_ratio: width of a stored pixel divided by its height; None means square pixels.
        """
        self._reformatter = VideoReformatter()
        ratio = pixel_ratio or Fraction(1)
        # A ratio beyond 4 is damage, not intent.
        self._pixel_ratio = ratio if Fraction(1, 4) <= ratio <= 4 else Fraction(1)
        self._interpolation = _EXACT if exact else _FAST

    def to_rgb(self, frame: av.VideoFrame) -> Frame:
        """Convert a decoded frame to a new array (height, width, 3).

        Raises:
            av.FFmpegError: FFmpeg can't convert its pixel format.
        """
        is_untagged = frame.colorspace == _UNSPECIFIED
        matrix = default_matrix(Size(frame.width, frame.height)) if is_untagged else None
        try:
            rgb = self._reformat(frame, matrix)
        except (av.FFmpegError, OSError):
            # The matrix is reserved or not supported: wrong shades are better than no frame.
            rgb = self._reformat(frame, BT709)
        return _apply_display_matrix(cast(Frame, rgb.to_ndarray()), _display_matrix(frame))

    def _reformat(self, frame: av.VideoFrame, matrix: int | None) -> av.VideoFrame:
        return self._reformatter.reformat(
            frame,
            width=round(frame.width * self._pixel_ratio),
            format="rgb24",
            src_colorspace=matrix,
            interpolation=self._interpolation,
            threads=1,
        )


class YuvConverter:
    """Converts RGB or RGBA arrays to an encoder's pixel format, in limited range."""

    def __init__(self, pixel_format: str, matrix: int) -> None:
        self._reformatter = VideoReformatter()
        self.pixel_format = pixel_format
        self._matrix = matrix

    def to_video_frame(self, image: NDArray[np.uint8]) -> av.VideoFrame:
        """Convert uint8 RGB (height, width, 3) or RGBA (height, width, 4) to a new video frame."""
        frame = av.VideoFrame.from_ndarray(image, format="rgba" if image.shape[2] == 4 else "rgb24")
        return self._reformatter.reformat(
            frame,
            format=self.pixel_format,
            dst_colorspace=self._matrix,
            dst_color_range=LIMITED_RANGE,
            interpolation=_FAST,
            threads=1,
        )


def pad_to_even(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat the last row and column where their number is odd; return `image` itself if both are even."""
    height, width = image.shape[:2]
    if not (height % 2 or width % 2):
        return image
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _display_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """Return a, b, c, d of x' = ax + cy, y' = bx + dy, with the origin at the top left."""
    try:
        side_data = list(frame.side_data)
    except ValueError:
        # PyAV 18 refuses all side data of a frame if it has no name for one type of it (EXIF since FFmpeg 8).
        # It still gives the angle, counterclockwise; a flip is lost.
        return _rotation_matrix(frame.rotation)
    for each in side_data:
        # PyAV's stubs declare the side data as a plain dict, whose `values` fails on some types.
        data = cast(SideData, each)
        if data.type is Type.DISPLAYMATRIX:
            values = struct.unpack("=9i", bytes(data))
            return values[0], values[1], values[3], values[4]
    return 1, 0, 0, 1


def _rotation_matrix(degrees: int) -> tuple[int, int, int, int]:
    """Return the display matrix of a counterclockwise rotation, to the nearest quarter turn."""
    return ((1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0))[round(degrees / 90) % 4]


def _apply_display_matrix(image: Frame, matrix: tuple[int, int, int, int]) -> Frame:
    """Apply the quarter turns and flips of a display matrix; other angles are rounded to the nearest."""
    a, b, c, d = matrix
    if abs(a) + abs(d) < abs(b) + abs(c):
        image = image.transpose(1, 0, 2)
        a, d = c, b
    return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
