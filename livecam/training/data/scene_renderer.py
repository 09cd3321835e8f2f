"""Scenes shot: what the network sees and what it should say.

A scene can be shot twice, the subject and the camera moved a little in between: such pairs teach steadiness.
"""

from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.imaging.ops import downscale
from livecam.imaging.trimap import UNKNOWN, trimap_from_matte
from livecam.training.data.augmentation import (
    Rng,
    Transform,
    compose,
    jitter_transform,
    match_mean_color,
    paste,
    warp,
    warp_matte,
    warp_trimap,
)
from livecam.training.data.clothes import apply_clothes
from livecam.training.data.scene_sampler import PlacedForeground, Scene


class TrainingExample(NamedTuple):
    """What the network sees and should say.

    `image` is uint8 (h, w, 3); `trimap` (1, 2, 3), `matte` and `valid_mask` (0 or 255) are uint8 (h, w).
    """

    frame: Frame
    trimap: NDArray[np.uint8]
    matte: NDArray[np.uint8]
    valid_mask: NDArray[np.uint8]


def render_scene(scene: Scene, canvas: Size, rng: Rng, motion: float = 0.0) -> TrainingExample:
    """Draw a scene at half the size of `canvas`; `motion` > 0 moves its subject and camera by that amount."""
    still = np.eye(2, 3)
    camera = jitter_transform(still, rng, canvas, motion) if motion and rng.random() < 0.5 else still
    small = Size(canvas.width // 2, canvas.height // 2)
    if scene.background is None:
        view = _render_real(scene.foregrounds[0], canvas, camera, motion, rng)
    else:
        view = _render_pasted(scene, scene.background, canvas, camera, motion, rng)
    frame = downscale(scene.artifacts.apply(scene.lighting.apply(view.frame), rng), small)
    view = TrainingExample(frame, view.trimap, downscale(view.matte, small), view.valid_mask)
    return TrainingExample(*(np.ascontiguousarray(p[:, ::-1]) for p in view)) if scene.mirrored else view


def _half_scale(at: Transform) -> Transform:
    """The same place on a canvas of half the size, whose pixel 0 covers the pixels 0 and 1."""
    return np.asarray(at * 0.5 - np.array([[0, 0, 0.25], [0, 0, 0.25]]))


def _render_real(
    actor: PlacedForeground, canvas: Size, camera: Transform, motion: float, rng: Rng
) -> TrainingExample:
    subject, at = actor.foreground, compose(camera, actor.transform)
    if motion:
        at = jitter_transform(at, rng, canvas, motion)
    small = Size(canvas.width // 2, canvas.height // 2)
    # The picture goes on mirrored beyond its edges, and so do its labels.
    trimap = warp_trimap(subject.trimap, _half_scale(at), small, cv2.BORDER_REFLECT_101)
    matte, known = warp(subject.matte, at, canvas), np.full(trimap.shape, 255, np.uint8)
    if subject.has_exact_matte:
        shrunk = downscale(matte, small)
        trimap[(shrunk > 12) & (shrunk < 243)] = UNKNOWN
    else:
        known[trimap == UNKNOWN] = 0
    return TrainingExample(warp(_dressed(actor, subject.image), at, canvas), trimap, matte, known)


def _render_pasted(
    scene: Scene, room: Frame, canvas: Size, camera: Transform, motion: float, rng: Rng
) -> TrainingExample:
    frame = warp(room, compose(camera, scene.background_transform), canvas)
    small = Size(canvas.width // 2, canvas.height // 2)
    bare = np.full((canvas.height, canvas.width), 255, np.uint8)
    contour = np.zeros((small.height, small.width), bool)
    for actor in scene.foregrounds:
        at = compose(
            camera, jitter_transform(actor.transform, rng, canvas, motion) if motion else actor.transform
        )
        share = warp_matte(actor.foreground.matte, at, canvas)
        body = actor.lighting.apply(warp(_dressed(actor, actor.foreground.clean_image), at, canvas))
        frame = paste(match_mean_color(body, share, frame, actor.color_match), share, frame)
        # What is left of the room behind two soft edges is the product of what each lets through.
        bare = cast("NDArray[np.uint8]", cv2.multiply(bare, 255 - share, scale=1 / 255))
        if actor.foreground.has_exact_matte:
            contour |= warp_trimap(actor.foreground.trimap, _half_scale(at), small) == UNKNOWN
    matte = 255 - bare
    shrunk = np.asarray(downscale(matte, small), np.float32) / np.float32(255)
    trimap = trimap_from_matte(shrunk)
    trimap[contour & (shrunk > 0.02) & (shrunk < 0.98)] = UNKNOWN
    return TrainingExample(frame, trimap, matte, np.full(trimap.shape, 255, np.uint8))


def _dressed(actor: PlacedForeground, frame: Frame) -> Frame:
    return apply_clothes(frame, actor.foreground.matte, actor.clothes) if actor.clothes else frame
