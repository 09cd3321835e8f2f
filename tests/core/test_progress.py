"""Lines of progress, for users and for programs."""

import json

from livecam.core.progress import ProgressLine, progress_values


def test_line_is_text_for_users_and_values_for_programs() -> None:
    line = ProgressLine("labelling 3/4", "label", 3, 4, seconds_left=2.5)
    assert f"{line}" == "labelling 3/4"
    assert json.loads(json.dumps(progress_values(line))) == {
        "message": "labelling 3/4",
        "stage": "label",
        "done": 3,
        "total": 4,
        "seconds_left": 2.5,
        "page": "",
    }


def test_plain_line_has_no_values() -> None:
    values = progress_values("the disk is slow")
    assert values.pop("message") == "the disk is slow"
    assert values == {"stage": "", "done": 0, "total": 0, "seconds_left": None, "page": ""}
