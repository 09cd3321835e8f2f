"""Backdrops drawn by code: soft shapes, no edges that fight with hair, a little noise so that nothing bands.

Every drawing takes a `Size` and gives a frame. Places are told in heights of the frame, x from the
middle and y from the top, so that another shape shows more or less at the sides instead of stretching.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from livecam.core.geometry import Size
from livecam.core.types import Frame

Light = NDArray[np.floating[Any]]


def studio(size: Size) -> Frame:
    """A painted canvas, lit from behind the subject."""
    x, y = _coordinates(size)
    glow = np.exp(-((x / 0.75) ** 2 + ((y - 0.42) / 0.6) ** 2))
    glow = glow + 0.10 * _clouds(size, 3.0, 11) + 0.05 * _clouds(size, 9.0, 12) - 0.10 * y
    return _dither_to_uint8(_color_ramp(glow, ["#20242b", "#39414c", "#66717d", "#96a0a8"]))


def dusk(size: Size) -> Frame:
    """Hills under the last light."""
    x, y = _coordinates(size)
    sky = _color_ramp(y / 0.74 + 0 * x, ["#232a5c", "#4b4380", "#91588f", "#d9798a", "#f4a883", "#fbd3a0"])
    sun = np.exp(-(((x - 0.28) / 0.55) ** 2 + ((y - 0.74) / 0.20) ** 2))
    picture = _over(sky, "#ffe2ae", 0.7 * sun)
    hills = ("#b0708f", "#7d5583", "#523f70", "#30294f")
    for number, colour in enumerate(hills):
        rough = _ridge(x, 20 + number, slowest=1.1 + 0.5 * number) * (0.055 + 0.012 * number)
        below = y - (0.66 + 0.085 * number + rough)
        mist = np.exp(-np.maximum(below, 0.0) / 0.10) * 0.35
        hill = _over(_plain(colour, sky.shape), "#f2a98f", mist * (1.0 - number / 4.0))
        picture = _blend(picture, hill, _inside(below, 0.004))
    return _dither_to_uint8(picture)


def paper(size: Size) -> Frame:
    """Heavy white paper in window light."""
    x, y = _coordinates(size)
    light = 0.80 - 0.20 * (y - 0.5) - 0.12 * x + 0.05 * _clouds(size, 1.6, 31)
    along = x * 0.86 + y * 0.5
    panes = np.maximum.reduce([_inside(0.15 - abs(along - middle), 0.12) for middle in (-0.62, -0.16, 0.30)])
    picture = _color_ramp(
        light - 0.16 + 0.20 * panes, ["#a59c8f", "#cbc3b6", "#e6dfd3", "#f5f0e7", "#fffdf8"]
    )
    fibres = 0.6 * _clouds(size, 60.0, 32) + 0.4 * _clouds(size, 150.0, 33)
    return _dither_to_uint8(picture + 2.2 * fibres[..., None])


def waves(size: Size) -> Frame:
    """Sheets of blue, each with its shadow on the one behind."""
    x, y = _coordinates(size)
    picture = _color_ramp(y * 1.6 + 0.12 * x, ["#e9f3f3", "#cfe6e8", "#b3d8de"])
    sheets = ("#a5d0d8", "#7fb9c8", "#5b9fb7", "#3f83a3", "#2c678a", "#1d4c6e")
    for number, colour in enumerate(sheets):
        phase = 1.7 * number
        crest = (
            0.30 + 0.125 * number + 0.055 * np.sin(1.9 * x + phase) + 0.022 * np.sin(4.3 * x - 2.1 * phase)
        )
        below = y - crest
        shadow = np.exp(-np.maximum(-below, 0.0) / 0.035) * 0.22
        picture = _over(picture, "#0d2c47", shadow)
        sheet = _over(_plain(colour, picture.shape), "#e8f6f7", 0.30 * np.exp(-np.maximum(below, 0.0) / 0.06))
        picture = _blend(picture, sheet, _inside(below, 0.003))
    return _dither_to_uint8(picture)


def beach(size: Size) -> Frame:
    """Sea and sand, far out of focus."""
    x, y = _coordinates(size)
    picture = _color_ramp(y / 0.52 + 0 * x, ["#5f9fd0", "#8fc0e0", "#bfdcea", "#e6eff0"])
    cloud = np.clip(_clouds(size, 2.2, 41, flat=3.0) * 0.5 + 0.12 - 0.5 * abs(y - 0.28), 0.0, 1.0)
    picture = _over(picture, "#ffffff", 0.8 * cloud)
    sea = _color_ramp((y - 0.52) / 0.26 + 0 * x, ["#2f7fa8", "#3f9dba", "#69bcc6", "#a5dad6"])
    sea = sea + 5.0 * _clouds(size, 9.0, 42, flat=7.0)[..., None]
    picture = _blend(picture, sea, _inside(y - 0.52 + 0 * x, 0.012))
    shore = y - (0.78 + 0.025 * np.sin(1.6 * x + 0.6) + 0.012 * np.sin(4.1 * x))
    picture = _over(picture, "#f6fbf8", np.exp(-((shore / 0.022) ** 2)))
    sand = (
        _color_ramp(shore / 0.24, ["#c9b08a", "#dcc6a0", "#e8d6b4"])
        + 4.0 * _clouds(size, 26.0, 43)[..., None]
    )
    return _dither_to_uint8(_blend(picture, sand, _inside(shore - 0.012, 0.03)))


def bokeh(size: Size) -> Frame:
    """An evening window: lights far out of focus."""
    x, y = _coordinates(size)
    picture = _color_ramp(y + 0.10 * x, ["#141a2e", "#221f38", "#38283c", "#2a1d2b"])
    dice = np.random.default_rng(5)
    for _ in range(64):
        left, top, radius = dice.uniform(-1.3, 1.3), dice.normal(0.60, 0.20), dice.uniform(0.035, 0.105)
        colour = ("#ffcf8a", "#ffab66", "#ff8f70", "#ffe3b8", "#ffc27a", "#86b6ff")[dice.integers(6)]
        strength = dice.uniform(0.08, 0.38)
        rows, columns = abs(y[:, 0] - top) < radius * 1.2, abs(x[0] - left) < radius * 1.2
        away = np.hypot(x[:, columns] - left, y[rows] - top)
        disc = _inside(radius - away, 0.016) * (0.75 + 0.25 * (away / radius) ** 4)
        picture[np.ix_(rows, columns)] += _plain(colour, (1, 1, 3)) * (strength * disc)[..., None]
    return _dither_to_uint8(255.0 * (1.0 - np.exp(-picture / 190.0)))


PROCEDURAL_BACKGROUNDS: Mapping[str, Callable[[Size], Frame]] = MappingProxyType(
    {drawing.__name__: drawing for drawing in (beach, bokeh, dusk, paper, studio, waves)}
)
"""Name to drawing."""


def _coordinates(size: Size) -> tuple[Light, Light]:
    x = (np.arange(size.width, dtype=np.float32) + 0.5 - size.width / 2) / size.height
    y = (np.arange(size.height, dtype=np.float32) + 0.5) / size.height
    return x.astype(np.float32)[None, :], y.astype(np.float32)[:, None]


def _plain(colour: str, shape: tuple[int, ...]) -> Light:
    return np.broadcast_to(np.array(ImageColor.getrgb(colour), np.float32), shape)


def _color_ramp(share: Light, colours: Sequence[str]) -> Light:
    """The colours evenly spread over 0..1, mixed by `share` of shape (height, width)."""
    stops = np.linspace(0.0, 1.0, len(colours))
    parts = np.array([ImageColor.getrgb(colour) for colour in colours], np.float32)
    return np.stack([np.interp(share, stops, part).astype(np.float32) for part in parts.T], axis=-1)


def _blend(below: Light, above: Light, cover: Light) -> Light:
    return np.asarray(below + (above - below) * cover[..., None], np.float32)


def _over(picture: Light, colour: str, cover: Light) -> Light:
    return _blend(picture, _plain(colour, (1, 1, 3)), cover)


def _inside(depth: Light, soft: float) -> Light:
    """0 outside, 1 inside, smooth over `soft` heights; `depth` grows inwards."""
    share = np.clip(depth / soft + 0.5, 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share))


def _ridge(x: Light, seed: int, slowest: float) -> Light:
    """A line of hills about 0, the same for every width."""
    phases = np.random.default_rng(seed).uniform(0.0, 2.0 * np.pi, 6)
    lines = [np.sin(slowest * 2**at * x + phase) / 1.9**at for at, phase in enumerate(phases)]
    return np.asarray(np.sum(lines, axis=0))


def _clouds(size: Size, cells: float, seed: int, flat: float = 1.0) -> Light:
    """Smooth noise about -1..1, `cells` of it in a height, `flat` times as wide as high."""
    x, y = _coordinates(size)
    across, down = x * cells / flat + 4096.0, y * cells
    total = _lattice(across, down, seed) + 0.5 * _lattice(across * 2.0, down * 2.0, seed + 1)
    return np.asarray(total / 1.5)


def _lattice(across: Light, down: Light, seed: int) -> Light:
    dice = np.random.default_rng(seed).uniform(-1.0, 1.0, (256, 256)).astype(np.float32)
    left, top = np.floor(across).astype(int), np.floor(down).astype(int)
    right, below = _inside(across - left - 0.5, 1.0), _inside(down - top - 0.5, 1.0)
    upper = dice[top % 256, left % 256] * (1 - right) + dice[top % 256, (left + 1) % 256] * right
    lower = dice[(top + 1) % 256, left % 256] * (1 - right) + dice[(top + 1) % 256, (left + 1) % 256] * right
    return np.asarray(upper * (1 - below) + lower * below)


def _dither_to_uint8(picture: Light) -> Frame:
    """As a frame, with a noise of one step that hides where one shade ends and the next begins."""
    noise = np.random.default_rng(1).random(picture.shape[:2], dtype=np.float32)[..., None]
    return np.asarray(np.clip(picture + noise, 0.0, 255.0), dtype=np.uint8)
