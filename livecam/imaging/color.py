"""Convert decoded images to sRGB and alpha.

Handles palettes, gray, CMYK, ICC profiles, 16 bits and floats.
"""

import io
from contextlib import suppress
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

# The modes that Pillow resizes without mixing unrelated values. Other modes are converted to one of these.
_RESIZABLE_MODES = ("L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB")


def to_resizable_mode(image: Image.Image) -> Image.Image:
    """Convert an image to a mode that can be resized.

    Such a mode has 8 bits a channel and no palette, bitmap or color key.
    """
    if image.mode[0] in "IF" and not image.mode.startswith("IC"):
        return Image.fromarray(to_uint8(np.asarray(image)))
    if "transparency" in image.info and image.mode in ("P", "L", "RGB", "1"):
        return image.convert("RGBA")
    if image.mode in _RESIZABLE_MODES:
        return image
    if image.mode in ("PA", "La", "RGBa"):
        return image.convert("LA" if image.mode == "La" else "RGBA")
    return image.convert("L" if image.mode == "1" else "RGB")


def split_alpha_srgb(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Split an image of a resizable mode into color and alpha.

    Returns:
        An image of mode RGB in sRGB, and one of mode L with the alpha; None where all pixels are opaque.
    """
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    opaque = image.convert(image.mode[:-1]) if alpha else image
    if alpha and alpha.getextrema() == (255, 255):
        alpha = None
    return _to_srgb(opaque, image.info.get("icc_profile")), alpha


def to_uint8(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Convert sample values of any depth to uint8.

    Integers keep their upper 8 of 16 bits. Floats are scaled from [0, 1], or from [0, maximum] where the
    maximum is above 1; NaN becomes 0.
    """
    if values.dtype == np.uint8:
        return cast(NDArray[np.uint8], values)
    if values.dtype.kind == "f":
        finite = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)
        scaled = np.clip(finite / max(1.0, float(finite.max())), 0.0, 1.0)
        return np.asarray(scaled * 255.0 + 0.5, dtype=np.uint8)
    # Pillow returns 16-bit gray as uint16 or as int32, depending on its version.
    bits = values if values.dtype.itemsize == 2 and values.dtype.kind == "u" else np.clip(values, 0, 65535)
    return np.asarray(bits >> 8, dtype=np.uint8)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    # Profiles that are broken or made for another mode are frequent; the plain conversion is the best guess.
    with suppress(ImageCms.PyCMSError, ImportError, OSError, ValueError, TypeError):
        if image.mode == "LAB":
            return _apply_profile(image, ImageCms.createProfile("LAB"))
        if profile and image.mode in ("L", "RGB", "CMYK"):
            return _apply_profile(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    return image.convert("RGB")


def _apply_profile(image: Image.Image, profile: Any) -> Image.Image:
    srgb = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
    if converted is None:
        raise ValueError("the color conversion returned no image")
    return converted
