"""Rendering of scenes to training examples.

A scene can be rendered twice with a small motion of foreground and camera: such pairs train temporal
stability.
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
from livecam.training.data.clutter import apply_clutter
from livecam.training.data.scene_sampler import PlacedForeground, Scene


class TrainingExample(NamedTuple):
    """Input and ground truth of the network.

    `frame` is uint8 (h, w, 3); `trimap` (1, 2, 3), `matte` and `valid_mask` (0 or 255) are uint8 (h, w).
    """

    frame: Frame
    trimap: NDArray[np.uint8]
    matte: NDArray[np.uint8]
    valid_mask: NDArray[np.uint8]


def render_scene(scene: Scene, scene_size: Size, rng: Rng, motion: float = 0.0) -> TrainingExample:
    """Render a scene at half of `scene_size`; `motion` > 0 moves its foreground and camera by that amount."""
    identity = np.eye(2, 3)
    camera = (
        jitter_transform(identity, rng, scene_size, motion) if motion and rng.random() < 0.5 else identity
    )
    half_size = Size(scene_size.width // 2, scene_size.height // 2)
    if scene.background is None:
        example = _render_real(scene.foregrounds[0], scene_size, camera, motion, rng)
    else:
        example = _render_pasted(scene, scene.background, scene_size, camera, motion, rng)
    frame = downscale(scene.artifacts.apply(scene.lighting.apply(example.frame), rng), half_size)
    example = TrainingExample(frame, example.trimap, downscale(example.matte, half_size), example.valid_mask)
    return (
        TrainingExample(*(np.ascontiguousarray(p[:, ::-1]) for p in example)) if scene.mirrored else example
    )


def _half_scale(transform: Transform) -> Transform:
    """Return the transform for half the size, where pixel 0 covers the pixels 0 and 1."""
    return np.asarray(transform * 0.5 - np.array([[0, 0, 0.25], [0, 0, 0.25]]))


def _render_real(
    placed: PlacedForeground, scene_size: Size, camera: Transform, motion: float, rng: Rng
) -> TrainingExample:
    foreground, transform = placed.foreground, compose(camera, placed.transform)
    if motion:
        transform = jitter_transform(transform, rng, scene_size, motion)
    half_size = Size(scene_size.width // 2, scene_size.height // 2)
    # Image and labels are mirrored beyond the borders.
    trimap = warp_trimap(foreground.trimap, _half_scale(transform), half_size, cv2.BORDER_REFLECT_101)
    matte, valid_mask = warp(foreground.matte, transform, scene_size), np.full(trimap.shape, 255, np.uint8)
    if foreground.has_exact_matte:
        small_matte = downscale(matte, half_size)
        trimap[(small_matte > 12) & (small_matte < 243)] = UNKNOWN
    else:
        valid_mask[trimap == UNKNOWN] = 0
    image = warp(_with_clothes(placed, foreground.image), transform, scene_size)
    return TrainingExample(apply_clutter(image, matte, placed.clutter), trimap, matte, valid_mask)


def _render_pasted(
    scene: Scene, background: Frame, scene_size: Size, camera: Transform, motion: float, rng: Rng
) -> TrainingExample:
    frame = warp(background, compose(camera, scene.background_transform), scene_size)
    half_size = Size(scene_size.width // 2, scene_size.height // 2)
    background_weight = np.full((scene_size.height, scene_size.width), 255, np.uint8)
    contour = np.zeros((half_size.height, half_size.width), bool)
    for placed in scene.foregrounds:
        transform = compose(
            camera,
            jitter_transform(placed.transform, rng, scene_size, motion) if motion else placed.transform,
        )
        alpha = warp_matte(placed.foreground.matte, transform, scene_size)
        foreground_image = placed.lighting.apply(
            warp(_with_clothes(placed, placed.foreground.clean_image), transform, scene_size)
        )
        matched = match_mean_color(foreground_image, alpha, frame, placed.color_match)
        frame = paste(matched, alpha, frame)
        # Behind two soft edges the background's weight is the product of both transparencies.
        background_weight = cast(
            "NDArray[np.uint8]", cv2.multiply(background_weight, 255 - alpha, scale=1 / 255)
        )
        # The matte of all persons so far, so that nothing covers one of them.
        frame = apply_clutter(frame, 255 - background_weight, placed.clutter)
        if placed.foreground.has_exact_matte:
            contour |= warp_trimap(placed.foreground.trimap, _half_scale(transform), half_size) == UNKNOWN
    matte = 255 - background_weight
    small_matte = np.asarray(downscale(matte, half_size), np.float32) / np.float32(255)
    trimap = trimap_from_matte(small_matte)
    trimap[contour & (small_matte > 0.02) & (small_matte < 0.98)] = UNKNOWN
    return TrainingExample(frame, trimap, matte, np.full(trimap.shape, 255, np.uint8))


def _with_clothes(placed: PlacedForeground, frame: Frame) -> Frame:
    return apply_clothes(frame, placed.foreground.matte, placed.clothes) if placed.clothes else frame
