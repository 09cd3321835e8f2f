"""Sampling of scenes from foregrounds and backgrounds, before they are rendered.

A scene is one of: an original image, cropped and stretched; one or two foregrounds pasted on a background; a
background or a negative image.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from livecam.core.geometry import Crop, Size
from livecam.core.types import Frame
from livecam.datasets.pets import Foreground
from livecam.imaging.roi import bounding_slices
from livecam.imaging.trimap import BACKGROUND
from livecam.matting.crop_tracker import CropSettings, choose_crop
from livecam.training.data.augmentation import (
    CameraArtifacts,
    LightingAugmentation,
    Rng,
    Transform,
    compose,
    similarity_transform,
)
from livecam.training.data.clothes import CHANGED_CLOTHES_FRACTION, Clothes, sample_clothes
from livecam.training.data.clutter import CLUTTER_FRACTION, Clutter, sample_clutter

WHOLE_IMAGE_FRACTION = 0.4
"""Fraction of images that are shown whole, whatever their aspect ratio."""

NEGATIVE_BACKGROUND_FRACTION = 0.1
"""Fraction of pasted foregrounds with a negative image as background."""

DARK_CLOTHES_FRACTION = 0.2
"""Fraction of pasted foregrounds with a darkened lower part: dark clothes on dark backgrounds are hard."""

TINTED_CLOTHES_FRACTION = 0.15
"""Fraction of pasted foregrounds with a tinted lower part: bright clothes are rare in images."""


CLOSE_UP_HEIGHT = (0.45, 0.85)
"""Smallest and largest height of a close-up, as a fraction of the visible height of the person."""


@dataclass(frozen=True)
class SceneMix:
    """Fractions of the kinds of scenes; the rest has one pasted foreground.

    `clothes` is the fraction of foregrounds that get other clothes, `clutter` that of foregrounds with things
    behind their outline, `zoom` that of scenes that show the part around the persons, `close` that of scenes
    that show a head close up; they are independent of the others.
    """

    real: float = 0.35
    empty: float = 0.07
    double: float = 0.06
    clothes: float = CHANGED_CLOTHES_FRACTION
    clutter: float = CLUTTER_FRACTION
    zoom: float = 0.0
    close: float = 0.0


@dataclass
class AssetPool:
    """Decoded images that scenes are made of.

    `oversample` maps the start of a name to how many times as often such foregrounds are sampled. Foregrounds
    whose names start with a name in `never_pasted` are only shown in their own images.
    """

    foregrounds: list[Foreground]
    backgrounds: list[Frame]
    negatives: list[Frame]
    oversample: Mapping[str, int] = field(default_factory=dict)
    never_pasted: tuple[str, ...] = ()
    pasteable: list[Foreground] = field(init=False)

    def __post_init__(self) -> None:
        self.foregrounds = [
            foreground for foreground in self.foregrounds for _ in range(self._times(foreground))
        ]
        self.pasteable = [
            foreground
            for foreground in self.foregrounds
            if foreground.pasteable
            and not foreground.name.startswith(self.never_pasted)
            and _is_pasteable_pose(foreground)
        ]

    def _times(self, foreground: Foreground) -> int:
        return max(
            [times for name, times in self.oversample.items() if foreground.name.startswith(name)], default=1
        )


def _is_pasteable_pose(foreground: Foreground) -> bool:
    """Return whether a foreground is large and cut by the bottom border, as in webcams, or a full body."""
    mask = foreground.trimap != BACKGROUND
    if mask.mean() < 0.06:
        return False
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    aspect = (rows[-1] - rows[0]) / max(1, columns[-1] - columns[0])
    return bool(mask[-3:].any() or aspect > 1.8)


class PlacedForeground(NamedTuple):
    """A foreground with position, lighting, strength of the color match (0 to 1), clothes and clutter."""

    foreground: Foreground
    transform: Transform
    lighting: LightingAugmentation
    color_match: float
    clothes: Clothes | None = None
    clutter: tuple[Clutter, ...] = ()


class Scene(NamedTuple):
    """All random choices of a scene except the noise. Without a background: the original image."""

    background: Frame | None
    background_transform: Transform
    foregrounds: tuple[PlacedForeground, ...]
    lighting: LightingAugmentation
    artifacts: CameraArtifacts
    mirrored: bool


def sample_scene(pool: AssetPool, mix: SceneMix, scene_size: Size, rng: Rng) -> Scene:
    """Sample a scene of `scene_size` pixels; an original image if the pool lacks the assets of its kind.

    A fraction of `mix.zoom` shows the part around the persons, as `CropTracker` shows it to the network, and
    a fraction of `mix.close` the head of a person who sits too near the camera.
    """
    scene = _sample_whole(pool, mix, scene_size, rng)
    draw = rng.random() if mix.zoom or mix.close else 1.0
    if draw < mix.close:
        return _move_closer(scene, scene_size, rng)
    return _zoom_in(scene, scene_size, rng) if draw < mix.close + mix.zoom else scene


def _sample_whole(pool: AssetPool, mix: SceneMix, scene_size: Size, rng: Rng) -> Scene:
    draw = rng.random()
    lighting, artifacts, mirrored = (
        LightingAugmentation.sample(rng),
        CameraArtifacts.sample(rng),
        bool(rng.random() < 0.5),
    )
    nothing: tuple[PlacedForeground, ...] = ()
    empty_images = (
        pool.negatives
        if pool.negatives and (not pool.backgrounds or rng.random() < 0.5)
        else pool.backgrounds
    )
    if mix.real <= draw < mix.real + mix.empty and empty_images:
        background, placed = empty_images[int(rng.integers(len(empty_images)))], nothing
    elif draw >= mix.real + mix.empty and pool.backgrounds and pool.pasteable:
        candidates = (
            pool.negatives
            if pool.negatives and rng.random() < NEGATIVE_BACKGROUND_FRACTION
            else pool.backgrounds
        )
        background = candidates[int(rng.integers(len(candidates)))]
        count = 2 if draw < mix.real + mix.empty + mix.double else 1
        placed = tuple(_place_foreground(pool, mix, scene_size, rng, count) for _ in range(count))
    else:
        foreground = pool.foregrounds[int(rng.integers(len(pool.foregrounds)))]
        original = PlacedForeground(
            foreground,
            _crop(Size.of(foreground.image), scene_size, rng),
            LightingAugmentation.sample(rng, 0.0),
            0.0,
            _sample_clothes(pool, mix, foreground, rng),
            _sample_clutter(pool, mix, foreground, rng),
        )
        return Scene(None, original.transform, (original,), lighting, artifacts, mirrored)
    return Scene(
        background, _crop(Size.of(background), scene_size, rng), placed, lighting, artifacts, mirrored
    )


def _zoom_in(scene: Scene, scene_size: Size, rng: Rng) -> Scene:
    """Show the part of a scene around its persons, with a random margin."""
    persons = [box for placed in scene.foregrounds if (box := _bounding_box(placed, scene_size)) is not None]
    if not persons:
        return scene
    left, top = (min(box[axis] for box in persons) for axis in (0, 1))
    right, bottom = (max(box[axis] for box in persons) for axis in (2, 3))
    settings = CropSettings(margin=float(rng.uniform(0.02, 0.16)), max_stretch=float(rng.uniform(1.2, 1.6)))
    crop = choose_crop(Crop(left, top, Size(right - left, bottom - top)), scene_size, settings)
    return _show_part(scene, scene_size, (crop.left, crop.top, crop.size.width, crop.size.height))


def _move_closer(scene: Scene, scene_size: Size, rng: Rng) -> Scene:
    """Show the head of the last pasted person of a scene: its borders cut hair, neck and shoulders."""
    if not scene.foregrounds or (box := _bounding_box(scene.foregrounds[-1], scene_size)) is None:
        return scene
    _, top, _, bottom = box
    height = (bottom - top) * float(rng.uniform(*CLOSE_UP_HEIGHT))
    width = height * scene_size.width / scene_size.height / float(rng.uniform(1.0, 1.5))
    fit = min(1.0, scene_size.width / width, scene_size.height / height)
    width, height = width * fit, height * fit
    middle = _head_column(scene.foregrounds[-1]) + float(rng.normal(0, 0.12)) * width
    start = (middle - width / 2, top + float(rng.uniform(-0.2, 0.08)) * height)
    limits = (scene_size.width - width, scene_size.height - height)
    x, y = (min(max(0.0, at), limit) for at, limit in zip(start, limits, strict=True))
    return _show_part(scene, scene_size, (x, y, width, height))


def _head_column(placed: PlacedForeground) -> float:
    """Return where the middle of a foreground's upper quarter is across the scene."""
    mask = placed.foreground.trimap != BACKGROUND
    rows, _ = bounding_slices(mask)
    upper = np.argwhere(mask[rows.start : rows.start + max(1, (rows.stop - rows.start) // 4)])
    y, x = upper.mean(axis=0)
    return float(placed.transform[0] @ (x, y + rows.start, 1.0))


def _show_part(scene: Scene, scene_size: Size, part: tuple[float, float, float, float]) -> Scene:
    """Return a scene of which only a part is shown: left, top, width and height, in pixels of the scene."""
    left, top, width, height = part
    scale = (scene_size.width / width, scene_size.height / height)
    zoom = similarity_transform(scale, 0.0, (left, top), (0.0, 0.0))
    placed = tuple(each._replace(transform=compose(zoom, each.transform)) for each in scene.foregrounds)
    return scene._replace(background_transform=compose(zoom, scene.background_transform), foregrounds=placed)


def _bounding_box(placed: PlacedForeground, scene_size: Size) -> tuple[int, int, int, int] | None:
    """Return left, top, right and bottom of a person inside a scene; None if nothing of it is inside."""
    rows, columns = bounding_slices(placed.foreground.trimap != BACKGROUND)
    corners = [(x, y, 1) for x in (columns.start, columns.stop) for y in (rows.start, rows.stop)]
    moved = placed.transform @ np.array(corners, np.float64).T
    limits = np.array([[scene_size.width], [scene_size.height]])
    moved = np.clip(np.rint(moved), 0, limits).astype(int)
    (left, top), (right, bottom) = moved.min(axis=1), moved.max(axis=1)
    return (int(left), int(top), int(right), int(bottom)) if left < right and top < bottom else None


def _whole_image(size: Size, scene_size: Size, rng: Rng) -> Transform:
    # A webcam frame of a tall image ends below the chest; borders are cropped a little, or mirrored.
    height = min(size.height, size.width * 1.25)
    zoom = float(np.exp(rng.normal(0, 0.06)))
    scale = (scene_size.width / size.width * zoom, scene_size.height / height * zoom)
    center = (size.width * (0.5 + float(rng.normal(0, 0.02))), height * (0.5 + float(rng.normal(0, 0.02))))
    return similarity_transform(scale, 0.0, center, (scene_size.width / 2, scene_size.height / 2))


def _crop(size: Size, scene_size: Size, rng: Rng) -> Transform:
    """Sample a crop that fills the scene, with or without stretching.

    A fraction of `WHOLE_IMAGE_FRACTION` is the whole image, stretched, as livecam feeds frames of any aspect
    ratio to the network.
    """
    if rng.random() < WHOLE_IMAGE_FRACTION:
        return _whole_image(size, scene_size, rng)
    shape = scene_size.width / scene_size.height
    stretch = 1.0 if rng.random() < 0.5 else float(np.exp(rng.uniform(-0.1, 0.95)))
    fraction = rng.uniform(0.6, 1.0) if rng.random() < 0.7 else 1.0
    height = min(size.height, size.width / shape * stretch) * fraction
    width = min(size.width, height * shape / stretch)
    left = rng.uniform(0, size.width - width) if size.width > width else 0.0
    # Faces are in the upper part of a tall image.
    top = rng.beta(1.0, 2.0) * (size.height - height) if size.height > height else 0.0
    scale = (scene_size.width / width, scene_size.height / height)
    degrees = float(rng.normal(0, 4)) if rng.random() < 0.3 else 0.0
    return similarity_transform(
        scale, degrees, (left + width / 2, top + height / 2), (scene_size.width / 2, scene_size.height / 2)
    )


def _place_foreground(
    pool: AssetPool, mix: SceneMix, scene_size: Size, rng: Rng, count: int
) -> PlacedForeground:
    foreground = pool.pasteable[int(rng.integers(len(pool.pasteable)))]
    mask = np.argwhere(foreground.trimap != BACKGROUND)
    (top, left), (bottom, right) = mask.min(axis=0), mask.max(axis=0)
    height_ratio = _relative_height(foreground, (bottom - top) / max(1, right - left), rng)
    scale = scene_size.height * height_ratio / max(1, bottom - top)
    stretch = float(np.exp(rng.normal(0, 0.08))) * (1.33 if rng.random() < 0.2 else 1.0)
    center = scene_size.width * (0.5 + float(rng.normal(0, 0.14 if count == 1 else 0.26)))
    degrees = float(rng.normal(0, 3))
    # The lowest row is at the bottom border or below it: webcams crop people there.
    below = abs(float(rng.normal(0.02, 0.06))) + (
        0.0 if foreground.cropped_top else max(0.0, height_ratio - 1)
    )
    bottom_y = scene_size.height * (1 + below) + abs(np.sin(np.deg2rad(degrees))) * (right - left) * scale / 2
    transform = similarity_transform(
        (scale * stretch, scale), degrees, ((left + right) / 2, float(bottom)), (center, bottom_y)
    )
    lighting = LightingAugmentation.sample(rng, 0.5).with_vertical_gradient(_sample_clothing_tint(rng))
    return PlacedForeground(
        foreground,
        transform,
        lighting,
        float(rng.beta(1.0, 1.5)),
        _sample_clothes(pool, mix, foreground, rng),
        _sample_clutter(pool, mix, foreground, rng),
    )


def _sample_clothes(pool: AssetPool, mix: SceneMix, foreground: Foreground, rng: Rng) -> Clothes | None:
    """Sample clothes for a foreground with an exact matte; a mix without clothes draws no random number."""
    if not (mix.clothes and foreground.has_exact_matte):
        return None
    return sample_clothes(pool.negatives or pool.backgrounds, rng, mix.clothes)


def _sample_clutter(pool: AssetPool, mix: SceneMix, foreground: Foreground, rng: Rng) -> tuple[Clutter, ...]:
    """Sample clutter for a foreground with an exact matte; a mix without it draws no random number."""
    if not (mix.clutter and foreground.has_exact_matte):
        return ()
    negatives = pool.negatives and rng.random() < 0.5
    return sample_clutter(pool.negatives if negatives else pool.backgrounds, rng, mix.clutter)


def _sample_clothing_tint(rng: Rng) -> tuple[float, float, float]:
    """Sample how much darker each channel becomes towards the bottom, as logarithms; mostly not at all."""
    draw = rng.random()
    if draw < DARK_CLOTHES_FRACTION:
        return (float(rng.uniform(0.6, 1.8)),) * 3
    if draw < DARK_CLOTHES_FRACTION + TINTED_CLOTHES_FRACTION:
        red, green, blue = rng.uniform(0, 1.8, 3)
        return float(red), float(green), float(blue)
    return (0.0, 0.0, 0.0)


def _relative_height(foreground: Foreground, aspect: float, rng: Rng) -> float:
    """Sample the foreground's height as a multiple of the scene's; `aspect` is its height over its width."""
    height_ratio = float(rng.uniform(0.6, 1.15) if rng.random() < 0.9 else rng.uniform(0.35, 0.6))
    if foreground.cropped_top:
        return float(rng.uniform(1.25, 1.7))
    # A full body: mostly its upper half is visible.
    return height_ratio * float(rng.uniform(1.0, 2.2)) if aspect > 2 else height_ratio
