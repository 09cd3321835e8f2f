"""Scenes drawn from subjects and rooms, before they are shot.

A scene is one of: a real picture cropped and stretched, one or two subjects pasted on a room, or a room or
clothes alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.datasets.pets import Foreground
from livecam.imaging.trimap import BACKGROUND
from livecam.training.data.augmentation import (
    CameraArtifacts,
    LightingAugmentation,
    Rng,
    Transform,
    similarity_transform,
)
from livecam.training.data.clothes import Clothes, sample_clothes

WHOLE_IMAGE_SHARE = 0.4
"""The share of pictures that are shown whole, whatever their shape."""

NEGATIVE_BACKGROUND_SHARE = 0.1
"""The share of pasted subjects that stand before what looks like people and is none."""

DARK_CLOTHES_SHARE = 0.2
"""The share of pasted subjects whose lower part is made dark: dark clothes before dark rooms are hard."""

TINTED_CLOTHES_SHARE = 0.15
"""The share of pasted subjects whose lower part gets another colour: loud clothes are rare in pictures."""


@dataclass(frozen=True)
class SceneMix:
    """The shares of the kinds of scene; what is left is pasted."""

    real: float = 0.35
    empty: float = 0.07
    double: float = 0.06


@dataclass
class AssetPool:
    """All that scenes are made of, decoded.

    `oversample` tells how many times as often as others the subjects are shown whose names begin with a word.
    """

    foregrounds: list[Foreground]
    backgrounds: list[Frame]
    negatives: list[Frame]
    oversample: Mapping[str, int] = field(default_factory=dict)
    pasteable: list[Foreground] = field(init=False)

    def __post_init__(self) -> None:
        self.foregrounds = [subject for subject in self.foregrounds for _ in range(self._times(subject))]
        self.pasteable = [
            subject for subject in self.foregrounds if subject.pasteable and _is_pasteable_pose(subject)
        ]

    def _times(self, subject: Foreground) -> int:
        return max(
            [times for name, times in self.oversample.items() if subject.name.startswith(name)], default=1
        )


def _is_pasteable_pose(subject: Foreground) -> bool:
    """Large enough, and cut by its picture's bottom as webcams cut people, or a whole body: no bystander."""
    body = subject.trimap != BACKGROUND
    if body.mean() < 0.06:
        return False
    rows, columns = np.flatnonzero(body.any(axis=1)), np.flatnonzero(body.any(axis=0))
    slender = (rows[-1] - rows[0]) / max(1, columns[-1] - columns[0])
    return bool(body[-3:].any() or slender > 1.8)


class PlacedForeground(NamedTuple):
    """A subject with its place, its light, how far (0 to 1) its colours are brought to the room's,
    and other clothes, if any."""

    foreground: Foreground
    transform: Transform
    lighting: LightingAugmentation
    color_match: float
    clothes: Clothes | None = None


class Scene(NamedTuple):
    """Everything drawn by chance but the noise: with no room, its actor's own picture."""

    background: Frame | None
    background_transform: Transform
    foregrounds: tuple[PlacedForeground, ...]
    lighting: LightingAugmentation
    artifacts: CameraArtifacts
    mirrored: bool


def sample_scene(stock: AssetPool, mix: SceneMix, canvas: Size, rng: Rng) -> Scene:
    """Draw one scene for a canvas of `canvas` pixels; what the stock can't give becomes a real picture."""
    kind = rng.random()
    light, faults, mirrored = (
        LightingAugmentation.sample(rng),
        CameraArtifacts.sample(rng),
        bool(rng.random() < 0.5),
    )
    no_one: tuple[PlacedForeground, ...] = ()
    bare = (
        stock.negatives
        if stock.negatives and (not stock.backgrounds or rng.random() < 0.5)
        else stock.backgrounds
    )
    if mix.real <= kind < mix.real + mix.empty and bare:
        room, actors = bare[int(rng.integers(len(bare)))], no_one
    elif kind >= mix.real + mix.empty and stock.backgrounds and stock.pasteable:
        behind = (
            stock.negatives
            if stock.negatives and rng.random() < NEGATIVE_BACKGROUND_SHARE
            else stock.backgrounds
        )
        room = behind[int(rng.integers(len(behind)))]
        crowd = 2 if kind < mix.real + mix.empty + mix.double else 1
        actors = tuple(_place_foreground(stock, canvas, rng, crowd) for _ in range(crowd))
    else:
        subject = stock.foregrounds[int(rng.integers(len(stock.foregrounds)))]
        actor = PlacedForeground(
            subject,
            _crop(Size.of(subject.image), canvas, rng),
            LightingAugmentation.sample(rng, 0.0),
            0.0,
            _clothes(stock, subject, rng),
        )
        return Scene(None, actor.transform, (actor,), light, faults, mirrored)
    return Scene(room, _crop(Size.of(room), canvas, rng), actors, light, faults, mirrored)


def _whole(size: Size, canvas: Size, rng: Rng) -> Transform:
    # What a call shows of a tall picture ends below the chest; a little is lost at each side, or shown twice.
    height = min(size.height, size.width * 1.25)
    grown = float(np.exp(rng.normal(0, 0.06)))
    scale = (canvas.width / size.width * grown, canvas.height / height * grown)
    middle = (size.width * (0.5 + float(rng.normal(0, 0.02))), height * (0.5 + float(rng.normal(0, 0.02))))
    return similarity_transform(scale, 0.0, middle, (canvas.width / 2, canvas.height / 2))


def _crop(size: Size, canvas: Size, rng: Rng) -> Transform:
    """A part of a picture over the whole canvas, its shape kept, stretched somewhat, or altogether.

    One in `WHOLE_IMAGE_SHARE` is all of it, stretched: so livecam shows pictures of any shape to its network.
    """
    if rng.random() < WHOLE_IMAGE_SHARE:
        return _whole(size, canvas, rng)
    shape = canvas.width / canvas.height
    stretch = 1.0 if rng.random() < 0.5 else float(np.exp(rng.uniform(-0.1, 0.95)))
    share = rng.uniform(0.6, 1.0) if rng.random() < 0.7 else 1.0
    height = min(size.height, size.width / shape * stretch) * share
    width = min(size.width, height * shape / stretch)
    left = rng.uniform(0, size.width - width) if size.width > width else 0.0
    # Faces stand in the upper part of a tall picture.
    top = rng.beta(1.0, 2.0) * (size.height - height) if size.height > height else 0.0
    scale = (canvas.width / width, canvas.height / height)
    turn = float(rng.normal(0, 4)) if rng.random() < 0.3 else 0.0
    return similarity_transform(
        scale, turn, (left + width / 2, top + height / 2), (canvas.width / 2, canvas.height / 2)
    )


def _place_foreground(stock: AssetPool, canvas: Size, rng: Rng, crowd: int) -> PlacedForeground:
    subject = stock.pasteable[int(rng.integers(len(stock.pasteable)))]
    body = np.argwhere(subject.trimap != BACKGROUND)
    (top, left), (bottom, right) = body.min(axis=0), body.max(axis=0)
    tall = _relative_height(subject, (bottom - top) / max(1, right - left), rng)
    scale = canvas.height * tall / max(1, bottom - top)
    stretch = float(np.exp(rng.normal(0, 0.08))) * (1.33 if rng.random() < 0.2 else 1.0)
    middle = canvas.width * (0.5 + float(rng.normal(0, 0.14 if crowd == 1 else 0.26)))
    turn = float(rng.normal(0, 3))
    # The subject's lowest row lies at the frame's bottom or below it: webcams cut people there.
    below = abs(float(rng.normal(0.02, 0.06))) + (0.0 if subject.cropped_top else max(0.0, tall - 1))
    feet = canvas.height * (1 + below) + abs(np.sin(np.deg2rad(turn))) * (right - left) * scale / 2
    at = similarity_transform(
        (scale * stretch, scale), turn, ((left + right) / 2, float(bottom)), (middle, feet)
    )
    light = LightingAugmentation.sample(rng, 0.5).with_vertical_gradient(_sample_clothing_tint(rng))
    return PlacedForeground(subject, at, light, float(rng.beta(1.0, 1.5)), _clothes(stock, subject, rng))


def _clothes(stock: AssetPool, subject: Foreground, rng: Rng) -> Clothes | None:
    """Other clothes for a subject whose matte is known."""
    return sample_clothes(stock.negatives or stock.backgrounds, rng) if subject.has_exact_matte else None


def _sample_clothing_tint(rng: Rng) -> tuple[float, float, float]:
    """How much darker each channel becomes down to a subject's bottom, as logarithms: mostly none."""
    kind = rng.random()
    if kind < DARK_CLOTHES_SHARE:
        return (float(rng.uniform(0.6, 1.8)),) * 3
    if kind < DARK_CLOTHES_SHARE + TINTED_CLOTHES_SHARE:
        red, green, blue = rng.uniform(0, 1.8, 3)
        return float(red), float(green), float(blue)
    return (0.0, 0.0, 0.0)


def _relative_height(subject: Foreground, slender: float, rng: Rng) -> float:
    """The subject's height in canvas heights; `slender` is its own height over its width."""
    tall = float(rng.uniform(0.6, 1.15) if rng.random() < 0.9 else rng.uniform(0.35, 0.6))
    if subject.cropped_top:
        return float(rng.uniform(1.25, 1.7))
    # A whole body: mostly its upper half.
    return tall * float(rng.uniform(1.0, 2.2)) if slender > 2 else tall
