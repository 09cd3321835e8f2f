"""Contact sheet of all augmentations, each alone and with its name."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.training.data.augmentation import CameraArtifacts, LightingAugmentation
from livecam.training.data.scene_renderer import render_scene
from livecam.training.data.scene_sampler import AssetPool, Scene, SceneMix, sample_scene
from livecam.training.figures import write_image_grid

SEED = 3
NEUTRAL_LIGHTING = LightingAugmentation((1.0, 1.0, 1.0), 1.0, 0.0)
NO_ARTIFACTS = CameraArtifacts(
    blur=0.0, motion=(0, 0.0), noise=0.0, noise_grain=1.0, jpeg_quality=100, downscale=1.0
)
KINDS = {
    "a labelled image, cropped and stretched": SceneMix(real=1.0, empty=0.0, double=0.0, clutter=0.0),
    "pasted on a background": SceneMix(real=0.0, empty=0.0, double=0.0, clutter=0.0),
    "two people": SceneMix(real=0.0, empty=0.0, double=1.0),
    "the part around a person": SceneMix(real=1.0, empty=0.0, double=0.0, clutter=0.0, zoom=1.0),
    "a head close up": SceneMix(real=1.0, empty=0.0, double=0.0, clutter=0.0, close=1.0),
    "things behind a person": SceneMix(real=1.0, empty=0.0, double=0.0, clutter=1.0),
    "nothing to keep": SceneMix(real=0.0, empty=1.0, double=0.0),
}
ARTIFACTS = {
    "out of focus": replace(NO_ARTIFACTS, blur=1.8),
    "moving": replace(NO_ARTIFACTS, motion=(11, 0.3)),
    "noise": replace(NO_ARTIFACTS, noise=16.0),
    "coarse noise": replace(NO_ARTIFACTS, noise=16.0, noise_grain=2.0),
    "JPEG blocks": replace(NO_ARTIFACTS, jpeg_quality=25),
    "upscaled": replace(NO_ARTIFACTS, downscale=0.4),
}
LIGHTING = {
    "low light": LightingAugmentation((0.35, 0.35, 0.35), 1.0, 0.0),
    "color cast": LightingAugmentation((1.15, 1.0, 0.8), 1.0, 0.0),
    "high contrast": LightingAugmentation((1.0, 1.0, 1.0), 1.6, 0.0),
    "pale": LightingAugmentation((0.9, 0.9, 0.9), 0.7, 16.0),
    "light from the side": LightingAugmentation((1.0, 1.0, 1.0), 1.0, 0.0, (0.8, 0.0)),
}


def write_augmentation_preview(pool: AssetPool, size: Size, path: Path) -> None:
    """Write the sheet: four scenes of each kind, one with motion, then each lighting and artifact.

    Raises:
        TrainingError: the file cannot be written.
    """
    write_image_grid([_with_caption(frame, name) for name, frame in _preview_frames(pool, size)], 4, path)


def _preview_frames(pool: AssetPool, size: Size) -> Iterator[tuple[str, Frame]]:
    scene_size, rng = Size(size.width * 2, size.height * 2), np.random.default_rng(SEED)
    scene = None
    for name, mix in KINDS.items():
        for _ in range(4):
            sampled = sample_scene(pool, mix, scene_size, rng)._replace(
                lighting=NEUTRAL_LIGHTING, artifacts=NO_ARTIFACTS
            )
            scene = sampled if "pasted" in name else scene
            yield name, render_scene(sampled, scene_size, rng).frame
    assert scene is not None
    yield from _variants(scene, scene_size)


def _variants(scene: Scene, scene_size: Size) -> Iterator[tuple[str, Frame]]:
    rng = np.random.default_rng(SEED)
    for motion in (0.3, 0.3, 1.0, 1.0):
        yield "the last one, a little later", render_scene(scene, scene_size, rng, motion).frame
    for name, lighting in LIGHTING.items():
        yield name, render_scene(scene._replace(lighting=lighting), scene_size, rng).frame
    for name, artifacts in ARTIFACTS.items():
        yield name, render_scene(scene._replace(artifacts=artifacts), scene_size, rng).frame
    dark = tuple(
        a._replace(lighting=LightingAugmentation((0.4, 0.4, 0.4), 1.0, 0.0), color_match=0.0)
        for a in scene.foregrounds
    )
    backlight = scene._replace(foregrounds=dark, lighting=LightingAugmentation((1.3, 1.3, 1.3), 1.0, 10.0))
    yield "backlight", render_scene(backlight, scene_size, rng).frame


def _with_caption(frame: Frame, name: str) -> Frame:
    image = np.array(frame)
    image[:15] //= 3
    cv2.putText(image, name, (4, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.34, (255, 255, 255), 1, cv2.LINE_AA)
    return image
