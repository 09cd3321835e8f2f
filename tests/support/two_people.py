"""Drawn scenes with a person in the middle and another who walks through behind, with exact mattes."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import downscale_matte

FRAME = Size(512, 288)
COARSE = Size(256, 144)
CLOTHES, OTHER_CLOTHES, ROOM = (60, 70, 120), (150, 60, 50), (150, 150, 140)


@dataclass(frozen=True)
class TwoPeople:
    """A frame, and the visible parts of the person in front and of the other: float32 of the frame's size."""

    frame: Frame
    person: Matte
    other: Matte

    @property
    def coarse(self) -> Matte:
        """What a network gives that does not tell people apart."""
        return downscale_matte(np.maximum(self.person, self.other), COARSE)


def draw_person(x: float, y: float, scale: float) -> Matte:
    """Draw head and body; `x`, `y` is the middle of the head in pixels."""
    matte = np.zeros((FRAME.height, FRAME.width), np.uint8)
    for middle, axes in (((x, y), (33, 41)), ((x, y + 153 * scale), (80, 120))):
        center, radii = tuple(map(round, middle)), tuple(round(axis * scale) for axis in axes)
        cv2.ellipse(matte, center, radii, 0, 0, 360, 255, -1, cv2.LINE_AA)
    return np.asarray(matte.astype(np.float32) / 255)


def draw_arm(x: float, y: float, end_x: float, end_y: float) -> Matte:
    """Draw an arm from one point to another."""
    matte = np.zeros((FRAME.height, FRAME.width), np.uint8)
    cv2.line(matte, (round(x), round(y)), (round(end_x), round(end_y)), 255, 26, cv2.LINE_AA)
    return np.asarray(matte.astype(np.float32) / 255)


@cache
def cloth(color: tuple[int, int, int], seed: int) -> Frame:
    """Draw a weave of the frame's size."""
    coarse = np.random.default_rng(seed).integers(-30, 30, (FRAME.height // 5, FRAME.width // 5, 3))
    smooth = cv2.resize(coarse.astype(np.float32), tuple(FRAME), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + color, 0, 255).astype(np.uint8)


@cache
def sensor_noise() -> np.ndarray:
    """Return noise of the frame's shape, in levels of 255."""
    shape = (FRAME.height, FRAME.width, 3)
    return np.random.default_rng(0).normal(0, 3, shape).astype(np.float32)


def compose(
    person: Matte,
    other: Matte,
    *,
    sway: float = 0.0,
    moved: float = 0.0,
    other_color: tuple[int, int, int] = OTHER_CLOTHES,
    noise_seed: int = 0,
) -> TwoPeople:
    """Draw both over a room, the other behind; their clothes move by `sway` and `moved` pixels."""
    frame = cloth(ROOM, 1).astype(np.float32)
    layers = ((other, other_color, 3, moved), (person, CLOTHES, 2, sway))
    for matte, color, seed, shift in layers:
        weave = np.roll(cloth(color, seed), round(shift), axis=1)
        frame += matte[..., None] * (weave - frame)
    frame += np.roll(sensor_noise(), 37 * noise_seed, axis=(0, 1))
    return TwoPeople(np.clip(frame, 0, 255).astype(np.uint8), person, other * (1 - person))


def walk_behind(
    number: int, count: int = 120, other_color: tuple[int, int, int] = OTHER_CLOTHES
) -> TwoPeople:
    """Draw frame `number` of `count`: the other comes in on the left and leaves on the right."""
    sway = 17 * np.sin(number / 11)
    person = draw_person(FRAME.width / 2 + sway, 113 + 3 * np.sin(number / 7), 1.0)
    x = -80 + (FRAME.width + 160) * number / count
    other = draw_person(x, 126 + 4 * np.sin(number / 4), 0.72)
    return compose(person, other, sway=sway, moved=x, other_color=other_color, noise_seed=number)
