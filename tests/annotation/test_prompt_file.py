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


def write(folder: Path, value: object) -> Path:
    path = folder / "prompts.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


@pytest.mark.parametrize("key", ["my-talk", "my talk.mp4", "my talk", "clips/my talk.mp4"])
def test_a_clip_is_named_by_path_file_or_stem(key: str, tmp_path: Path) -> None:
    path = write(tmp_path, {key: {"keep": [[4, 5]], "drop": [[1, 2]], "boxes": [[1, 2, 30, 40]]}})
    prompts = FramePrompts((Point(4, 5),), (Point(1, 2),), (Box(1, 2, 30, 40),))
    assert load_prompt_file(path, [CAT, TALK]) == {"my-talk": {None: prompts}}


def test_frames_are_named_by_number_or_by_their_own_name(tmp_path: Path) -> None:
    value = {
        "my-talk": {"keep": [[1, 1]], "frames": {"7": {"drop": [[2, 2]]}}},
        "my-talk-000120": {"keep": [[3, 3]]},
    }
    found = load_prompt_file(write(tmp_path, value), [CAT, TALK])["my-talk"]
    assert {number: prompts.to_dict() for number, prompts in found.items()} == {
        None: {"keep": [[1, 1]]},
        7: {"drop": [[2, 2]]},
        120: {"keep": [[3, 3]]},
    }


@pytest.mark.parametrize(
    ("value", "message"),
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
        ({"cat": [1]}, "is no prompt"),
        ({"my-talk": {"frames": {"first": {}}}}, "by the frames' numbers"),
    ],
)
def test_invalid_prompt_file_gives_a_usage_error(value: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        load_prompt_file(write(tmp_path, value), [CAT, TALK])


def test_missing_prompt_file_gives_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no"):
        load_prompt_file(tmp_path / "prompts.json", [CAT])


@pytest.mark.parametrize(
    "prompts",
    [
        FramePrompts(positive=(Point(99, 200),)),
        FramePrompts(negative=(Point(-3, 2),)),
        FramePrompts(boxes=(Box(5, 5, 400, 20),)),
    ],
)
def test_prompts_outside_the_image_are_refused(prompts: FramePrompts) -> None:
    with pytest.raises(UsageError, match="outside the image of 192x108"):
        validate_frame_prompts(prompts, Size(192, 108))


def test_frame_prompts_survive_json() -> None:
    prompts = FramePrompts((Point(1.5, 2),), (Point(3, 4), Point(5, 6)), (Box(1, 2, 3, 4),))
    assert parse_frame_prompts(prompts.to_dict(), "here") == prompts
    assert not parse_frame_prompts({}, "here")


@pytest.mark.parametrize("key", ["cat.jpg", "cat"])
def test_name_of_two_files_is_refused_with_both_paths(key: str, tmp_path: Path) -> None:
    media = [MediaItem("cat", Path("a/cat.jpg"), False), MediaItem("cat-12ab34", Path("b/cat.jpg"), False)]
    with pytest.raises(UsageError, match=r"a/cat\.jpg or b/cat\.jpg"):
        load_prompt_file(write(tmp_path, {key: {"keep": [[4, 5]]}}), media)
    for item in media:
        path = write(tmp_path, {str(item.path): {"keep": [[4, 5]]}})
        assert list(load_prompt_file(path, media)) == [item.stem]
    path = write(tmp_path, {"cat": {"keep": [[4, 5]]}, "cat-12ab34": {"keep": [[1, 2]]}})
    clicked = load_prompt_file(path, media, has_data_set_names=True)
    assert list(clicked) == ["cat", "cat-12ab34"]
