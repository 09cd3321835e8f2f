"""Picture files: read one as a frame with its matte, write one."""

import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from livecam.core.errors import FileWriteError, FrameError, ImageError
from livecam.core.fileio import os_error_reason, read_signature, write_atomic
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte, RgbaFrame
from livecam.imaging.color import split_alpha_srgb, to_resizable_mode, to_uint8
from livecam.imaging.ops import decode_any_depth

# A list, as some of Pillow's other readers start programs (EPS) or fetch files.
_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM")
_MOST_MEGAPIXELS = 250
_STARTS = re.compile(rb"\xff\xd8\xff|\x89PNG|RIFF....WEBP|II\*\0|MM\0\*|GIF8", re.DOTALL)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_pillow_limit = threading.Lock()


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """A picture as read; both arrays are read-only.

    Attributes:
        frame: uint8 RGB (height, width, 3).
        matte: float32 [0, 1] (height, width) from the file's alpha; None where all is opaque.
    """

    image: Frame
    alpha: Matte | None = None

    def __post_init__(self) -> None:
        self.image.setflags(write=False)
        if self.alpha is not None:
            self.alpha.setflags(write=False)


def read_image(path: Path | str, *, longest: int = 4096) -> LoadedImage:
    """Read JPEG, PNG, WebP, BMP, TIFF, GIF (its first image) or what else Pillow can, upright and in sRGB.

    Args:
        path: the file.
        longest: the longer side in pixels at most; larger pictures are made smaller while reading.

    Raises:
        ImageError: the file is missing, unreadable, no picture, cut off or beyond 250 megapixels.
    """
    path = Path(path)
    start = read_signature(path)
    try:
        with _without_pixel_limit(), path.open("rb") as file:
            return _read(file, longest)
    except UnidentifiedImageError as error:
        if _STARTS.match(start):
            raise ImageError(f"{path} is cut off or damaged; download or copy it again") from error
        raise ImageError(f"{path} is no picture livecam can read; save it as JPEG or PNG") from error
    except _TooLargeError as error:
        raise ImageError(f"{path} has {error}; make it smaller first") from error
    except MemoryError as error:
        raise ImageError(f"{path} does not fit into memory; make it smaller first") from error
    except Exception as error:  # Pillow's decoders meet damage with anything: struct, zlib, Key-, IndexError
        raise ImageError(f"{path} is cut off or damaged; download or copy it again") from error


def write_image(path: Path | str, frame: Frame | RgbaFrame) -> None:
    """Write a frame (PNG or JPEG) or a cutout (PNG) by the suffix of `path`; half-written files never appear.

    Raises:
        FrameError: `image` is neither a frame nor a cutout.
        FileWriteError: the suffix is another one, or the file can't be written.
    """
    path = Path(path)
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] not in (3, 4) or 0 in frame.shape:
        raise FrameError(f"a picture is written from uint8 RGB or RGBA, not {frame.dtype} {frame.shape}")
    kind = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}.get(path.suffix.lower())
    if kind is None:
        raise FileWriteError(f"can't write {path}", "name it .png or .jpg", path=path)
    if kind == "JPEG" and frame.shape[2] == 4:
        raise FileWriteError("JPEG has no transparency", f"name {path.name} .png instead", path=path)
    written = io.BytesIO()
    try:
        Image.fromarray(frame).save(written, kind, quality=95, subsampling=0)
        write_atomic(path, written.getvalue())
    except (OSError, ValueError) as error:
        problem = f"can't write {path} ({os_error_reason(error)})"
        raise FileWriteError(problem, "choose another folder or free space", path=path) from error


def write_grayscale(path: Path | str, levels: NDArray[np.uint8]) -> None:
    """Write uint8 (height, width), a matte's 255 levels or a trimap, as a grey PNG; whole or not at all.

    Raises:
        FileWriteError: the file can't be written.
    """
    path, written = Path(path), io.BytesIO()
    try:
        Image.fromarray(levels).save(written, "PNG")
        write_atomic(path, written.getvalue())
    except (OSError, ValueError) as error:
        problem = f"can't write {path} ({os_error_reason(error)})"
        raise FileWriteError(problem, "choose another folder or free space", path=path) from error


def is_animated_gif(path: Path | str) -> bool:
    """Whether the file is a GIF of several images, so that it is a video rather than a picture."""
    with suppress(Exception), _without_pixel_limit(), Image.open(path, formats=("GIF",)) as image:
        return bool(getattr(image, "is_animated", False))
    return False


class _TooLargeError(Exception):
    """More pixels than may be read."""


@contextmanager
def _without_pixel_limit() -> Iterator[None]:
    # Pillow warns at 89 and fails at 179 megapixels by a module's variable; ours is one limit and one line.
    with _pillow_limit:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _read(file: io.BufferedReader, longest: int) -> LoadedImage:
    Image.init()
    image: Image.Image
    try:
        image = Image.open(file, formats=[name for name in _FORMATS if name in Image.OPEN])
    except UnidentifiedImageError:
        image = _read_deep_tiff(file)
    _check_pixels(*image.size)
    scale = min(1.0, longest / max(image.size))
    image.draft(None, (int(image.width * scale), int(image.height * scale)))
    image.load()
    turn = _UPRIGHT.get(_exif_orientation(image))
    colour, alpha = split_alpha_srgb(_limit_size(to_resizable_mode(image), longest))
    if turn is not None:
        colour, alpha = colour.transpose(turn), alpha.transpose(turn) if alpha else None
    matte = None if alpha is None else np.asarray(alpha).astype(np.float32) / np.float32(255.0)
    return LoadedImage(np.array(colour), matte)


def _limit_size(image: Image.Image, longest: int) -> Image.Image:
    scale = longest / max(image.size)
    if scale >= 1.0:
        return image
    size = Size(max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    small.info = image.info
    return small


def _exif_orientation(image: Image.Image) -> int:
    with suppress(Exception):  # a broken EXIF block is no reason to refuse the pixels
        return int(image.getexif().get(0x0112, 1))
    return 1


def _read_deep_tiff(file: io.BufferedReader) -> Image.Image:
    """A TIFF of several 16-bit or float channels, which Pillow does not know."""
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
        raise UnidentifiedImageError("nobody can read this TIFF")
    return Image.fromarray(to_uint8(pixels))


def _check_pixels(width: int, height: int) -> None:
    if width * height > _MOST_MEGAPIXELS * 1_000_000:
        raise _TooLargeError(f"{width}x{height} pixels, more than {_MOST_MEGAPIXELS} megapixels")


def encode_image(picture: NDArray[np.uint8], suffix: str) -> bytes:
    """A picture, RGB or of one channel, as the bytes of a ``.png`` or ``.jpg``."""
    written = io.BytesIO()
    image = Image.fromarray(picture)
    if suffix == ".png":
        image.save(written, "PNG")
    else:
        image.save(written, "JPEG", quality=95, subsampling=0)
    return written.getvalue()
