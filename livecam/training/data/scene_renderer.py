"""Scenes shot: what the network sees and what it should say.

A scene can be shot twice, the subject and the camera moved a little in between: such pairs teach steadiness.
"""

from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.imaging.ops import shrink
from livecam.imaging.trimap import CONTOUR, trimap_of
from livecam.training.data.augmentation import (
    Rng,
    Transform,
    compose,
    cut_out,
    match_light,
    nudge,
    warp,
    warp_matte,
    warp_trimap,
)
from livecam.training.data.scene_sampler import Actor, Scene


class View(NamedTuple):
    """What the network sees and should say.

    `frame` is uint8 (h, w, 3); `trimap` (1, 2, 3), `matte` and `known` (0 or 255) are uint8 (h, w).
    """

    frame: Frame
    trimap: NDArray[np.uint8]
    matte: NDArray[np.uint8]
    known: NDArray[np.uint8]


def shoot(scene: Scene, canvas: Size, rng: Rng, later: float = 0.0) -> View:
    """Draw a scene at half the size of `canvas`; `later` > 0 moves its subject and camera by that amount."""
    still = np.eye(2, 3)
    camera = nudge(still, rng, canvas, later) if later and rng.random() < 0.5 else still
    small = Size(canvas.width // 2, canvas.height // 2)
    if scene.room is None:
        view = _shoot_real(scene.actors[0], canvas, camera, later, rng)
    else:
        view = _shoot_pasted(scene, scene.room, canvas, camera, later, rng)
    frame = shrink(scene.faults.strike(scene.light.shine(view.frame), rng), small)
    view = View(frame, view.trimap, shrink(view.matte, small), view.known)
    return View(*(np.ascontiguousarray(p[:, ::-1]) for p in view)) if scene.mirrored else view


def _at_half(at: Transform) -> Transform:
    """The same place on a canvas of half the size, whose pixel 0 covers the pixels 0 and 1."""
    return np.asarray(at * 0.5 - np.array([[0, 0, 0.25], [0, 0, 0.25]]))


def _shoot_real(actor: Actor, canvas: Size, camera: Transform, later: float, rng: Rng) -> View:
    subject, at = actor.subject, compose(camera, actor.at)
    if later:
        at = nudge(at, rng, canvas, later)
    small = Size(canvas.width // 2, canvas.height // 2)
    # The picture goes on mirrored beyond its edges, and so do its labels.
    trimap = warp_trimap(subject.trimap, _at_half(at), small, cv2.BORDER_REFLECT_101)
    matte, known = warp(subject.matte, at, canvas), np.full(trimap.shape, 255, np.uint8)
    if subject.exact:
        shrunk = shrink(matte, small)
        trimap[(shrunk > 12) & (shrunk < 243)] = CONTOUR
    else:
        known[trimap == CONTOUR] = 0
    return View(warp(subject.frame, at, canvas), trimap, matte, known)


def _shoot_pasted(scene: Scene, room: Frame, canvas: Size, camera: Transform, later: float, rng: Rng) -> View:
    frame = warp(room, compose(camera, scene.room_at), canvas)
    small = Size(canvas.width // 2, canvas.height // 2)
    bare = np.full((canvas.height, canvas.width), 255, np.uint8)
    contour = np.zeros((small.height, small.width), bool)
    for actor in scene.actors:
        at = compose(camera, nudge(actor.at, rng, canvas, later) if later else actor.at)
        share = warp_matte(actor.subject.matte, at, canvas)
        body = actor.light.shine(warp(actor.subject.colours, at, canvas))
        frame = cut_out(match_light(body, share, frame, actor.matched), share, frame)
        # What is left of the room behind two soft edges is the product of what each lets through.
        bare = cast("NDArray[np.uint8]", cv2.multiply(bare, 255 - share, scale=1 / 255))
        if actor.subject.exact:
            contour |= warp_trimap(actor.subject.trimap, _at_half(at), small) == CONTOUR
    matte = 255 - bare
    shrunk = np.asarray(shrink(matte, small), np.float32) / np.float32(255)
    trimap = trimap_of(shrunk)
    trimap[contour & (shrunk > 0.02) & (shrunk < 0.98)] = CONTOUR
    return View(frame, trimap, matte, np.full(trimap.shape, 255, np.uint8))
