"""Scenes that a personal model may not become worse at: of another person, of empty rooms, of given data.

Nothing of it needs a download. What is true of the demo's astronaut is what the network said of her before,
in her own picture, which is easy; then she is pasted on rooms. What is true of a room is that it is empty.
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
MAX_GIVEN_BACKGROUNDS = 40
"""Pictures of each given folder's test split, at most."""
_SIZE = Size(512, 288)


def demo_foregrounds(model: str) -> list[Foreground]:
    """The demo's person in four of her places, with the mattes that a model says of them."""
    demo, pipeline = DemoSource(Size(640, 360)), Pipeline.load(model, threads=1)
    subjects = []
    for seconds in (0.0, 2.0, 4.0, 6.0):
        frame = demo.frame_at(seconds)
        pipeline.reset()
        subjects.append(foreground_from_matte(f"astronaut_{seconds:g}", frame, pipeline.matte(frame)))
    pipeline.close()
    return subjects


def regression_set(
    others: list[Foreground], rooms: Sequence[Frame], data: Sequence[Path]
) -> list[LabeledFrame]:
    """The same scenes each time: `SCENES` drawn ones, then pictures of the test splits of
    `data`.

    Raises:
        TrainingError: a folder that is not in Pets layout.
    """
    drawn = SceneDataset(
        AssetPool(others, list(rooms), []), _SIZE, batch=SCENES, steps=1, seed=SEED, mix=REPLAY_MIX
    )
    shots = [
        LabeledFrame(view.frame, view.matte.astype(np.float32) / np.float32(255), view.valid_mask > 0)
        for view in drawn.examples(0)
    ]
    cases = [
        case
        for folder in data
        for case in load_evaluation_set(folder, "test", MAX_GIVEN_BACKGROUNDS, crop_tall=True)
    ]
    return shots + [shot for case in cases for shot in case.frames()]


def load_backgrounds(folders: Sequence[Path], longest: int = 640) -> list[Frame]:
    """The drawn rooms, and the pictures of the folders that a user gave.

    Raises:
        TrainingError: a folder without pictures, or one that can't be read.
    """
    return synthetic_backgrounds() + [room for folder in folders for room in load_images(folder, longest)]
