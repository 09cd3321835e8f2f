"""The example "From Python" of the README before the packages were renamed still works, with a warning."""

import importlib
import sys
from types import ModuleType

import numpy as np
import pytest

from livecam.annotation.prompts import Point
from livecam.annotation.prompts import Prompt as NewPrompt


def load(name: str) -> ModuleType:
    sys.modules.pop(name, None)
    with pytest.warns(DeprecationWarning, match=rf"{name} is now livecam\.annotation\."):
        return importlib.import_module(name)


def test_labelling_prompts_takes_keep_drop_and_rough() -> None:
    prompts = load("livecam.labelling.prompts")
    rough = np.zeros((2, 2), np.float32)
    prompt = prompts.Prompt(keep=(prompts.Point(1, 2),), drop=[prompts.Point(3, 4)], rough=rough)
    assert isinstance(prompt, NewPrompt)
    assert (prompt.positive, prompt.negative, prompt.box) == ((Point(1, 2),), (Point(3, 4),), None)
    assert (prompt.keep, prompt.drop) == (prompt.positive, prompt.negative)
    assert prompt.mask is prompt.rough is rough


@pytest.mark.labelling
def test_labelling_sam_looks_and_segments(drawn_sam_folder: object) -> None:
    prompts, sam = load("livecam.labelling.prompts"), load("livecam.labelling.sam")
    seen = sam.Sam.load(str(drawn_sam_folder)).look(np.zeros((48, 64, 3), np.uint8))
    best, *others = seen.segment(prompts.Prompt(keep=(Point(20, 10),)))
    assert len(others) == 3
    assert best.score == best.iou_score
    assert best.number == best.index
    assert best.matte.shape == (48, 64)


def test_labelling_sam_has_the_old_names() -> None:
    sam = load("livecam.labelling.sam")
    candidate = sam.Candidate(2, 0.5, np.zeros((1, 1), np.float32))
    assert (candidate.number, candidate.score) == (2, 0.5)
    assert issubclass(sam.Sam, importlib.import_module("livecam.annotation.sam.predictor").SamPredictor)
