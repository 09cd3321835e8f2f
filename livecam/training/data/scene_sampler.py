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
from livecam.datasets.pets import Subject
from livecam.imaging.trimap import BACKGROUND
from livecam.training.data.augmentation import Faults, Light, Rng, Transform, place

WHOLE = 0.4
"""The share of pictures that are shown whole, whatever their shape."""

CLOTHES = 0.1
"""The share of pasted subjects that stand before what looks like people and is none."""

DARK_CLOTHES = 0.2
"""The share of pasted subjects whose lower part is made dark: dark clothes before dark rooms are hard."""

DYED_CLOTHES = 0.15
"""The share of pasted subjects whose lower part gets another colour: loud clothes are rare in pictures."""


@dataclass(frozen=True)
class Mix:
    """The shares of the kinds of scene; what is left is pasted."""

    real: float = 0.35
    empty: float = 0.07
    double: float = 0.06


@dataclass
class Stock:
    """All that scenes are made of, decoded.

    `often` tells how many times as often as others the subjects are shown whose names begin with a word.
    """

    subjects: list[Subject]
    rooms: list[Frame]
    empties: list[Frame]
    often: Mapping[str, int] = field(default_factory=dict)
    pasteable: list[Subject] = field(init=False)

    def __post_init__(self) -> None:
        self.subjects = [subject for subject in self.subjects for _ in range(self._times(subject))]
        self.pasteable = [subject for subject in self.subjects if subject.pasteable and _stands(subject)]

    def _times(self, subject: Subject) -> int:
        return max([times for name, times in self.often.items() if subject.name.startswith(name)], default=1)


def _stands(subject: Subject) -> bool:
    """Large enough, and cut by its picture's bottom as webcams cut people, or a whole body: no bystander."""
    body = subject.trimap != BACKGROUND
    if body.mean() < 0.06:
        return False
    rows, columns = np.flatnonzero(body.any(axis=1)), np.flatnonzero(body.any(axis=0))
    slender = (rows[-1] - rows[0]) / max(1, columns[-1] - columns[0])
    return bool(body[-3:].any() or slender > 1.8)


class Actor(NamedTuple):
    """A subject with its place, its light, and how far (0 to 1) its colours are brought to the room's."""

    subject: Subject
    at: Transform
    light: Light
    matched: float


class Scene(NamedTuple):
    """Everything drawn by chance but the noise: with no room, its actor's own picture."""

    room: Frame | None
    room_at: Transform
    actors: tuple[Actor, ...]
    light: Light
    faults: Faults
    mirrored: bool


def draw_scene(stock: Stock, mix: Mix, canvas: Size, rng: Rng) -> Scene:
    """Draw one scene for a canvas of `canvas` pixels; what the stock can't give becomes a real picture."""
    kind = rng.random()
    light, faults, mirrored = Light.draw(rng), Faults.draw(rng), bool(rng.random() < 0.5)
    no_one: tuple[Actor, ...] = ()
    bare = stock.empties if stock.empties and (not stock.rooms or rng.random() < 0.5) else stock.rooms
    if mix.real <= kind < mix.real + mix.empty and bare:
        room, actors = bare[int(rng.integers(len(bare)))], no_one
    elif kind >= mix.real + mix.empty and stock.rooms and stock.pasteable:
        behind = stock.empties if stock.empties and rng.random() < CLOTHES else stock.rooms
        room = behind[int(rng.integers(len(behind)))]
        crowd = 2 if kind < mix.real + mix.empty + mix.double else 1
        actors = tuple(_actor(stock, canvas, rng, crowd) for _ in range(crowd))
    else:
        subject = stock.subjects[int(rng.integers(len(stock.subjects)))]
        actor = Actor(subject, _crop(Size.of(subject.frame), canvas, rng), Light.draw(rng, 0.0), 0.0)
        return Scene(None, actor.at, (actor,), light, faults, mirrored)
    return Scene(room, _crop(Size.of(room), canvas, rng), actors, light, faults, mirrored)


def _whole(size: Size, canvas: Size, rng: Rng) -> Transform:
    # What a call shows of a tall picture ends below the chest; a little is lost at each side, or shown twice.
    height = min(size.height, size.width * 1.25)
    grown = float(np.exp(rng.normal(0, 0.06)))
    scale = (canvas.width / size.width * grown, canvas.height / height * grown)
    middle = (size.width * (0.5 + float(rng.normal(0, 0.02))), height * (0.5 + float(rng.normal(0, 0.02))))
    return place(scale, 0.0, middle, (canvas.width / 2, canvas.height / 2))


def _crop(size: Size, canvas: Size, rng: Rng) -> Transform:
    """A part of a picture over the whole canvas, its shape kept, stretched somewhat, or altogether.

    One in `WHOLE` is all of it, stretched: so livecam shows pictures of any shape to its network.
    """
    if rng.random() < WHOLE:
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
    return place(scale, turn, (left + width / 2, top + height / 2), (canvas.width / 2, canvas.height / 2))


def _actor(stock: Stock, canvas: Size, rng: Rng, crowd: int) -> Actor:
    subject = stock.pasteable[int(rng.integers(len(stock.pasteable)))]
    body = np.argwhere(subject.trimap != BACKGROUND)
    (top, left), (bottom, right) = body.min(axis=0), body.max(axis=0)
    tall = _tall(subject, (bottom - top) / max(1, right - left), rng)
    scale = canvas.height * tall / max(1, bottom - top)
    stretch = float(np.exp(rng.normal(0, 0.08))) * (1.33 if rng.random() < 0.2 else 1.0)
    middle = canvas.width * (0.5 + float(rng.normal(0, 0.14 if crowd == 1 else 0.26)))
    turn = float(rng.normal(0, 3))
    # The subject's lowest row lies at the frame's bottom or below it: webcams cut people there.
    below = abs(float(rng.normal(0.02, 0.06))) + (0.0 if subject.headless else max(0.0, tall - 1))
    feet = canvas.height * (1 + below) + abs(np.sin(np.deg2rad(turn))) * (right - left) * scale / 2
    at = place((scale * stretch, scale), turn, ((left + right) / 2, float(bottom)), (middle, feet))
    light = Light.draw(rng, 0.5).dyed_below(_dye(rng))
    return Actor(subject, at, light, float(rng.beta(1.0, 1.5)))


def _dye(rng: Rng) -> tuple[float, float, float]:
    """How much darker each channel becomes down to a subject's bottom, as logarithms: mostly none."""
    kind = rng.random()
    if kind < DARK_CLOTHES:
        return (float(rng.uniform(0.6, 1.8)),) * 3
    if kind < DARK_CLOTHES + DYED_CLOTHES:
        red, green, blue = rng.uniform(0, 1.8, 3)
        return float(red), float(green), float(blue)
    return (0.0, 0.0, 0.0)


def _tall(subject: Subject, slender: float, rng: Rng) -> float:
    """The subject's height in canvas heights; `slender` is its own height over its width."""
    tall = float(rng.uniform(0.6, 1.15) if rng.random() < 0.9 else rng.uniform(0.35, 0.6))
    if subject.headless:
        return float(rng.uniform(1.25, 1.7))
    # A whole body: mostly its upper half.
    return tall * float(rng.uniform(1.0, 2.2)) if slender > 2 else tall
