import json
from pathlib import Path

import pytest

from livecam.annotation.media import MediaItem
from livecam.annotation.prompt_file import (
    FramePrompts,
    load_prompt_file,
    parse_frame_prompts,
    validate_frame_prompts,
)
from livecam.annotation.prompts import Box, Point
from livecam.core.errors import UsageError
from livecam.core.geometry import Size

TALK = MediaItem("my-talk", Path("clips/my talk.mp4"), True)
CAT = MediaItem("cat", Path("cat.jpg"), False)


def write(folder: Path, plain: object) -> Path:
    path = folder / "prompts.json"
    path.write_text(plain if isinstance(plain, str) else json.dumps(plain))
    return path


@pytest.mark.parametrize("key", ["my-talk", "my talk.mp4", "my talk", "clips/my talk.mp4"])
def test_a_clip_is_named_by_path_file_or_stem(key: str, tmp_path: Path) -> None:
    path = write(tmp_path, {key: {"keep": [[4, 5]], "drop": [[1, 2]], "boxes": [[1, 2, 30, 40]]}})
    wish = FramePrompts((Point(4, 5),), (Point(1, 2),), (Box(1, 2, 30, 40),))
    assert load_prompt_file(path, [CAT, TALK]) == {"my-talk": {None: wish}}


def test_frames_are_named_by_number_or_by_their_own_name(tmp_path: Path) -> None:
    plain = {
        "my-talk": {"keep": [[1, 1]], "frames": {"7": {"drop": [[2, 2]]}}},
        "my-talk-000120": {"keep": [[3, 3]]},
    }
    found = load_prompt_file(write(tmp_path, plain), [CAT, TALK])["my-talk"]
    assert {number: wish.to_dict() for number, wish in found.items()} == {
        None: {"keep": [[1, 1]]},
        7: {"drop": [[2, 2]]},
        120: {"keep": [[3, 3]]},
    }


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ("{", "can't be read as JSON"),
        ([1], "is no prompts file"),
        ({"dog": {}}, "names 'dog', which is not labelled; there are cat.jpg, my talk.mp4"),
        ({"my tlk.mp4": {}}, "did you mean 'my talk.mp4'"),
        ({"cat-000003": {}}, "names 'cat-000003'"),
        ({"cat": {"kept": []}}, "says 'kept'"),
        ({"cat": {"keep": [[1]]}}, r"cat, keep: write \[\[x, y\]\]"),
        ({"cat": {"keep": [[1, "2"]]}}, "numbers in pixels"),
        ({"cat": {"keep": [1, 2]}}, "numbers in pixels"),
        ({"cat": {"keep": [[True, 2]]}}, "numbers in pixels"),
        ({"cat": {"boxes": [[0, False, 3, 4]]}}, "numbers in pixels"),
        ({"cat": {"boxes": [[1, 2, 3]]}}, "left, top, right, bottom"),
        ('{"cat": {"keep": [[NaN, 1]]}}', "numbers in pixels"),
        ({"cat": [1]}, "is no wish"),
        ({"my-talk": {"frames": {"first": {}}}}, "by the frames' numbers"),
    ],
)
def test_what_is_wrong_in_a_file_is_said(plain: object, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        load_prompt_file(write(tmp_path, plain), [CAT, TALK])


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no"):
        load_prompt_file(tmp_path / "prompts.json", [CAT])


@pytest.mark.parametrize(
    "wish",
    [
        FramePrompts(positive=(Point(99, 200),)),
        FramePrompts(negative=(Point(-3, 2),)),
        FramePrompts(boxes=(Box(5, 5, 400, 20),)),
    ],
)
def test_places_outside_the_picture_are_refused(wish: FramePrompts) -> None:
    with pytest.raises(UsageError, match="outside the picture of 192x108"):
        validate_frame_prompts(wish, Size(192, 108))


def test_a_wish_comes_back_from_its_plain_form() -> None:
    wish = FramePrompts((Point(1.5, 2),), (Point(3, 4), Point(5, 6)), (Box(1, 2, 3, 4),))
    assert parse_frame_prompts(wish.to_dict(), "here") == wish
    assert not parse_frame_prompts({}, "here")
