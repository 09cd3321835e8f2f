"""Whatever a picture file holds, as RGB and alpha: palettes, grey, CMYK, profiles, 16 bits and floats."""

import io
from contextlib import suppress
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

# What Pillow can average without mixing up colours; anything else becomes one of these first.
_SMOOTH_MODES = ("L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB")


def to_resizable_mode(image: Image.Image) -> Image.Image:
    """The same picture in a mode that can be resized: no palette, bitmap or colour key, 8 bits a channel."""
    if image.mode[0] in "IF" and not image.mode.startswith("IC"):
        return Image.fromarray(to_uint8(np.asarray(image)))
    if "transparency" in image.info and image.mode in ("P", "L", "RGB", "1"):
        return image.convert("RGBA")
    if image.mode in _SMOOTH_MODES:
        return image
    if image.mode in ("PA", "La", "RGBa"):
        return image.convert("LA" if image.mode == "La" else "RGBA")
    return image.convert("L" if image.mode == "1" else "RGB")


def split_alpha_srgb(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Mode RGB in sRGB, and mode L for alpha where there is any; `image` is smoothable."""
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    opaque = image.convert(image.mode[:-1]) if alpha else image
    if alpha and alpha.getextrema() == (255, 255):
        alpha = None
    return _to_srgb(opaque, image.info.get("icc_profile")), alpha


def to_uint8(values: NDArray[Any]) -> NDArray[np.uint8]:
    """16 bits by their upper half; floats as 0..1, or 0..brightest where something is brighter than 1."""
    if values.dtype == np.uint8:
        return cast(NDArray[np.uint8], values)
    if values.dtype.kind == "f":
        light = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)
        share = np.clip(light / max(1.0, float(light.max())), 0.0, 1.0)
        return np.asarray(share * 255.0 + 0.5, dtype=np.uint8)
    # Pillow hands out 16-bit grey as uint16 or as int32, depending on its version.
    bits = values if values.dtype.itemsize == 2 and values.dtype.kind == "u" else np.clip(values, 0, 65535)
    return np.asarray(bits >> 8, dtype=np.uint8)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    # A profile that is broken or meant for another mode is common; plain conversion is then the best guess.
    with suppress(ImageCms.PyCMSError, ImportError, OSError, ValueError, TypeError):
        if image.mode == "LAB":
            return _translated(image, ImageCms.createProfile("LAB"))
        if profile and image.mode in ("L", "RGB", "CMYK"):
            return _translated(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    return image.convert("RGB")


def _translated(image: Image.Image, profile: Any) -> Image.Image:
    srgb = ImageCms.createProfile("sRGB")
    found = ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
    if found is None:
        raise ValueError("no picture came back")
    return found
