"""Color conversion between decoded video frames and RGB: matrix, range, HDR, alpha, display matrix."""

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
from livecam.imaging.alpha import AlphaFlattener
from livecam.imaging.ops import merge_channels, write_yuv420
from livecam.imaging.tone_mapping import (
    DEFAULT_PEAK_NITS,
    HDR_TRANSFERS,
    Gamut,
    ToneMapper,
    Transfer,
    mapping_for_tags,
)

# Values of FFmpeg. BT.709 has the same number as matrix, primaries and transfer characteristic.
BT709 = 1
BT601 = 5
LIMITED_RANGE = 1
_BT2020 = 9
_UNSPECIFIED = 2
_SMPTE170M = 6  # the tag of frames with the matrix of BT.601
# Display matrices (see `_display_matrix`) of the EXIF orientations 1 to 8.
_EXIF_MATRICES = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}
_FAST = int(Interpolation.BILINEAR)
_EXACT = int(Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND)


def default_matrix(size: Size) -> int:
    """Return the color matrix of untagged video: BT.709 for HD, BT.601 for smaller sizes, as in players."""
    return BT709 if size.width >= 1280 or size.height >= 720 else BT601


class RgbConverter:
    """Converts decoded video frames to RGB with square pixels, upright, by the tags of each frame.

    HDR and wide-gamut frames are mapped to BT.709; transparent parts are laid over the dark gray that is
    behind those of a still image.
    """

    def __init__(
        self, *, exact: bool, pixel_ratio: Fraction | None = None, exif_orientation: int | None = None
    ) -> None:
        """Choose the conversion.

        Args:
            exact: interpolate chroma and round correctly; without it frames are faster and 1 level darker.
            pixel_ratio: width of a stored pixel divided by its height; None means square pixels.
            exif_orientation: that of an image file, 1 to 8, which counts instead of that of its frames.
        """
        self._exif_orientation = exif_orientation
        self._reformatter = VideoReformatter()
        ratio = pixel_ratio or Fraction(1)
        # A ratio beyond 4 is damage, not intent.
        self._pixel_ratio = ratio if Fraction(1, 4) <= ratio <= 4 else Fraction(1)
        self._interpolation = _EXACT if exact else _FAST
        self._tone_mapping = _ToneMapping()
        self._flattener = AlphaFlattener()

    def to_rgb(self, frame: av.VideoFrame) -> Frame:
        """Convert a decoded frame to a new array (height, width, 3).

        Raises:
            av.FFmpegError: FFmpeg can't convert its pixel format.
        """
        mapper = self._tone_mapping.mapper_for(frame)
        alpha: NDArray[np.uint8] | None = None
        if mapper is not None:
            pixel_format = "gbrap16le" if _has_alpha(frame) else "gbrp16le"
            image, alpha = _map_planes(self._convert(frame, pixel_format), mapper)
        elif _has_alpha(frame):
            pixels = cast(NDArray[np.uint8], self._convert(frame, "rgba").to_ndarray())
            image, alpha = pixels[..., :3], pixels[..., 3]
        else:
            image = cast(Frame, self._convert(frame, "rgb24").to_ndarray())
        if alpha is not None:
            image = self._flattener.flatten(image, alpha)
        if self._exif_orientation is not None:
            return _apply_display_matrix(image, _EXIF_MATRICES[self._exif_orientation])
        return _apply_display_matrix(image, _display_matrix(frame))

    def _convert(self, frame: av.VideoFrame, pixel_format: str) -> av.VideoFrame:
        try:
            return self._reformat(frame, pixel_format, _source_matrix(frame))
        except (av.FFmpegError, OSError):
            # The matrix is reserved or not supported: wrong shades are better than no frame.
            return self._reformat(frame, pixel_format, BT709)

    def _reformat(self, frame: av.VideoFrame, pixel_format: str, matrix: int | None) -> av.VideoFrame:
        return self._reformatter.reformat(
            frame,
            width=round(frame.width * self._pixel_ratio),
            format=pixel_format,
            src_colorspace=matrix,
            interpolation=self._interpolation,
            threads=1,
        )


class _ToneMapping:
    """Chooses the tone mapper of frames by their tags, and keeps it while these stay."""

    def __init__(self) -> None:
        self._peak_nits = DEFAULT_PEAK_NITS
        self._mappers: dict[tuple[Transfer, Gamut, float], ToneMapper] = {}

    def mapper_for(self, frame: av.VideoFrame) -> ToneMapper | None:
        """Return the mapper for a frame; None if it is SDR in a gamut that is shown as BT.709."""
        mapping = mapping_for_tags(frame.color_trc, frame.color_primaries)
        if mapping is None:
            return None
        transfer, gamut = mapping
        if transfer is Transfer.PQ:
            # Only some of the frames may carry it.
            self._peak_nits = _declared_peak(frame) or self._peak_nits
        key = (transfer, gamut, self._peak_nits)
        if key not in self._mappers:
            self._mappers = {key: ToneMapper(*key)}
        return self._mappers[key]


class YuvConverter:
    """Converts RGB or RGBA arrays to an encoder's pixel format, in limited range."""

    def __init__(self, pixel_format: str, matrix: int) -> None:
        self._reformatter = VideoReformatter()
        self.pixel_format = pixel_format
        self._matrix = matrix
        self._conversion = _limited_range_conversion(matrix)

    def to_video_frame(self, image: NDArray[np.uint8]) -> av.VideoFrame:
        """Convert uint8 RGB (height, width, 3) or RGBA (height, width, 4) to a new video frame."""
        height, width, channels = image.shape
        if self.pixel_format == "yuv420p" and channels == 3 and not (height % 2 or width % 2):
            return self._to_yuv420(image)
        frame = av.VideoFrame.from_ndarray(image, format="rgba" if image.shape[2] == 4 else "rgb24")
        return self._reformatter.reformat(
            frame,
            format=self.pixel_format,
            dst_colorspace=self._matrix,
            dst_color_range=LIMITED_RANGE,
            interpolation=_FAST,
            threads=1,
        )

    def _to_yuv420(self, image: NDArray[np.uint8]) -> av.VideoFrame:
        """Convert as `to_video_frame`, in less than half of the time that FFmpeg takes."""
        frame = av.VideoFrame(image.shape[1], image.shape[0], "yuv420p")
        planes = [
            np.frombuffer(cast(memoryview, plane), np.uint8).reshape(-1, plane.line_size)[
                : plane.height, : plane.width
            ]
            for plane in frame.planes
        ]
        write_yuv420(image, self._conversion, planes)
        frame.colorspace = BT709 if self._matrix == BT709 else _SMPTE170M
        frame.color_range = LIMITED_RANGE
        return frame


def _limited_range_conversion(matrix: int) -> NDArray[np.float64]:
    """Return the weights of R, G and B in 0..255 and the constant, for Y, U and V; float64 (3, 4).

    Reference: ITU-R BT.601-7 and BT.709-6.
    """
    red, blue = (0.2126, 0.0722) if matrix == BT709 else (0.299, 0.114)
    luma = np.array([red, 1 - red - blue, blue])
    u, v = (np.eye(3)[2] - luma) / (2 * (1 - blue)), (np.eye(3)[0] - luma) / (2 * (1 - red))
    weights = np.array([219 * luma, 224 * u, 224 * v]) / 255
    return np.column_stack([weights, [16, 128, 128]])


def pad_to_even(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat the last row and column where their number is odd; return `image` itself if both are even."""
    height, width = image.shape[:2]
    if not (height % 2 or width % 2):
        return image
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _source_matrix(frame: av.VideoFrame) -> int | None:
    """Return the matrix of an untagged frame; None for the frame's own."""
    if frame.colorspace != _UNSPECIFIED:
        return None
    is_hdr = frame.color_trc in HDR_TRANSFERS
    return _BT2020 if is_hdr else default_matrix(Size(frame.width, frame.height))


def _map_planes(frame: av.VideoFrame, mapper: ToneMapper) -> tuple[Frame, NDArray[np.uint8] | None]:
    """Map a frame of the format gbrp16le or gbrap16le; return the image, and its alpha in 8 bits.

    Planes, because swscale of FFmpeg 8.1 gives wrong colors in rgb48le with exact interpolation.
    """
    green, blue, red, *alpha = (
        np.frombuffer(memoryview(plane), np.uint16).reshape(frame.height, -1)[:, : frame.width]
        for plane in frame.planes
    )
    image = mapper.map(merge_channels(red, green, blue))
    return image, (alpha[0] >> 8).astype(np.uint8) if alpha else None


def _has_alpha(frame: av.VideoFrame) -> bool:
    return frame.format.has_palette or any(each.is_alpha for each in frame.format.components)


def _declared_peak(frame: av.VideoFrame) -> float | None:
    """Return the peak that a PQ frame declares in cd/m²: of its content, else of its mastering display."""
    side_data = _side_data(frame) or {}
    content = side_data.get(Type.CONTENT_LIGHT_LEVEL)
    if content is not None:
        level = struct.unpack_from("=I", content)[0]
        if level:
            return float(level)
    mastering = side_data.get(Type.MASTERING_DISPLAY_METADATA)
    if mastering is not None:
        # AVMasteringDisplayMetadata: 8 chromaticities and two luminances as fractions, then two flags.
        *_, numerator, denominator, _, has_luminance = struct.unpack_from("=22i", mastering)
        if has_luminance and numerator > 0 and denominator > 0:
            return float(numerator / denominator)
    return None


def _side_data(frame: av.VideoFrame) -> dict[Type, bytes] | None:
    """Return the side data of a frame; None if PyAV can't list it."""
    try:
        # PyAV's stubs declare the side data as a plain dict, whose `values` fails on some types.
        listed = [cast(SideData, each) for each in frame.side_data]
    except ValueError:
        # PyAV 18 refuses all side data of a frame if it has no name for one type of it (EXIF since FFmpeg 8).
        return None
    return {each.type: bytes(each) for each in listed}


def _display_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """Return a, b, c, d of x' = ax + cy, y' = bx + dy, with the origin at the top left."""
    side_data = _side_data(frame)
    if side_data is None:
        # PyAV still gives the angle, counterclockwise; a flip is lost.
        return _rotation_matrix(frame.rotation)
    data = side_data.get(Type.DISPLAYMATRIX)
    if data is None:
        return 1, 0, 0, 1
    values = struct.unpack("=9i", data)
    return values[0], values[1], values[3], values[4]


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
