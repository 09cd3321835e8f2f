"""Procedural backgrounds: soft shapes without sharp edges near hair, and noise that prevents banding.

Each function takes a `Size` and returns a new frame. Coordinates are in frame heights, x from the center and
y from the top, so that a wider frame shows more at the sides instead of stretching.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from livecam.core.geometry import Size
from livecam.core.types import Frame

FloatImage = NDArray[np.floating[Any]]


def studio(size: Size) -> Frame:
    """Draw a painted canvas with a light in its middle."""
    x, y = _coordinates(size)
    glow = np.exp(-((x / 0.75) ** 2 + ((y - 0.42) / 0.6) ** 2))
    glow = glow + 0.10 * _clouds(size, 3.0, 11) + 0.05 * _clouds(size, 9.0, 12) - 0.10 * y
    return _dither_to_uint8(_color_ramp(glow, ["#20242b", "#39414c", "#66717d", "#96a0a8"]))


def dusk(size: Size) -> Frame:
    """Draw hills at sunset."""
    x, y = _coordinates(size)
    sky = _color_ramp(y / 0.74 + 0 * x, ["#232a5c", "#4b4380", "#91588f", "#d9798a", "#f4a883", "#fbd3a0"])
    sun = np.exp(-(((x - 0.28) / 0.55) ** 2 + ((y - 0.74) / 0.20) ** 2))
    image = _over(sky, "#ffe2ae", 0.7 * sun)
    hills = ("#b0708f", "#7d5583", "#523f70", "#30294f")
    for number, color in enumerate(hills):
        ridge = _ridge(x, 20 + number, slowest=1.1 + 0.5 * number) * (0.055 + 0.012 * number)
        below = y - (0.66 + 0.085 * number + ridge)
        mist = np.exp(-np.maximum(below, 0.0) / 0.10) * 0.35
        hill = _over(_solid(color, sky.shape), "#f2a98f", mist * (1.0 - number / 4.0))
        image = _blend(image, hill, _inside(below, 0.004))
    return _dither_to_uint8(image)


def paper(size: Size) -> Frame:
    """Draw heavy white paper in the light of a window."""
    x, y = _coordinates(size)
    light = 0.80 - 0.20 * (y - 0.5) - 0.12 * x + 0.05 * _clouds(size, 1.6, 31)
    along = x * 0.86 + y * 0.5
    panes = np.maximum.reduce([_inside(0.15 - abs(along - middle), 0.12) for middle in (-0.62, -0.16, 0.30)])
    image = _color_ramp(light - 0.16 + 0.20 * panes, ["#a59c8f", "#cbc3b6", "#e6dfd3", "#f5f0e7", "#fffdf8"])
    fibres = 0.6 * _clouds(size, 60.0, 32) + 0.4 * _clouds(size, 150.0, 33)
    return _dither_to_uint8(image + 2.2 * fibres[..., None])


def waves(size: Size) -> Frame:
    """Draw blue paper waves, each with a shadow on the one behind it."""
    x, y = _coordinates(size)
    image = _color_ramp(y * 1.6 + 0.12 * x, ["#e9f3f3", "#cfe6e8", "#b3d8de"])
    sheets = ("#a5d0d8", "#7fb9c8", "#5b9fb7", "#3f83a3", "#2c678a", "#1d4c6e")
    for number, color in enumerate(sheets):
        phase = 1.7 * number
        crest = (
            0.30 + 0.125 * number + 0.055 * np.sin(1.9 * x + phase) + 0.022 * np.sin(4.3 * x - 2.1 * phase)
        )
        below = y - crest
        shadow = np.exp(-np.maximum(-below, 0.0) / 0.035) * 0.22
        image = _over(image, "#0d2c47", shadow)
        sheet = _over(_solid(color, image.shape), "#e8f6f7", 0.30 * np.exp(-np.maximum(below, 0.0) / 0.06))
        image = _blend(image, sheet, _inside(below, 0.003))
    return _dither_to_uint8(image)


def beach(size: Size) -> Frame:
    """Draw sea and sand, far out of focus."""
    x, y = _coordinates(size)
    image = _color_ramp(y / 0.52 + 0 * x, ["#5f9fd0", "#8fc0e0", "#bfdcea", "#e6eff0"])
    cloud = np.clip(_clouds(size, 2.2, 41, flat=3.0) * 0.5 + 0.12 - 0.5 * abs(y - 0.28), 0.0, 1.0)
    image = _over(image, "#ffffff", 0.8 * cloud)
    sea = _color_ramp((y - 0.52) / 0.26 + 0 * x, ["#2f7fa8", "#3f9dba", "#69bcc6", "#a5dad6"])
    sea = sea + 5.0 * _clouds(size, 9.0, 42, flat=7.0)[..., None]
    image = _blend(image, sea, _inside(y - 0.52 + 0 * x, 0.012))
    shore = y - (0.78 + 0.025 * np.sin(1.6 * x + 0.6) + 0.012 * np.sin(4.1 * x))
    image = _over(image, "#f6fbf8", np.exp(-((shore / 0.022) ** 2)))
    sand = (
        _color_ramp(shore / 0.24, ["#c9b08a", "#dcc6a0", "#e8d6b4"])
        + 4.0 * _clouds(size, 26.0, 43)[..., None]
    )
    return _dither_to_uint8(_blend(image, sand, _inside(shore - 0.012, 0.03)))


def bokeh(size: Size) -> Frame:
    """Draw lights in the evening, far out of focus."""
    x, y = _coordinates(size)
    image = _color_ramp(y + 0.10 * x, ["#141a2e", "#221f38", "#38283c", "#2a1d2b"])
    rng = np.random.default_rng(5)
    for _ in range(64):
        left, top, radius = rng.uniform(-1.3, 1.3), rng.normal(0.60, 0.20), rng.uniform(0.035, 0.105)
        color = ("#ffcf8a", "#ffab66", "#ff8f70", "#ffe3b8", "#ffc27a", "#86b6ff")[rng.integers(6)]
        strength = rng.uniform(0.08, 0.38)
        rows, columns = abs(y[:, 0] - top) < radius * 1.2, abs(x[0] - left) < radius * 1.2
        away = np.hypot(x[:, columns] - left, y[rows] - top)
        disc = _inside(radius - away, 0.016) * (0.75 + 0.25 * (away / radius) ** 4)
        image[np.ix_(rows, columns)] += _solid(color, (1, 1, 3)) * (strength * disc)[..., None]
    return _dither_to_uint8(255.0 * (1.0 - np.exp(-image / 190.0)))


PROCEDURAL_BACKGROUNDS: Mapping[str, Callable[[Size], Frame]] = MappingProxyType(
    {drawing.__name__: drawing for drawing in (beach, bokeh, dusk, paper, studio, waves)}
)
"""Maps the name of each procedural background to its function."""


_LOCKS = {name: threading.Lock() for name in PROCEDURAL_BACKGROUNDS}
_CACHED_DRAWINGS = 8
_drawn: dict[tuple[str, Size], Frame] = {}


def draw_cached(name: str, size: Size) -> Frame:
    """Return a drawing as a read-only frame. The latest are kept: one of 1280x720 takes up to 0.3 s.

    If another thread is drawing the same, wait for that one: two at once take twice as long.
    """
    with _LOCKS[name]:
        frame = _drawn.get((name, size))
        if frame is None:
            frame = PROCEDURAL_BACKGROUNDS[name](size)
            frame.setflags(write=False)
            while len(_drawn) >= _CACHED_DRAWINGS:
                _drawn.pop(next(iter(_drawn)), None)
            _drawn[name, size] = frame
        return frame


def is_drawn(name: str, size: Size) -> bool:
    """Return whether `draw_cached` returns at once."""
    return (name, size) in _drawn


def _coordinates(size: Size) -> tuple[FloatImage, FloatImage]:
    x = (np.arange(size.width, dtype=np.float32) + 0.5 - size.width / 2) / size.height
    y = (np.arange(size.height, dtype=np.float32) + 0.5) / size.height
    return x.astype(np.float32)[None, :], y.astype(np.float32)[:, None]


def _solid(color: str, shape: tuple[int, ...]) -> FloatImage:
    return np.broadcast_to(np.array(ImageColor.getrgb(color), np.float32), shape)


def _color_ramp(position: FloatImage, colors: Sequence[str]) -> FloatImage:
    """Interpolate between `colors`, spaced evenly over 0..1, at `position` of shape (height, width)."""
    stops = np.linspace(0.0, 1.0, len(colors))
    table = np.array([ImageColor.getrgb(color) for color in colors], np.float32)
    return np.stack([np.interp(position, stops, channel).astype(np.float32) for channel in table.T], axis=-1)


def _blend(below: FloatImage, above: FloatImage, cover: FloatImage) -> FloatImage:
    return np.asarray(below + (above - below) * cover[..., None], np.float32)


def _over(image: FloatImage, color: str, cover: FloatImage) -> FloatImage:
    return _blend(image, _solid(color, (1, 1, 3)), cover)


def _inside(depth: FloatImage, soft: float) -> FloatImage:
    """Return 0 outside and 1 inside, smooth over `soft` heights; `depth` grows inwards."""
    t = np.clip(depth / soft + 0.5, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def _ridge(x: FloatImage, seed: int, slowest: float) -> FloatImage:
    """Return the height of a range of hills around 0; it does not depend on the frame's width."""
    phases = np.random.default_rng(seed).uniform(0.0, 2.0 * np.pi, 6)
    octaves = [np.sin(slowest * 2**k * x + phase) / 1.9**k for k, phase in enumerate(phases)]
    return np.asarray(np.sum(octaves, axis=0))


def _clouds(size: Size, cells: float, seed: int, flat: float = 1.0) -> FloatImage:
    """Return smooth noise of about -1..1 with `cells` cells per height, `flat` times as wide as high."""
    x, y = _coordinates(size)
    across, down = x * cells / flat + 4096.0, y * cells
    total = _value_noise(across, down, seed) + 0.5 * _value_noise(across * 2.0, down * 2.0, seed + 1)
    return np.asarray(total / 1.5)


def _value_noise(across: FloatImage, down: FloatImage, seed: int) -> FloatImage:
    values = np.random.default_rng(seed).uniform(-1.0, 1.0, (256, 256)).astype(np.float32)
    left, top = np.floor(across).astype(int), np.floor(down).astype(int)
    right, below = _inside(across - left - 0.5, 1.0), _inside(down - top - 0.5, 1.0)
    rows, below_rows, columns, right_columns = top % 256, (top + 1) % 256, left % 256, (left + 1) % 256
    upper = values[rows, columns] * (1 - right) + values[rows, right_columns] * right
    lower = values[below_rows, columns] * (1 - right) + values[below_rows, right_columns] * right
    return np.asarray(upper * (1 - below) + lower * below)


def _dither_to_uint8(image: FloatImage) -> Frame:
    """Convert to a frame and add noise of one level, which hides the steps between levels."""
    noise = np.random.default_rng(1).random(image.shape[:2], dtype=np.float32)[..., None]
    return np.asarray(np.clip(image + noise, 0.0, 255.0), dtype=np.uint8)
