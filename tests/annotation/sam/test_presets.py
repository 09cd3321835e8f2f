"""An error while a preset is loaded is one line with the remedy."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecam.annotation.sam import memory_estimate as memory_estimate
from livecam.annotation.sam.presets import load_preset
from livecam.core.errors import AnnotationError
from tests.support.missing_packages import hide_package

pytestmark = pytest.mark.labelling


def complaint(preset: str) -> str:
    """Return the message of the error while loading, which must be one line."""
    with pytest.raises(AnnotationError) as caught:
        load_preset(preset)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_a_name_that_is_nearly_right_is_corrected() -> None:
    assert "did you mean sam_base_sa1b?" in complaint("sam_bas_sa1b")


def test_a_name_that_is_none_lists_those_that_are() -> None:
    line = complaint("zebra")
    assert "sam_base_sa1b, sam_large_sa1b, sam_huge_sa1b, or name a folder" in line


def test_a_folder_that_is_missing_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "my-sam").mkdir()
    line = complaint(str(tmp_path / "my-sma"))
    assert "there is no" in line
    assert "my-sam?" in line


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"x")
    assert "is a file; name the folder" in complaint(str(tmp_path / "model.h5"))


def test_an_empty_folder_is_no_preset(tmp_path: Path) -> None:
    assert "is no preset, it has no config.json" in complaint(str(tmp_path))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}'])
def test_a_damaged_configuration_is_to_be_copied_again(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    assert "download or copy the preset again" in complaint(str(tmp_path))


def test_another_kind_of_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"registered_name": "keras_hub>BertBackbone"}))
    assert "holds a BertBackbone, no SAM" in complaint(str(tmp_path))


def test_missing_weights_are_named(tmp_path: Path, drawn_sam_folder: Path) -> None:
    shutil.copy(drawn_sam_folder / "config.json", tmp_path)
    assert "has no model.weights.h5" in complaint(str(tmp_path))


def test_damaged_weights_are_one_line(tmp_path: Path, drawn_sam_folder: Path) -> None:
    shutil.copytree(drawn_sam_folder, tmp_path / "sam")
    path = tmp_path / "sam" / "model.weights.h5"
    path.write_bytes(path.read_bytes()[:5000])
    line = complaint(str(tmp_path / "sam"))
    assert "can't be loaded as SAM" in line
    assert "download or copy the preset again" in line


def test_too_little_memory_fails_before_loading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meminfo").write_text("MemAvailable: 1000000 kB\n")
    monkeypatch.setattr(memory_estimate, "_MEMINFO", tmp_path / "meminfo")
    assert "sam_large_sa1b needs about" in complaint("sam_large_sa1b")


def test_failed_download_names_the_offline_way(
    drawn_sam_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras_hub

    def unreachable(*_: object, **__: object) -> Any:
        raise ConnectionError("Failed to resolve 'api.kaggle.com'\n([Errno -2])")

    monkeypatch.setattr(keras_hub.models.SAMImageSegmenter, "from_preset", unreachable)
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    line = complaint("sam_base_sa1b")
    for part in ("Failed to resolve", str(tmp_path / "cache"), "KAGGLEHUB_CACHE", "--preset FOLDER"):
        assert part in line
    assert "kagglehub.model_download('keras/sam/keras/sam_base_sa1b')" in line


def test_without_kerashub_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_package(monkeypatch, "keras_hub")
    assert "(keras_hub): pip install 'livecam[label]'" in complaint("sam_base_sa1b")


def test_drawn_sam_has_no_build_paths(drawn_sam_folder: Path) -> None:
    for path in drawn_sam_folder.iterdir():
        content = path.read_bytes()
        assert not any(part in content for part in (b"/home/", b"/root/", b"/tmp/", b"/work/")), path.name
    whole = sum(path.stat().st_size for path in drawn_sam_folder.iterdir())
    assert whole < 3_000_000


def test_normalization_follows_the_presets_converter(drawn_sam_folder: Path) -> None:
    from livecam.annotation.sam.predictor import SamPredictor

    task, known = load_preset(str(drawn_sam_folder))
    assert known is not None
    assert SamPredictor(task)._network.normalization[0] == pytest.approx(np.float32(1 / 255))
    task.preprocessor.image_converter.scale, task.preprocessor.image_converter.offset = [0.5, 1, 2], [1, 2, 3]
    scale, offset = SamPredictor(task)._network.normalization
    assert scale.tolist() == [0.5, 1, 2]
    assert offset.tolist() == [1, 2, 3]
    task.preprocessor = None
    assert SamPredictor(task)._network.normalization[0] == pytest.approx(np.float32(1 / 255))
