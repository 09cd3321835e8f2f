"""Records on disk keep the keys of every earlier version."""

import json
from pathlib import Path

import pytest

from livecam.annotation.prompts import Box, Point
from livecam.annotation.records import (
    AnnotationRecord,
    ObjectRecord,
    PersonRecord,
    PromptRecord,
    dump_records,
    load_records,
)
from livecam.annotation.store import AnnotationStore
from livecam.core.errors import AnnotationError

CELLS = "A" * 1364 + "AA=="  # 16 x 16 x 4 zeros in base64
OLD_LINES = (
    # The person and one object, as livecam 0.1 wrote them.
    '{"name": "talk-000012", "stem": "talk", "source": "clips/talk.mp4", "number": 12, "seconds": 0.48, '
    '"preset": "sam_base_sa1b", "reasons": ["SAM gives its own mask 0.48"], "person": '
    '{"scores": [0.48, null], "candidates": [0, 2], "agreement": 0.9123, "areas": [0.210938, 0.2], '
    '"prompts": [{"keep": [[130.0, 55.0]], "drop": [], "box": [100.5, 20.0, 160.0, 107.0]}]}, '
    '"things": [{"point": [30, 60], "box": [12.4, 38.0, 47.6, 81.0], "score": 0.96, "candidate": 0, '
    f'"last": [[30, 60], [14.0, 40.0, 45.0, 79.0], 1280, "{CELLS}"]}}]}}\n'
    # Neither person nor objects, with a character outside ASCII.
    '{"name": "grün", "stem": "grün", "source": "grün.jpg", "number": 0, "seconds": 0.0, "preset": "mattes", '
    '"reasons": [], "person": {}, "things": []}\n'
)


def write(folder: Path, text: str) -> Path:
    path = folder / "labels.jsonl"
    path.write_text(text, encoding="utf-8")
    return path


def test_load_records_of_the_old_code_gives_typed_values(tmp_path: Path) -> None:
    first, second = load_records(write(tmp_path, OLD_LINES))
    assert (first.name, first.number, first.reasons) == ("talk-000012", 12, ("SAM gives its own mask 0.48",))
    assert first.person == PersonRecord(
        (0.48, None),
        (0, 2),
        0.9123,
        (0.210938, 0.2),
        (PromptRecord((Point(130, 55),), (), Box(100.5, 20, 160, 107)),),
    )
    (record,) = first.objects
    assert (record.point, record.box, record.score, record.candidate) == (
        Point(30, 60), Box(12.4, 38, 47.6, 81), 0.96, 0
    )  # fmt: skip
    assert record.state is not None
    assert (record.state.tracked_point, record.state.area) == (Point(30, 60), 1280)
    assert second == AnnotationRecord("grün", "grün", "grün.jpg", 0, 0.0, "mattes")


def test_dump_records_writes_the_same_bytes(tmp_path: Path) -> None:
    assert dump_records(load_records(write(tmp_path, OLD_LINES))) == OLD_LINES


def test_records_of_a_version_that_stored_less_are_read() -> None:
    values = json.loads(OLD_LINES.splitlines()[0])
    values["person"] = {"scores": [0.9]}
    values["things"] = [{"score": 0.5, "last": [[1, 2], [1, 2, 3, 4], 5]}]
    record = AnnotationRecord.from_dict(values)
    assert record.person == PersonRecord((0.9,))
    assert record.objects == (ObjectRecord(score=0.5),)


@pytest.mark.parametrize("last", ['[[1], [1, 2, 3, 4], 5, "AAAA"]', '[[1, 2], [1, 2, 3, 4], 5, "A"]', "3"])
def test_a_damaged_state_is_an_error(last: str, tmp_path: Path) -> None:
    line = OLD_LINES.splitlines()[0]
    start = line.index('"last": ') + len('"last": ')
    with pytest.raises(AnnotationError, match="can't be read"):
        list(load_records(write(tmp_path, line[:start] + last + "}]}\n")))


def test_a_data_set_of_the_old_code_is_opened(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    write(tmp_path / "annotations", OLD_LINES)
    (tmp_path / "label.json").write_text('{"frames": 24, "preset": "sam_base_sa1b"}\n')
    (tmp_path / "decisions.json").write_text('{\n "talk-000012": true\n}\n')
    store = AnnotationStore(tmp_path)
    assert [store.is_accepted(record) for record in store.records.values()] == [True, True]
    assert store.decisions == {"talk-000012": True}
