"""Clips with exact mattes, made of scenes whose camera and subjects move smoothly."""

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

CANVAS = Size(2 * SIZE.width, 2 * SIZE.height)
CAMERA, SUBJECT = 1.0, 4.0
"""How far both go in a take, as `jitter_transform` counts."""
NOISE = 6.0
"""The least noise of a take's frames, in levels of 255 on `CANVAS`; half of that at their own size."""


def draw_scenes(stock: AssetPool, count: int, seed: int) -> list[Scene]:
    """Scenes of subjects whose mattes are exact, pasted on rooms; none is free of noise.

    Raises:
        TrainingError: the stock has no such subject, or no room.
    """
    exact = AssetPool(
        [subject for subject in stock.foregrounds if subject.has_exact_matte], stock.backgrounds, []
    )
    if not (exact.pasteable and exact.backgrounds):
        raise TrainingError(
            "there is no subject with an exact matte that can be pasted, or no room; add annotations/mattes/ "
            "to the data, or name more of it"
        )
    rng = np.random.default_rng(seed)
    scenes = [sample_scene(exact, SceneMix(real=0, empty=0, double=0.1), CANVAS, rng) for _ in range(count)]
    return [s._replace(artifacts=replace(s.artifacts, noise=max(NOISE, s.artifacts.noise))) for s in scenes]


def take(scene: Scene, frames: int, seed: int) -> Iterator[LabeledFrame]:
    """A scene at `SIZE` whose camera and subjects go somewhere else, slowly at first and at last.

    There is fresh noise in each frame; a single one shows the scene as it was drawn.
    """
    rng, still = np.random.default_rng(seed), np.eye(2, 3)
    camera, subject = (jitter_transform(still, rng, CANVAS, amount) for amount in (CAMERA, SUBJECT))
    for number in range(frames):
        gone = 0.5 - 0.5 * np.cos(np.pi * number / max(1, frames - 1))
        seen, moved = (still + gone * (end - still) for end in (camera, subject))
        actors = tuple(
            a._replace(transform=compose(seen, compose(moved, a.transform))) for a in scene.foregrounds
        )
        view = render_scene(
            scene._replace(
                background_transform=compose(seen, scene.background_transform), foregrounds=actors
            ),
            CANVAS,
            rng,
        )
        matte = view.matte.astype(np.float32) / np.float32(255)
        yield LabeledFrame(view.frame, matte, np.ones(matte.shape, bool), seconds=number / FPS)


def empty(scene: Scene, seed: int) -> Frame:
    """The scene's room alone, as `take` shows it at first."""
    return next(take(scene._replace(foregrounds=()), 1, seed)).frame


def takes(scenes: list[Scene], frames: int, seed: int) -> list[EvaluationSample]:
    """A clip of each scene, made anew whenever it is asked for."""
    return [
        EvaluationSample(f"take {number}", "takes", partial(take, scene, frames, seed + number), frames)
        for number, scene in enumerate(scenes)
    ]
