"""The check of `livecam learn`: the point is on the chair, the figures are those of the labels."""

from argparse import Namespace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from livecam.annotation.config import PersonSource
from livecam.annotation.media import MediaItem
from livecam.annotation.prompt_file import load_prompt_file
from livecam.annotation.store import AnnotationRecord, AnnotationStore
from livecam.core.types import Frame, Matte
from livecam.imaging.trimap import trimap_from_matte
from tests.support.scripts import load_script


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("keep_chair")


def draw(script: ModuleType, left: float = 450) -> tuple[Frame, Matte, Matte]:
    """Draw a frame; return it with the mattes of the person and of the chair."""
    chair, whole = script.draw_chair(script.SIZE, left, 150)
    person = np.zeros_like(whole)
    person[100:, 100:250] = 1
    return chair, person, whole


@pytest.mark.parametrize("left", [430, 452, 470])
def test_prompts_are_on_the_parts_of_the_chair_of_each_room(
    script: ModuleType, left: float, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.touch()
    args = Namespace(sam=tmp_path, out=tmp_path, base="person")
    chairs = [draw(script, left + shift)[2] for shift in (0, 5)]
    settings = script.create_settings(args, clip, chairs).annotation
    assert (settings.person, settings.mattes) == (PersonSource.MODEL, None)
    assert settings.preset == str(tmp_path)
    prompts = load_prompt_file(settings.prompts, [MediaItem("clip", clip, is_video=True)])["clip"]
    assert sorted(prompts) == [0, script.EACH]
    for number, chair in zip((0, script.EACH), chairs, strict=True):
        points, (box,) = prompts[number].positive, prompts[number].boxes
        assert all(chair[round(point.y), round(point.x)] == 1 for point in points)
        assert len(points) == 4
        assert all(map(box.contains, points))
        outside = chair > 0.5
        outside[int(box.top) : int(box.bottom) + 1, int(box.left) : int(box.right) + 1] = False
        assert not outside.any()
        assert (box.right - box.left) * (box.bottom - box.top) < 2 * (chair > 0.5).sum()


def test_label_quality_prints_iou_and_reasons(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame, person, chair = draw(script)
    store = AnnotationStore.begin(tmp_path / "labels", {})
    half = chair.copy()
    half[:, 512:] = 0
    for number, (matte, reasons) in enumerate(
        [(script.true_matte(person, chair), ()), (script.true_matte(person, half), ()), (person, ("lost",))]
    ):
        label = AnnotationRecord(f"c-{number}", "c", "c.mp4", number, 0.0, "sam", tuple(reasons))
        store.add(label, frame, trimap_from_matte(matte), matte, frame)
    store.sync_files()
    script.print_label_quality(tmp_path / "labels", [(frame, person, chair)] * 3)
    output = capsys.readouterr().out
    assert "2 of 3 labelled frames kept" in output
    assert "person 100.00 %" in output
    assert "c-2 set aside: lost" in output
    least = float(output.partition("(least ")[2].partition(")")[0])
    assert 40 < least < 60
