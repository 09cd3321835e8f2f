"""Render clips with exact mattes, from scenes whose camera and foregrounds move smoothly."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from livecam.core.errors import TrainingError
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.datasets.evaluation_set import EvaluationSample, LabeledFrame
from livecam.evaluation.temporal_stability import FPS, SIZE
from livecam.training.data.augmentation import compose, jitter_transform
from livecam.training.data.scene_renderer import render_scene
from livecam.training.data.scene_sampler import AssetPool, Scene, SceneMix, sample_scene

RENDER_SIZE = Size(2 * SIZE.width, 2 * SIZE.height)
CAMERA, FOREGROUND = 1.0, 4.0
"""How far both move in a clip, as the amount of `jitter_transform`."""
NOISE = 6.0
"""The minimum noise of the frames, in levels of 255 at `RENDER_SIZE`; half of that at `SIZE`."""


def draw_scenes(pool: AssetPool, count: int, seed: int) -> list[Scene]:
    """Draw scenes of foregrounds with exact mattes, pasted on background images; each has noise.

    Raises:
        TrainingError: the pool has no such foreground, or no background image.
    """
    exact = AssetPool(
        [foreground for foreground in pool.foregrounds if foreground.has_exact_matte], pool.backgrounds, []
    )
    if not (exact.pasteable and exact.backgrounds):
        raise TrainingError(
            "there is no foreground with an exact matte that can be pasted, or no room; add "
            "annotations/mattes/ to the data, or name more of it"
        )
    rng = np.random.default_rng(seed)
    scenes = [
        sample_scene(exact, SceneMix(real=0, empty=0, double=0.1), RENDER_SIZE, rng) for _ in range(count)
    ]
    return [s._replace(artifacts=replace(s.artifacts, noise=max(NOISE, s.artifacts.noise))) for s in scenes]


def render_clip(scene: Scene, frames: int, seed: int) -> Iterator[LabeledFrame]:
    """Render a scene at `SIZE` whose camera and foregrounds move, slowly at the start and the end.

    Each frame has new noise. A clip of one frame shows the scene as it was drawn.
    """
    rng, still = np.random.default_rng(seed), np.eye(2, 3)
    camera, foreground = (
        jitter_transform(still, rng, RENDER_SIZE, amount) for amount in (CAMERA, FOREGROUND)
    )
    for number in range(frames):
        fraction = 0.5 - 0.5 * np.cos(np.pi * number / max(1, frames - 1))
        camera_now, foreground_now = (still + fraction * (end - still) for end in (camera, foreground))
        foregrounds = tuple(
            a._replace(transform=compose(camera_now, compose(foreground_now, a.transform)))
            for a in scene.foregrounds
        )
        rendered = render_scene(
            scene._replace(
                background_transform=compose(camera_now, scene.background_transform), foregrounds=foregrounds
            ),
            RENDER_SIZE,
            rng,
        )
        matte = rendered.matte.astype(np.float32) / np.float32(255)
        yield LabeledFrame(rendered.frame, matte, np.ones(matte.shape, bool), seconds=number / FPS)


def render_empty(scene: Scene, seed: int) -> Frame:
    """Render the background of the scene without foregrounds, as in the first frame of `render_clip`."""
    return next(render_clip(scene._replace(foregrounds=()), 1, seed)).frame


def list_clips(scenes: list[Scene], frames: int, seed: int) -> list[EvaluationSample]:
    """Return one clip per scene; its frames are rendered each time they are read."""
    return [
        EvaluationSample(
            f"take {number}", "takes", partial(render_clip, scene, frames, seed + number), frames
        )
        for number, scene in enumerate(scenes)
    ]
