import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecam.annotation import store as store_module
from livecam.annotation.store import AnnotationRecord, AnnotationStore
from livecam.core.errors import AnnotationError, FileWriteError, UsageError
from livecam.core.fileio import write_atomic
from livecam.datasets.pets import list_samples, load_foreground
from livecam.imaging.image_io import encode_image
from livecam.imaging.trimap import trimap_from_matte
from tests.support.synthetic_people import draw_scene

SETTINGS = {"frames": 24, "preset": "small"}


def add(store: AnnotationStore, number: int, *reasons: str, stem: str = "a") -> str:
    name = f"{stem}-{number:06d}"
    frame = draw_scene(number)
    matte = np.zeros(frame.shape[:2], np.float32)
    matte[40:90, 30:80] = 1
    label = AnnotationRecord(name, stem, f"{stem}.mp4", number, number * 2.0, "small", reasons)
    store.add(label, frame, trimap_from_matte(matte), matte, frame)
    return name


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*-0*.*"))


def test_training_reads_what_was_written(tmp_path: Path) -> None:
    store = AnnotationStore.begin(tmp_path / "set", SETTINGS)
    for number in range(6):
        add(store, number)
    split = store.sync_files()
    for name, listed in (("trainval", split.train), ("test", split.test)):
        samples = list_samples(tmp_path / "set", name)
        assert [sample.name for sample in samples] == list(listed)
        for sample in samples:
            foreground = load_foreground(sample, 256)
            assert foreground.has_exact_matte
            assert foreground.trimap.shape == foreground.image.shape[:2] == foreground.matte.shape


def test_lines_are_sorted_by_source_and_frame_whatever_finished_first(tmp_path: Path) -> None:
    store = AnnotationStore.begin(tmp_path, SETTINGS)
    names = [add(store, number, stem=stem) for stem, number in (("b", 2), ("old", 1), ("a", 3), ("b", 0))]
    store.sort_records(["b", "a"])
    expected = [names[1], names[3], names[0], names[2]]
    assert list(store.records) == list(AnnotationStore(tmp_path).records) == expected


def test_flagged_frames_move_with_their_decision(tmp_path: Path) -> None:
    store = AnnotationStore.begin(tmp_path, SETTINGS)
    fine, flagged = add(store, 0), add(store, 1, "too dark")
    store.sync_files()
    assert not (tmp_path / f"images/{flagged}.jpg").exists()
    assert (tmp_path / f"review/annotations/trimaps/{flagged}.png").is_file()
    store.set_decisions(accept=[flagged], reject=[fine])
    store.sync_files()
    assert (tmp_path / f"images/{flagged}.jpg").is_file()
    assert (tmp_path / f"annotations/mattes/{flagged}.png").is_file()
    assert (tmp_path / f"review/images/{fine}.jpg").is_file()
    assert [sample.name for sample in list_samples(tmp_path, "trainval")] == [flagged]
    store.set_decisions(forget=[flagged, fine])
    store.sync_files()
    assert (tmp_path / f"review/overlays/{flagged}.jpg").is_file()
    assert [sample.name for sample in list_samples(tmp_path, "trainval")] == [fine]


def test_records_and_decisions_are_read_again(tmp_path: Path) -> None:
    store = AnnotationStore.begin(tmp_path, SETTINGS)
    add(store, 0)
    name = add(store, 1, "too dark", "too far")
    store.set_decisions(accept=[name])
    later = AnnotationStore.begin(tmp_path, SETTINGS)
    assert later.records == store.records
    assert later.is_accepted(later.records[name])
    assert later.is_done(name, "a.mp4")
    assert not later.is_done("a-000009", "a.mp4")


@pytest.mark.parametrize("content", ['{"cat": 1, "dog": 2}', "[]", "7"])
def test_label_json_of_another_program_is_no_data_set_and_nothing_is_written(
    tmp_path: Path, content: str
) -> None:
    # Pets layout of another origin: a run with --out here, or a review, would empty its lists.
    (tmp_path / "annotations").mkdir()
    (tmp_path / "label.json").write_text(content)
    (tmp_path / "annotations" / "trainval.txt").write_text("a\nb\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match="holds other things already"):
        AnnotationStore.begin(tmp_path, SETTINGS)
    with pytest.raises(UsageError, match="is no data set made by `livecam label`"):
        AnnotationStore(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_directory_that_was_stopped_before_its_first_frame_is_continued(tmp_path: Path) -> None:
    settings = {"sources": ["a.mp4"], "frames": 24}
    (tmp_path / "label.json").write_text(json.dumps(settings))
    assert AnnotationStore.begin(tmp_path, settings).records == {}


def test_two_sources_of_one_name_are_refused(tmp_path: Path) -> None:
    store = AnnotationStore.begin(tmp_path, SETTINGS)
    name = add(store, 0)
    with pytest.raises(UsageError, match="would both be called"):
        store.is_done(name, "b.mp4")


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    add(AnnotationStore.begin(tmp_path, SETTINGS), 0)
    with pytest.raises(UsageError, match=r"other settings \(frames\).*--again"):
        AnnotationStore.begin(tmp_path, SETTINGS | {"frames": 12})


def test_other_settings_are_taken_while_nothing_is_labelled(tmp_path: Path) -> None:
    AnnotationStore.begin(tmp_path, SETTINGS)
    (tmp_path / "chosen.json").write_text("{}")
    store = AnnotationStore.begin(tmp_path, SETTINGS | {"frames": 12})
    assert store.settings["frames"] == 12
    assert not (tmp_path / "chosen.json").exists()


def test_again_keeps_frames_with_a_decision(tmp_path: Path) -> None:
    store = AnnotationStore.begin(tmp_path, SETTINGS)
    names = [add(store, n, *(["flagged"] if n % 2 else [])) for n in range(4)]
    store.set_decisions(accept=[names[1]], reject=[names[0]])
    store.sync_files()
    before = (tmp_path / f"annotations/trimaps/{names[1]}.png").read_bytes()
    again = AnnotationStore.begin(tmp_path, SETTINGS | {"frames": 12}, again=True)
    assert set(again.records) == {names[0], names[1]}
    assert (tmp_path / f"annotations/trimaps/{names[1]}.png").read_bytes() == before
    assert len(files(tmp_path)) == 8
    assert AnnotationStore(tmp_path).settings["frames"] == 12


def test_incomplete_last_line_is_removed(tmp_path: Path) -> None:
    store = AnnotationStore.begin(tmp_path, SETTINGS)
    add(store, 0)
    add(store, 1)
    lines = tmp_path / "annotations/labels.jsonl"
    lines.write_bytes(lines.read_bytes()[:-20])
    later = AnnotationStore.begin(tmp_path, SETTINGS)
    assert list(later.records) == ["a-000000"]
    add(later, 1)
    assert list(AnnotationStore(tmp_path).records) == ["a-000000", "a-000001"]


@pytest.mark.parametrize("content", ["{}\n", "nonsense\n", "[]\n", "\n"])
def test_damaged_records_give_an_error(content: str, tmp_path: Path) -> None:
    add(AnnotationStore.begin(tmp_path, SETTINGS), 0)
    (tmp_path / "annotations/labels.jsonl").write_text(content)
    with pytest.raises(AnnotationError, match=r"labels\.jsonl can't be read"):
        AnnotationStore(tmp_path)


def test_full_disk_is_one_line_and_can_be_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = AnnotationStore.begin(tmp_path, SETTINGS)
    add(store, 0)

    def full(path: Path, content: bytes) -> None:
        if "mattes" in path.parts:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_atomic(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(store_module, "write_atomic", full)
        with pytest.raises(FileWriteError, match=r"No space left on device.*goes on where it stopped"):
            add(store, 1)
    later = AnnotationStore.begin(tmp_path, SETTINGS)
    assert list(later.records) == ["a-000000"]
    add(later, 1)
    later.sync_files()
    assert list_samples(tmp_path, "test")


def test_failed_write_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomic(tmp_path / "a", b"1")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_file_and_foreign_directory_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"):
        AnnotationStore.begin(tmp_path / "file", SETTINGS)
    with pytest.raises(UsageError, match="holds other things"):
        AnnotationStore.begin(tmp_path, SETTINGS)
    with pytest.raises(UsageError, match="no data set made by"):
        AnnotationStore(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accept": ["b"]}, "no frame 'b'"),
        ({"accept": ["a-000000"], "reject": ["a-000000"]}, "both accepted and rejected"),
    ],
)
def test_decisions_for_unknown_frames_are_refused(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    store = AnnotationStore.begin(tmp_path, SETTINGS)
    add(store, 0)
    with pytest.raises(UsageError, match=message):
        store.set_decisions(**changes)
    assert not (tmp_path / "decisions.json").exists()


def test_mattes_and_trimaps_are_kept_exactly(tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    (tmp_path / "a.png").write_bytes(encode_image(levels, ".png"))
    from PIL import Image

    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.array(image), levels)


def test_record_is_one_line_of_json(tmp_path: Path) -> None:
    store = AnnotationStore.begin(tmp_path, SETTINGS)
    add(store, 0, "“flagged”")
    (line,) = (tmp_path / "annotations/labels.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["reasons"] == ["“flagged”"]
