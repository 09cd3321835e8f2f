"""Image files: read one as a frame with its alpha, write one, encode one."""

import io
import re
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, TiffImagePlugin, UnidentifiedImageError

from livecam.core.errors import FileWriteError, FrameError, ImageError
from livecam.core.fileio import os_error_reason, read_signature, write_atomic
from livecam.core.geometry import Size
from livecam.core.media_types import is_heic
from livecam.core.types import Frame, Matte, RgbaFrame
from livecam.imaging.color import split_alpha_srgb, to_resizable_mode, to_uint8
from livecam.imaging.ops import decode_any_depth
from livecam.imaging.tone_mapping import ToneMapper, mapping_for_tags

# Some of Pillow's other decoders start programs (EPS) or fetch files, so only these are allowed.
_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM", "HEIF")
_NCLX_FORMATS = ("AVIF", "HEIF")
_NCLX = b"colrnclx"
_MAX_NCLX_OFFSET = 1 << 16  # bytes; the properties of a picture come before its data
_ANIMATED_FORMATS = tuple(name for name in ("GIF", "PNG", "WEBP", "AVIF") if name in _FORMATS)
_MAX_MEGAPIXELS = 250
_ORIENTATION_TAG = 0x0112
_SIGNATURES = re.compile(rb"\xff\xd8\xff|\x89PNG|RIFF....WEBP|II\*\0|MM\0\*|GIF8", re.DOTALL)
_JPEG_OPTIONS: dict[str, Any] = {"quality": 95, "subsampling": 0}
_pixel_limit_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """An image as read from a file. Both arrays are read-only.

    Attributes:
        image: uint8 RGB (height, width, 3), upright and in sRGB.
        alpha: float32 (height, width) in [0, 1]; None where all pixels are opaque.
    """

    image: Frame
    alpha: Matte | None = None

    def __post_init__(self) -> None:
        self.image.setflags(write=False)
        if self.alpha is not None:
            self.alpha.setflags(write=False)


def read_image(path: Path | str, *, longest: int = 4096) -> LoadedImage:
    """Read an image file, rotated upright by its EXIF orientation and converted to sRGB.

    Reads JPEG, PNG, WebP, BMP, TIFF, the first image of a GIF, and where Pillow supports them AVIF, JPEG 2000
    and PPM; HEIC with the package pillow-heif.

    Args:
        path: the file.
        longest: maximum length of the longer side in pixels; larger images are downscaled while reading.

    Raises:
        ImageError: the file is missing, unreadable, no image, truncated or larger than 250 megapixels.
    """
    path = Path(path)
    signature = read_signature(path)
    is_unknown_heic = is_heic(path) and not _register_heif()
    try:
        with _without_pixel_limit(), path.open("rb") as file:
            return _read(file, longest)
    except UnidentifiedImageError as error:
        if is_unknown_heic:
            hint = "pip install 'livecam[heic]', or save it as JPEG"
            problem = f"{path} is a HEIC picture, which needs one more package"
            raise ImageError(problem, hint, path=path) from error
        if _SIGNATURES.match(signature):
            raise _damaged(path) from error
        problem = f"{path} is no image livecam can read"
        raise ImageError(problem, "save it as JPEG or PNG", path=path) from error
    except _TooLargeError as error:
        raise ImageError(f"{path} has {error}", "make it smaller first", path=path) from error
    except MemoryError as error:
        raise ImageError(f"{path} does not fit into memory", "make it smaller first", path=path) from error
    except Exception as error:  # Pillow's decoders raise anything on damage: struct, zlib, Key-, IndexError
        raise _damaged(path) from error


def _register_heif() -> bool:
    """Let Pillow read HEIC; return whether it can."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener(thumbnails=False)
    return True


def read_image_size(path: Path | str) -> Size:
    """Return the size of an image file as it is stored, without decoding its pixels.

    Raises:
        ImageError: the file is missing, unreadable or no image.
    """
    path = Path(path)
    read_signature(path)
    if is_heic(path):
        _register_heif()
    try:
        with _without_pixel_limit(), _open(path) as image:
            return Size(*image.size)
    except Exception as error:  # Pillow's decoders raise anything on damage
        raise _damaged(path) from error


def _damaged(path: Path) -> ImageError:
    return ImageError(f"{path} is cut off or damaged", "download or copy it again", path=path)


def write_image(path: Path | str, image: Frame | RgbaFrame) -> None:
    """Write an image file atomically; the suffix of `path` chooses PNG or JPEG.

    Args:
        path: ``.png``, ``.jpg`` or ``.jpeg``.
        image: uint8 RGB (height, width, 3), or RGBA (height, width, 4) for a PNG.

    Raises:
        FrameError: `image` is neither an RGB nor an RGBA frame.
        FileWriteError: the suffix is another one, or the file cannot be written.
    """
    path = Path(path)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (3, 4) or 0 in image.shape:
        raise FrameError(f"an image is written from uint8 RGB or RGBA, not {image.dtype} {image.shape}")
    suffix = path.suffix.lower()
    if suffix not in (".png", ".jpg", ".jpeg"):
        raise FileWriteError(f"can't write {path}", "name it .png or .jpg", path=path)
    if suffix != ".png" and image.shape[2] == 4:
        raise FileWriteError("JPEG has no transparency", f"name {path.name} .png instead", path=path)
    _write(path, image, suffix)


def read_grayscale(path: Path) -> NDArray[np.uint8]:
    """Read an 8-bit grayscale PNG as it is: labels, not colors. A palette gives its indices.

    Returns:
        uint8 (height, width).

    Raises:
        ImageError: the file is missing, damaged, or no such PNG.
    """
    try:
        with Image.open(path, formats=("PNG",)) as image:
            mode, levels = image.mode, np.array(image)
    except Exception as error:  # Pillow's decoders raise anything on damage: struct.error, SyntaxError
        problem = f"{path} can't be read ({os_error_reason(error)})"
        raise ImageError(problem, "write it again as an 8-bit gray PNG", path=path) from error
    if mode not in ("L", "P"):
        raise ImageError(f"{path} is no 8-bit gray PNG", "write it again as one", path=path)
    return np.asarray(levels, np.uint8)


def write_grayscale(path: Path | str, levels: NDArray[np.uint8]) -> None:
    """Write one channel as a grayscale PNG, atomically.

    Args:
        path: the file.
        levels: uint8 (height, width): a matte in 256 levels, or a trimap.

    Raises:
        FileWriteError: the file cannot be written.
    """
    _write(Path(path), levels, ".png")


def _write(path: Path, image: NDArray[np.uint8], suffix: str) -> None:
    try:
        write_atomic(path, encode_image(image, suffix))
    except (OSError, ValueError) as error:
        problem = f"can't write {path} ({os_error_reason(error)})"
        raise FileWriteError(problem, "choose another folder or free space", path=path) from error


def encode_image(image: NDArray[np.uint8], suffix: str) -> bytes:
    """Return an image as the bytes of a PNG, or of a JPEG for any other suffix than ``.png``.

    Args:
        image: uint8 (height, width), or (height, width, 3) RGB; for a PNG also (height, width, 4) RGBA.
        suffix: ``.png``, ``.jpg`` or ``.jpeg``.
    """
    encoded = io.BytesIO()
    if suffix == ".png":
        Image.fromarray(image).save(encoded, "PNG")
    else:
        Image.fromarray(image).save(encoded, "JPEG", **_JPEG_OPTIONS)
    return encoded.getvalue()


def is_animated(path: Path | str) -> bool:
    """Return whether the file is a GIF, PNG, WebP or AVIF of several images, read as a video."""
    with suppress(Exception), _without_pixel_limit(), Image.open(path, formats=_ANIMATED_FORMATS) as image:
        return bool(getattr(image, "is_animated", False))
    return False


def read_orientation(path: Path | str) -> int:
    """Return the EXIF orientation of an image file, 1 to 8; 1 (upright) where there is none."""
    with suppress(Exception), _without_pixel_limit(), Image.open(path, formats=_ANIMATED_FORMATS) as image:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
        return orientation if orientation in range(1, 9) else 1
    return 1


class _TooLargeError(Exception):
    """The image has more pixels than `_MAX_MEGAPIXELS`."""


@contextmanager
def _without_pixel_limit() -> Iterator[None]:
    # Pillow warns at 89 and fails at 179 megapixels by a module variable. livecam has one limit and one text.
    with _pixel_limit_lock:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _open(file: Path | io.BufferedReader) -> ImageFile.ImageFile:
    """Open an image of `_FORMATS` with Pillow, as far as it has them."""
    Image.init()
    return Image.open(file, formats=[name for name in _FORMATS if name in Image.OPEN])


def _read(file: io.BufferedReader, longest: int) -> LoadedImage:
    image: Image.Image
    try:
        image = _open(file)
    except UnidentifiedImageError:
        image = _read_deep_tiff(file)
    _check_pixels(*image.size)
    scale = min(1.0, longest / max(image.size))
    image.draft(None, (int(image.width * scale), int(image.height * scale)))
    image.load()
    with suppress(Exception):  # a broken EXIF block is no reason to refuse the pixels
        ImageOps.exif_transpose(image, in_place=True)
    rgb, alpha = split_alpha_srgb(_limit_size(to_resizable_mode(image), longest))
    matte = None if alpha is None else np.asarray(alpha).astype(np.float32) / np.float32(255.0)
    pixels = np.array(rgb)
    if image.format in _NCLX_FORMATS and not image.info.get("icc_profile"):
        pixels = _map_by_nclx(pixels, file)
    return LoadedImage(pixels, matte)


def _map_by_nclx(pixels: Frame, file: io.BufferedReader) -> Frame:
    """Map a picture with the color tags of HEIF (ISO/IEC 23008-12) that are not those of sRGB to it.

    Pillow gives HDR in 8 bits: dark gradients have steps, the brightness is right.
    """
    file.seek(0)
    start = file.read(_MAX_NCLX_OFFSET)
    position = start.find(_NCLX)
    if position < 0 or len(start) < position + len(_NCLX) + 4:
        return pixels
    primaries, transfer = struct.unpack_from(">HH", start, position + len(_NCLX))
    mapping = mapping_for_tags(transfer, primaries)
    return pixels if mapping is None else ToneMapper(*mapping).map(pixels.astype(np.uint16) * np.uint16(257))


def _limit_size(image: Image.Image, longest: int) -> Image.Image:
    if longest >= max(image.size):
        return image
    size = Size(*image.size).fit_within(longest)
    small = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    small.info = image.info
    return small


def _read_deep_tiff(file: io.BufferedReader) -> Image.Image:
    """Read a TIFF of several 16-bit or float channels, which Pillow does not support."""
    file.seek(0)
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
        file.seek(tags.next)
        tags.load(file)
        _check_pixels(int(tags[0x0100]), int(tags[0x0101]))
    except (SyntaxError, KeyError, ValueError, TypeError, OSError) as error:
        raise UnidentifiedImageError("not a TIFF") from error
    file.seek(0)
    pixels = decode_any_depth(np.frombuffer(file.read(), np.uint8))
    if pixels is None:
        raise UnidentifiedImageError("neither Pillow nor OpenCV reads this TIFF")
    return Image.fromarray(to_uint8(pixels))


def _check_pixels(width: int, height: int) -> None:
    if width * height > _MAX_MEGAPIXELS * 1_000_000:
        raise _TooLargeError(f"{width}x{height} pixels, more than {_MAX_MEGAPIXELS} megapixels")
