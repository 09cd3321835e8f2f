"""Augmentation of training images: transforms, lighting and camera artifacts.

Images are rendered at twice the network's size and downscaled at the end, as a webcam's frame is.
"""

from dataclasses import dataclass, replace
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.imaging.trimap import BACKGROUND

Transform = NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True)
class LightingAugmentation:
    """Lighting of a scene: gain per channel, gamma and offset, sampled once per scene.

    `side` is the log brightness at the right and at the bottom border relative to the center: a window, a
    lamp, a screen. `below` is how much darker (as a logarithm) each channel is at the bottom than at the top:
    dark or tinted clothes.
    """

    gain: tuple[float, float, float]
    gamma: float
    offset: float
    side: tuple[float, float] = (0.0, 0.0)
    below: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @classmethod
    def sample(cls, rng: Rng, strength: float = 1.0) -> "LightingAugmentation":
        """Sample a lighting: mostly mild, sometimes dark or with a color cast; with strength 0 neutral."""
        color_cast = rng.normal(0, 0.06 * strength, 3)
        gamma = float(np.exp(rng.normal(0, 0.25 * strength)))
        brightness = float(np.exp(rng.normal(-0.05 * strength, 0.18 * strength)))
        if rng.random() < 0.12 * strength:
            brightness *= rng.uniform(0.25, 0.6)
        gain = tuple(float(brightness * (1 + c)) for c in color_cast)
        offset = float(rng.normal(0, 8 * strength))
        side = (0.0, 0.0)
        if rng.random() < 0.2 * strength:
            side = (float(rng.normal(0, 0.6)), float(rng.normal(0, 0.3)))
        return cls(cast(tuple[float, float, float], gain), gamma, offset, side)

    def with_vertical_gradient(self, falls: tuple[float, float, float]) -> "LightingAugmentation":
        """Return this lighting, darker by `falls` (a logarithm per channel) at the bottom, not at the top."""
        return replace(self, below=falls)

    def apply(self, frame: Frame) -> Frame:
        """Apply the gradients, then gain, gamma and offset by a table of 256 entries per channel."""
        if any(self.side) or any(self.below):
            frame = cast(Frame, cv2.multiply(frame, self._gradient(Size.of(frame)), dtype=cv2.CV_8U))
        ramp = (np.arange(256) / 255.0) ** self.gamma * 255
        table = np.stack([np.clip(ramp * g + self.offset, 0, 255) for g in self.gain], axis=-1)
        return cast(Frame, cv2.LUT(frame, np.rint(table).astype(np.uint8)[None]))

    def _gradient(self, size: Size) -> NDArray[np.float32]:
        """Return the factor of every pixel and channel, float32 (h, w, 3)."""
        across, down = (np.linspace(-s, s, n) for s, n in zip(self.side, size, strict=True))
        falls = np.linspace(0, 1, size.height)[:, None] * np.array(self.below)
        # Rows and columns separately: the exponential of every pixel would take most of the rendering time.
        rows = np.exp(down[:, None] - falls).astype(np.float32)
        gradient: NDArray[np.float32] = rows[:, None] * np.exp(across).astype(np.float32)[None, :, None]
        return gradient


@dataclass(frozen=True)
class CameraArtifacts:
    """Artifacts of a webcam, sampled once per scene; only the noise differs from frame to frame."""

    blur: float
    motion: tuple[int, float]
    noise: float
    noise_grain: float
    jpeg_quality: int
    downscale: float

    @classmethod
    def sample(cls, rng: Rng) -> "CameraArtifacts":
        """Sample artifacts; most scenes have few."""
        return cls(
            blur=float(rng.uniform(0.4, 1.8)) if rng.random() < 0.3 else 0.0,
            motion=_sample_motion(rng) if rng.random() < 0.1 else (0, 0.0),
            noise=float(rng.gamma(1.2, 4.0)) if rng.random() < 0.6 else 0.0,
            noise_grain=float(rng.uniform(0.8, 2.0)),
            jpeg_quality=int(rng.integers(25, 95)) if rng.random() < 0.5 else 100,
            downscale=float(rng.uniform(0.4, 0.8)) if rng.random() < 0.15 else 1.0,
        )

    def apply(self, frame: Frame, rng: Rng) -> Frame:
        """Apply the artifacts in the order in which a camera adds them."""
        if self.motion[0]:
            frame = _motion_blur(frame, *self.motion)
        if self.blur:
            frame = cast(Frame, cv2.GaussianBlur(frame, (0, 0), self.blur))
        if self.downscale < 1:
            size = Size.of(frame)
            small = cv2.resize(
                frame, None, fx=self.downscale, fy=self.downscale, interpolation=cv2.INTER_AREA
            )
            frame = cast(Frame, cv2.resize(small, tuple(size), interpolation=cv2.INTER_LINEAR))
        if self.noise:
            frame = _add_noise(frame, self.noise, self.noise_grain, rng)
        if self.jpeg_quality < 100:
            _, encoded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg_quality])
            frame = cast(Frame, cv2.imdecode(encoded, cv2.IMREAD_COLOR))
        return frame


def _sample_motion(rng: Rng) -> tuple[int, float]:
    """Sample length in pixels and angle in radians of a motion blur."""
    return int(rng.integers(3, 12)), float(rng.uniform(0, np.pi))


def _motion_blur(frame: Frame, length: int, angle: float) -> Frame:
    kernel = np.zeros((length, length), np.float32)
    center, half_length = (length - 1) / 2, (length - 1) / 2
    dx, dy = np.cos(angle) * half_length, np.sin(angle) * half_length
    ends = (round(center - dx), round(center - dy)), (round(center + dx), round(center + dy))
    cv2.line(kernel, *ends, 1.0)
    return cast(Frame, cv2.filter2D(frame, -1, kernel / kernel.sum()))


def _add_noise(frame: Frame, strength: float, grain: float, rng: Rng) -> Frame:
    noise: NDArray[np.int16] = np.empty(frame.shape, np.int16)
    # OpenCV samples normal numbers ten times faster than NumPy; its seed comes from `rng`.
    cv2.setRNGSeed(int(rng.integers(1 << 31)))
    cv2.randn(noise, np.zeros(3), np.full(3, strength))
    if grain > 1.4:
        noise = cast("NDArray[np.int16]", cv2.GaussianBlur(noise, (3, 3), 0) * np.int16(2))
    return cast(Frame, cv2.add(frame, noise, dtype=cv2.CV_8U))


def similarity_transform(
    scale: tuple[float, float], degrees: float, pivot: tuple[float, float], to: tuple[float, float]
) -> Transform:
    """Return the 2×3 transform that scales and rotates around `pivot` (x, y) and moves it to `to`."""
    radians = np.deg2rad(degrees)
    linear = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]]) @ np.diag(
        scale
    )
    return np.hstack([linear, (np.array(to) - linear @ np.array(pivot))[:, None]])


def compose(second: Transform, first: Transform) -> Transform:
    """Return the 2×3 transform that applies `first`, then `second`."""
    return np.asarray((np.vstack([second, [0, 0, 1]]) @ np.vstack([first, [0, 0, 1]]))[:2])


def jitter_transform(transform: Transform, rng: Rng, size: Size, amount: float) -> Transform:
    """Add a small random shift, rotation and scaling to a transform: a few per cent times `amount`."""
    zoom = 1 + float(rng.normal(0, 0.015 * amount))
    center = (size.width / 2, size.height / 2)
    across = center[0] + float(rng.normal(0, 0.015 * amount)) * size.width
    down = center[1] + float(rng.normal(0, 0.01 * amount)) * size.height
    return compose(
        similarity_transform((zoom, zoom), float(rng.normal(0, amount)), center, (across, down)), transform
    )


def warp(image: Frame, transform: Transform, size: Size) -> Frame:
    """Warp an image or an 8-bit matte, bilinear; mirrored beyond its borders."""
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101
    return cast(Frame, cv2.warpAffine(image, transform, tuple(size), flags=flags, borderMode=border))


def warp_matte(matte: NDArray[np.uint8], transform: Transform, size: Size) -> NDArray[np.uint8]:
    """Warp an 8-bit matte, bilinear; 0 outside it."""
    warped = cv2.warpAffine(matte, transform, tuple(size), flags=cv2.INTER_LINEAR, borderValue=0)
    return cast("NDArray[np.uint8]", warped)


def warp_trimap(
    trimap: NDArray[np.uint8], transform: Transform, size: Size, border: int = cv2.BORDER_CONSTANT
) -> NDArray[np.uint8]:
    """Warp a trimap by nearest neighbour, so that labels are never mixed; background outside it."""
    flags = cv2.INTER_NEAREST
    warped = cv2.warpAffine(
        trimap, transform, tuple(size), flags=flags, borderMode=border, borderValue=BACKGROUND
    )
    return cast("NDArray[np.uint8]", warped)


def match_mean_color(frame: Frame, matte: NDArray[np.uint8], background: Frame, strength: float) -> Frame:
    """Move the foreground's mean color towards the background's by `strength` in [0, 1]."""
    mask = (matte > 127).astype(np.uint8)
    if not mask.any():
        return frame
    foreground_mean = np.array(cv2.mean(frame, mask=mask)[:3]) + 1
    background_mean = np.array(cv2.mean(background)[:3]) + 1
    gain = np.clip((background_mean / foreground_mean) ** strength, 0.5, 1.6)
    table = np.rint(np.clip(np.arange(256)[:, None] * gain[None], 0, 255)).astype(np.uint8)
    return cast(Frame, cv2.LUT(frame, table[None]))


def sample_texture(images: list[Frame], rng: Rng, plain_fraction: float, largest: float) -> Frame:
    """Sample a plain color as a single pixel, or a square part of an image, uint8 (h, w, 3).

    Args:
        images: what parts are cut from; without any, the color is plain.
        rng: of the scene.
        plain_fraction: fraction of plain colors.
        largest: largest side of a part, as a fraction of the image's shorter side.
    """
    if not images or rng.random() < plain_fraction:
        return cast(Frame, rng.integers(0, 256, (1, 1, 3)).astype(np.uint8))
    source = images[int(rng.integers(len(images)))]
    side = max(8, int(min(source.shape[:2]) * rng.uniform(0.2, largest)))
    top, left = (int(rng.integers(max(1, s - side + 1))) for s in source.shape[:2])
    return source[top : top + side, left : left + side]


def paste(frame: Frame, matte: NDArray[np.uint8], background: Frame) -> Frame:
    """Paste a frame on a background by its 8-bit matte."""
    alpha = matte.astype(np.float32) / 255
    return cast(Frame, cv2.blendLinear(frame, background, alpha, 1 - alpha))
