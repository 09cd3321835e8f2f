"""A contact sheet of everything that may happen to a scene, each by itself and called by its name."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.training.data.augmentation import Faults, Light
from livecam.training.data.scene_renderer import shoot
from livecam.training.data.scene_sampler import Mix, Scene, Stock, draw_scene
from livecam.training.figures import draw_cells

SEED = 3
PLAIN = Light((1.0, 1.0, 1.0), 1.0, 0.0)
FAULTLESS = Faults(blur=0.0, motion=(0, 0.0), noise=0.0, grain=1.0, quality=100, upscaled=1.0)
KINDS = {
    "a labelled picture, cropped and stretched": Mix(real=1.0, empty=0.0, double=0.0),
    "pasted on a room": Mix(real=0.0, empty=0.0, double=0.0),
    "two people": Mix(real=0.0, empty=0.0, double=1.0),
    "nothing to keep": Mix(real=0.0, empty=1.0, double=0.0),
}
FAULTS = {
    "out of focus": replace(FAULTLESS, blur=1.8),
    "moving": replace(FAULTLESS, motion=(11, 0.3)),
    "noise": replace(FAULTLESS, noise=16.0),
    "coarse noise": replace(FAULTLESS, noise=16.0, grain=2.0),
    "JPEG blocks": replace(FAULTLESS, quality=25),
    "upscaled": replace(FAULTLESS, upscaled=0.4),
}
LIGHTS = {
    "low light": Light((0.35, 0.35, 0.35), 1.0, 0.0),
    "colour cast": Light((1.15, 1.0, 0.8), 1.0, 0.0),
    "high contrast": Light((1.0, 1.0, 1.0), 1.6, 0.0),
    "pale": Light((0.9, 0.9, 0.9), 0.7, 16.0),
    "light from the side": Light((1.0, 1.0, 1.0), 1.0, 0.0, (0.8, 0.0)),
}


def draw_catalogue(stock: Stock, size: Size, path: Path) -> None:
    """Write the sheet: four of each kind of scene, one a little later, then in each light and fault.

    Raises:
        TrainingError: it can't be written.
    """
    draw_cells([_called(frame, name) for name, frame in _frames(stock, size)], 4, path)


def _frames(stock: Stock, size: Size) -> Iterator[tuple[str, Frame]]:
    canvas, rng = Size(size.width * 2, size.height * 2), np.random.default_rng(SEED)
    scene = None
    for name, mix in KINDS.items():
        for _ in range(4):
            drawn = draw_scene(stock, mix, canvas, rng)._replace(light=PLAIN, faults=FAULTLESS)
            scene = drawn if "pasted" in name else scene
            yield name, shoot(drawn, canvas, rng).frame
    assert scene is not None
    yield from _variants(scene, canvas)


def _variants(scene: Scene, canvas: Size) -> Iterator[tuple[str, Frame]]:
    rng = np.random.default_rng(SEED)
    for later in (0.3, 0.3, 1.0, 1.0):
        yield "the last one, a little later", shoot(scene, canvas, rng, later).frame
    for name, light in LIGHTS.items():
        yield name, shoot(scene._replace(light=light), canvas, rng).frame
    for name, faults in FAULTS.items():
        yield name, shoot(scene._replace(faults=faults), canvas, rng).frame
    dark = tuple(a._replace(light=Light((0.4, 0.4, 0.4), 1.0, 0.0), matched=0.0) for a in scene.actors)
    backlight = scene._replace(actors=dark, light=Light((1.3, 1.3, 1.3), 1.0, 10.0))
    yield "backlight", shoot(backlight, canvas, rng).frame


def _called(frame: Frame, name: str) -> Frame:
    told = np.array(frame)
    told[:15] //= 3
    cv2.putText(told, name, (4, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.34, (255, 255, 255), 1, cv2.LINE_AA)
    return told
