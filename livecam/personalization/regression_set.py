"""The regression set: scenes at which a user's model must not become worse than its base.

The set needs no download. It shows another person (the demo's astronaut, whose ground truth is the base
model's matte in her own, easy image) pasted on rooms, empty rooms, and data that the user gives.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.datasets.evaluation_set import LabeledFrame, load_evaluation_set
from livecam.datasets.pets import Foreground, load_images
from livecam.personalization.replay import REPLAY_MIX, foreground_from_matte
from livecam.personalization.synthetic_rooms import synthetic_backgrounds
from livecam.pipeline import Pipeline
from livecam.sources.demo import DemoSource
from livecam.training.data.dataset import SceneDataset
from livecam.training.data.scene_sampler import AssetPool

SCENES, SEED = 32, 1969
MAX_GIVEN_IMAGES = 40
"""Maximum number of images of each given test split."""
_SIZE = Size(512, 288)


def demo_foregrounds(model: str) -> list[Foreground]:
    """Return the demo's person in four positions, with the mattes of a model."""
    demo, pipeline = DemoSource(Size(640, 360)), Pipeline.load(model, threads=1)
    foregrounds = []
    for seconds in (0.0, 2.0, 4.0, 6.0):
        frame = demo.frame_at(seconds)
        pipeline.reset()
        foregrounds.append(foreground_from_matte(f"astronaut_{seconds:g}", frame, pipeline.matte(frame)))
    pipeline.close()
    return foregrounds


def regression_set(
    others: list[Foreground], backgrounds: Sequence[Frame], data: Sequence[Path]
) -> list[LabeledFrame]:
    """Return the regression set, the same one each time.

    Args:
        others: foregrounds of other people.
        backgrounds: images to paste them on.
        data: directories in Pets layout; their test splits are added.

    Raises:
        TrainingError: a directory is not in Pets layout.
    """
    rendered = SceneDataset(
        AssetPool(others, list(backgrounds), []), _SIZE, batch=SCENES, steps=1, seed=SEED, mix=REPLAY_MIX
    )
    frames = [
        LabeledFrame(
            example.frame, example.matte.astype(np.float32) / np.float32(255), example.valid_mask > 0
        )
        for example in rendered.examples(0)
    ]
    samples = [
        sample
        for folder in data
        for sample in load_evaluation_set(folder, "test", MAX_GIVEN_IMAGES, crop_tall=True)
    ]
    return frames + [frame for sample in samples for frame in sample.frames()]


def load_backgrounds(folders: Sequence[Path], longest: int = 640) -> list[Frame]:
    """Return the synthetic backgrounds, and the images of the user's directories.

    Raises:
        TrainingError: a directory has no images, or one can't be read.
    """
    return synthetic_backgrounds() + [image for folder in folders for image in load_images(folder, longest)]
