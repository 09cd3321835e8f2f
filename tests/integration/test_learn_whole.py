"""`livecam learn` as a user types it: a clip, a point, a real if small SAM, a real if tiny network."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.synthetic_shapes import iou
from tests.support.tiny_clip import write_video

pytest.importorskip("keras", reason="needs the label extra: pip install 'livecam[label]'")
pytest.importorskip("tensorflow", reason="needs the label extra: pip install 'livecam[label]'")

from livecam.annotation.store import AnnotationStore
from livecam.cli.main import main
from livecam.imaging.image_io import read_image
from livecam.imaging.ops import to_gray
from livecam.models.registry import list_user
from livecam.personalization import regression_set, results, stages, weight_interpolation
from livecam.personalization.journal import workspace_dir
from livecam.pipeline import Pipeline
from tests.support.red_discs import SMALL, scene, teach

pytestmark = [
    pytest.mark.labelling,
    # Keras saving a model, with TensorFlow's tensors under NumPy 2.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
SQUARE = "128,70"
FRAMES = 16


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use few scenes and steps, and tolerate the forgetting of a network as small as this one."""
    monkeypatch.setattr(stages, "FINETUNE_CONFIG", SMALL)
    monkeypatch.setattr(regression_set, "SCENES", 8)
    for module in (weight_interpolation, stages):
        monkeypatch.setattr(module, "MAX_REGRESSION_DROP", 20.0)
    monkeypatch.setattr(results, "MAX_MIOU_LOSS", 20.0)


def test_prompted_object_becomes_a_model_that_keeps_it(
    drawn_sam_folder: Path, little: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, clip = teach(tmp_path, steps=300), tmp_path / "clip.mkv"
    write_video(clip, [scene(number, with_square=True)[0] for number in range(FRAMES)])
    argv = ["learn", "--from", clip, "--keep", SQUARE, "--person", "model", "--preset", drawn_sam_folder]
    code = main([*map(str, argv), "--base", str(base), "--frames", "10"])
    output = capsys.readouterr()

    labels = AnnotationStore(workspace_dir("me") / "labels")
    kept = [label for label in labels.records.values() if labels.is_accepted(label)]
    assert len(kept) >= 8, output
    for label in kept:
        path = labels.folder / "annotations/mattes" / f"{label.name}.png"
        matte = to_gray(read_image(path).image).astype(np.float32) / 255
        (_, disc), (_, both) = (scene(label.number, with_square=is_kept) for is_kept in (False, True))
        square = both - disc
        assert iou(np.where(disc > 0, 0, matte), square) >= 0.8
        assert iou(np.where(square > 0, 0, matte), disc) >= 0.8

    model = str(workspace_dir("me") / "model" / "me.tflite")
    frame, _ = scene(99, with_square=True)
    before, after = (Pipeline.load(name).matte(frame)[50:90, 112:144].mean() for name in (str(base), model))
    assert after > before + 0.3
    if code == 0:
        assert "installed: livecam --model me" in output.out
        assert list_user() == ["me"]
    else:
        assert code == 1
        assert "not installed: " in output.out
        assert not list_user()
