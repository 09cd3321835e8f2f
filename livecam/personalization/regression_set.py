"""Scenes that a personal model may not become worse at: of another person, of empty rooms, of given data.

Nothing of it needs a download. What is true of the demo's astronaut is what the network said of her before,
in her own picture, which is easy; then she is pasted on rooms. What is true of a room is that it is empty.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.datasets.evaluation_set import Shot, read_cases
from livecam.datasets.pets import Subject, read_rooms
from livecam.personalization.replay import OTHER, subject_of
from livecam.personalization.synthetic_rooms import all_rooms
from livecam.pipeline import Pipeline
from livecam.sources.demo import Demo
from livecam.training.data.dataset import Batches
from livecam.training.data.scene_sampler import Stock

SCENES, SEED = 32, 1969
GIVEN = 40
"""Pictures of each given folder's test split, at most."""
_SIZE = Size(512, 288)


def astronaut(model: str) -> list[Subject]:
    """The demo's person in four of her places, with the mattes that a model says of them."""
    demo, pipeline = Demo(Size(640, 360)), Pipeline.load(model, threads=1)
    subjects = []
    for seconds in (0.0, 2.0, 4.0, 6.0):
        frame = demo.at(seconds)
        pipeline.reset()
        subjects.append(subject_of(f"astronaut_{seconds:g}", frame, pipeline.matte(frame)))
    pipeline.close()
    return subjects


def regression_set(others: list[Subject], rooms: Sequence[Frame], data: Sequence[Path]) -> list[Shot]:
    """The same scenes each time: `SCENES` drawn ones, then pictures of the test splits of `data`.

    Raises:
        TrainingError: a folder that is not in Pets layout.
    """
    drawn = Batches(Stock(others, list(rooms), []), _SIZE, batch=SCENES, steps=1, seed=SEED, mix=OTHER)
    shots = [
        Shot(view.frame, view.matte.astype(np.float32) / np.float32(255), view.known > 0)
        for view in drawn.views(0)
    ]
    cases = [case for folder in data for case in read_cases(folder, "test", GIVEN, crop_tall=True)]
    return shots + [shot for case in cases for shot in case.shots()]


def rooms_of(folders: Sequence[Path], longest: int = 640) -> list[Frame]:
    """The drawn rooms, and the pictures of the folders that a user gave.

    Raises:
        TrainingError: a folder without pictures, or one that can't be read.
    """
    return all_rooms() + [room for folder in folders for room in read_rooms(folder, longest)]
