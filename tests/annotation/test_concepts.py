"""Words: `person` by the compact model and SAM, anything else by SAM 3."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecam.annotation.concepts import ConceptFinder, is_person
from livecam.annotation.config import AnnotationSettings, PersonSource
from livecam.annotation.job import annotate
from livecam.annotation.prompts import Box
from livecam.annotation.sam.text import TextInstance
from livecam.annotation.segment import SegmentSettings, segment
from livecam.core.errors import AnnotationError, UsageError
from livecam.core.types import Frame
from livecam.imaging.image_io import write_image
from tests.support.fakes import PERSON
from tests.support.synthetic_people import CHAIR, FakeSam, GreenModel, draw_scene, is_near, write_scenes


class FakeFinder:
    """A fake SAM 3 that knows a chair by its color, from the frame with this number of looks on."""

    def __init__(self, from_look: int = 0) -> None:
        self.texts: list[str] = []
        self._from_look = from_look

    def find(self, frame: Frame, text: str) -> tuple[TextInstance, ...]:
        self.texts.append(text)
        matte = is_near(frame, CHAIR).astype(np.float32)
        if text != "chair" or not matte.any() or len(self.texts) <= self._from_look:
            return ()
        rows, columns = np.nonzero(matte)
        box = Box(*map(float, (columns.min(), rows.min(), columns.max(), rows.max())))
        return (TextInstance(0, 0.9, box, matte),)


class BatchSam(FakeSam):
    """The fake SAM with `embed_many`, as `segment` uses it."""

    def embed_many(self, frames: Any) -> Any:
        return map(self.embed, frames)


def never(*_: Any) -> Any:
    raise AssertionError("this is not to be loaded")


@pytest.fixture
def room(tmp_path: Path) -> Path:
    write_image(tmp_path / "room.png", draw_scene(2))
    return tmp_path / "room.png"


def run(room: Path, *texts: str, **loaders: Any) -> Any:
    settings = SegmentSettings((room,), room.parent / "out", texts=texts)
    defaults: dict[str, Any] = {"load": never, "load_finder": never, "load_model": never}
    return segment(settings, **(defaults | loaders))


def test_person_needs_no_sam_3(room: Path) -> None:
    (result,) = run(room, "person", load=lambda preset: BatchSam(), load_model=GreenModel)
    person = is_near(draw_scene(2), PERSON)
    assert ((result.matte > 0.5) & person).sum() > 0.95 * person.sum()
    assert (room.parent / "out" / "room.thing1.rank1.png").is_file()


def test_other_words_need_neither_sam_nor_the_compact_model(room: Path) -> None:
    finder = FakeFinder()
    (result,) = run(room, "chair", load_finder=lambda preset: finder)
    np.testing.assert_array_equal(result.matte, is_near(draw_scene(2), CHAIR).astype(np.float32))
    assert [candidates[0].iou_score for candidates in result.objects] == [0.9]
    assert finder.texts == ["chair"]


def test_person_and_chair_are_two_objects(room: Path) -> None:
    (result,) = run(
        room, "person", "chair", load=lambda preset: BatchSam(), load_model=GreenModel,
        load_finder=lambda preset: FakeFinder(),
    )  # fmt: skip
    assert len(result.objects) == 2
    assert {path.name for path in result.files} >= {"room.thing2.rank1.png", "room.kept.png"}


def test_what_is_not_there_is_one_line_and_the_other_images_are_written(room: Path) -> None:
    write_image(room.parent / "empty.png", draw_scene(2, chair=False))
    settings = SegmentSettings((room.parent / "empty.png", room), room.parent / "out", texts=("chair",))
    with pytest.raises(AnnotationError, match=r"no chair was found in empty\.png; name it in other words"):
        segment(settings, never, load_finder=lambda preset: FakeFinder())
    assert {path.name.split(".")[0] for path in (room.parent / "out").iterdir()} == {"room"}


@pytest.mark.parametrize("text", ["", "  "])
def test_text_without_words_is_refused(room: Path, text: str) -> None:
    with pytest.raises(UsageError, match="--text has no words"):
        run(room, text)


def test_person_in_other_spellings() -> None:
    assert all(map(is_person, ("person", " Person ", "people", "a person", "human")))
    assert not any(map(is_person, ("chair", "personal computer", "")))


def test_nothing_is_loaded_without_texts() -> None:
    finder = ConceptFinder.load((), never, never)
    assert finder.find(draw_scene(0), None) == []


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_scenes(tmp_path / "talk.mkv", 12)


def label(clip: Path, finder: Any, **more: Any) -> Any:
    settings = AnnotationSettings((str(clip),), clip.parent / "set", frames=4, **more)
    sam = FakeSam()
    report = annotate(settings, sam, segmenter=GreenModel(), finder=finder)
    return report, sam


def test_label_follows_what_the_words_name(clip: Path) -> None:
    finder = FakeFinder()
    report, sam = label(clip, finder, keep_text=("chair",))
    assert report.kept + report.flagged == 4
    assert finder.texts == ["chair"]
    assert any(prompt.box and not prompt.positive for prompt in sam.prompts)


def test_label_takes_the_first_frame_that_has_it(clip: Path) -> None:
    finder = FakeFinder(from_look=2)
    report, _ = label(clip, finder, keep_text=("chair",))
    assert finder.texts == ["chair"] * 3
    assert report.kept + report.flagged == 4


def test_label_without_what_the_words_name_is_one_line(clip: Path) -> None:
    with pytest.raises(AnnotationError, match="SAM 3 finds no zebra; name it in other words"):
        label(clip, FakeFinder(), keep_text=("zebra",))


def test_label_keeps_the_person_without_sam_3(clip: Path) -> None:
    report, _ = label(clip, None, keep_text=("person",))
    assert report.kept + report.flagged == 4


def test_settings_refuse_what_contradicts() -> None:
    settings = AnnotationSettings(("a.mp4",), Path("out"))
    with pytest.raises(UsageError, match="contradict each other"):
        replace(settings, person=PersonSource.NONE, keep=((1, 1),), keep_text=("person",))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="--keep-text has no words"):
        replace(settings, keep_text=("",))
    assert replace(settings, keep_text=("person", "cup")).object_texts == ("cup",)
    assert "keep_text" not in settings.to_dict()
    assert replace(settings, keep_text=("cup",)).to_dict()["keep_text"] == ["cup"]
