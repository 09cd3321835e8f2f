"""Words select instances, through the real classes of SAM 3."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from livecam.annotation.config import AnnotationSettings, PersonSource
from livecam.annotation.job import annotate
from livecam.annotation.person import iou
from livecam.annotation.sam import text as text_module
from livecam.annotation.sam.text import TextSegmenter
from livecam.annotation.segment import SegmentSettings, segment
from livecam.core.errors import AnnotationError
from livecam.core.geometry import Size
from livecam.imaging.image_io import read_image, write_image
from tests.support.colored_shapes import WORDS, ColoredDrawing, draw_colored
from tests.support.missing_packages import hide_package

DRAWN_SAM3 = Path(__file__).parents[2] / "support" / "drawn_sam3"
MIN_RIGHT = 0.75
"""Share of words whose instances are found, each once, and nothing else; the network was trained briefly."""


class FakeTask:
    """A SAM 3 with four queries: a low score, two instances, and damaged numbers."""

    def __init__(self) -> None:
        self.backbone = SimpleNamespace(vision_encoder=SimpleNamespace(image_shape=(56, 56, 3)))
        self.given: list[dict[str, Any]] = []

    def predict(self, inputs: dict[str, Any], verbose: int) -> dict[str, Any]:
        self.given.append(inputs)
        masks = np.zeros((1, 4, 16, 16), np.float32)
        masks[0, 1, :, :8], masks[0, 2, 8:, 8:] = 0.9, 1.0
        masks[0, 3] = np.nan
        boxes = [[0, 0, 1, 1], [0, 0, 0.5, 1], [0.5, 0.5, 1.2, 1.2], [np.nan] * 4]
        return {"scores": np.float32([[0.2, 0.7, 0.9, np.nan]]), "boxes": np.float32([boxes]), "masks": masks}


def test_all_instances_come_best_first_in_the_pixels_of_the_image() -> None:
    task = FakeTask()
    first, second = TextSegmenter(task).find(np.zeros((90, 160, 3), np.uint8), "office chair")
    assert (first.index, second.index) == (2, 1)
    assert (first.score, second.score) == (pytest.approx(0.9), pytest.approx(0.7))
    assert first.box == (79.5, 44.5, 159.5, 89.5)
    assert second.box == (-0.5, -0.5, 79.5, 89.5)
    for instance in (first, second):
        assert instance.matte.shape == (90, 160)
        assert instance.matte.dtype == np.float32
        assert np.isfinite(instance.matte).all()
    assert second.matte[45, 20] == pytest.approx(0.9)
    assert second.matte[45, 140] == 0
    (given,) = task.given
    assert given["images"].shape == (1, 56, 56, 3)
    assert given["prompts"] == ["office chair"]


def test_a_box_that_contradicts_its_mask_is_replaced_by_the_masks() -> None:
    task = FakeTask()
    output = task.predict({}, 0)
    # The box of the first instance lies beside its mask, the other one is a little too large.
    output["boxes"][0, 2], output["boxes"][0, 1] = (0, 0, 0.4, 0.4), (0, 0, 0.6, 1)
    task.predict = lambda inputs, verbose: output  # type: ignore[method-assign]

    first, second = TextSegmenter(task).find(np.zeros((90, 160, 3), np.uint8), "office chair")

    assert first.box == pytest.approx((79, 44, 160, 90), abs=5)
    assert second.box == pytest.approx((-0.5, -0.5, 95.5, 89.5))


def complaint(preset: str) -> str:
    with pytest.raises(AnnotationError) as caught:
        TextSegmenter.load(preset)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_folder_that_is_missing_names_what_there_is(tmp_path: Path) -> None:
    line = complaint(str(tmp_path / "sam3"))
    assert "there is no" in line
    assert "sam3_pcs, or a folder with a SAM 3" in line


def test_folder_of_another_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"registered_name": "keras_hub>SAMBackbone"}))
    assert "holds a SAMBackbone, no SAM 3; use sam3_pcs" in complaint(str(tmp_path))


def test_missing_weights_are_named(tmp_path: Path) -> None:
    config = {"registered_name": "keras_hub>SAM3PromptableConceptBackbone"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert "has no model.weights.h5" in complaint(str(tmp_path))


def test_failed_download_says_what_is_missing_and_its_size(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Unreachable:
        @staticmethod
        def from_preset(name: str) -> Any:
            raise ConnectionError("Failed to resolve 'api.kaggle.com'\n([Errno -2])")

    monkeypatch.setattr(text_module, "_import_segmenter", lambda: Unreachable)
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    line = complaint("sam3_pcs")
    for part in (
        "words other than person need SAM 3",
        "about 3.4 GB",
        "Failed to resolve",
        "--text-preset FOLDER",
    ):
        assert part in line
    assert str(tmp_path / "cache") in line


def test_without_kerashub_the_extra_and_person_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_package(monkeypatch, "keras_hub")
    line = complaint("sam3_pcs")
    assert "(keras_hub); pip install 'livecam[label]'; the word person needs none" in line


@pytest.mark.labelling
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_real_classes_are_loaded_from_a_folder(tmp_path: Path) -> None:
    """Whole: KerasHub's SAM 3, small and untrained, saved, loaded by folder, prompted with words."""
    pytest.importorskip("keras_hub", reason="KerasHub is missing: pip install 'livecam[label]'")
    from tests.support.small_sam3 import QUERIES, build

    task = build()
    task.save_to_preset(str(tmp_path))
    loaded = TextSegmenter.load(str(tmp_path))
    assert loaded._size == Size(112, 112)
    frame = np.random.default_rng(1).integers(0, 256, (60, 100, 3), np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_module, "MIN_TEXT_SCORE", 0.0)
        disc, square = (loaded.find(frame, text) for text in ("disc", "square"))
    assert len(disc) == QUERIES
    assert [each.score for each in disc] == sorted((each.score for each in disc), reverse=True)
    assert all(each.matte.shape == (60, 100) for each in disc)
    assert all(-0.5 <= each.box.left < each.box.right <= 99.5 for each in disc)
    # The words reach the network.
    assert {each.score for each in disc} != {each.score for each in square}


@pytest.mark.labelling
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_word_finds_its_instances_with_a_trained_network() -> None:
    """Whole: a small SAM 3 of KerasHub's classes that knows red, green and blue shapes."""
    pytest.importorskip("keras_hub", reason="KerasHub is missing: pip install 'livecam[label]'")
    finder, rng, right = TextSegmenter.load(str(DRAWN_SAM3)), np.random.default_rng(5), []
    for size in (Size(160, 120), Size(200, 150)):
        drawing = draw_colored(rng, size)
        for word in WORDS:
            instances = finder.find(drawing.frame, word)
            assert all(each.matte.shape == (size.height, size.width) for each in instances)
            right.append(drawing.is_found(instances, word))
    assert np.mean(right) >= MIN_RIGHT


def find_drawing(finder: TextSegmenter, size: Size) -> tuple[ColoredDrawing, str]:
    """Return a drawing in which a word has two instances and the network finds both."""
    for seed in range(40):
        drawing = draw_colored(np.random.default_rng(seed), size)
        for word in WORDS:
            if len(drawing.instances(word)) == 2 and drawing.is_found(finder.find(drawing.frame, word), word):
                return drawing, word
    raise AssertionError("in no drawing both instances of a word are found")


@pytest.mark.labelling
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_segment_and_label_keep_what_a_word_names(tmp_path: Path) -> None:
    """Whole: pictures and words in, mattes out; no double of either network."""
    pytest.importorskip("keras_hub", reason="KerasHub is missing: pip install 'livecam[label]'")
    finder = TextSegmenter.load(str(DRAWN_SAM3))
    drawing, word = find_drawing(finder, Size(160, 120))
    true = np.max(drawing.instances(word), axis=0)
    write_image(tmp_path / "shapes.png", drawing.frame)
    settings = SegmentSettings(
        (tmp_path / "shapes.png",), tmp_path / "out", texts=(word,), text_preset=str(DRAWN_SAM3)
    )
    (result,) = segment(settings)
    assert len(result.objects) == 2
    assert iou(result.matte, true) >= 0.7
    assert (tmp_path / "out" / "shapes.kept.png").is_file()

    labelled = annotate(
        AnnotationSettings(
            sources=(str(tmp_path / "shapes.png"),), out=tmp_path / "set", keep_text=(word,),
            text_preset=str(DRAWN_SAM3), person=PersonSource.NONE,
        )
    )  # fmt: skip
    assert labelled.kept + labelled.flagged == 1
    (matte,) = (tmp_path / "set").rglob("annotations/mattes/shapes.png")
    # SAM draws inside SAM 3's boxes, and its outlines are finer.
    assert iou(read_image(matte, longest=1000).image[..., 0] / np.float32(255), true) >= 0.85
