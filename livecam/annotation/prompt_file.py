"""Prompts for each frame of a clip, from the command line, a prompts file or clicks.

A prompts file::

    {"talk.mp4":    {"keep": [[412, 300]], "drop": [[20, 30]], "boxes": [[10, 20, 110, 220]]},
     "garden":      {"frames": {"0": {"keep": [[30, 40]]}, "120": {"boxes": [[5, 5, 60, 90]]}}},
     "talk-000120": {"keep": [[400, 310]]}}

A key is the path, file name or stem of a clip or image, or the name of a frame in the data set. Without
``frames`` the prompts belong to the first selected frame. Objects are tracked from the frame of their
prompts to the next frame that has prompts.
"""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecam.annotation.media import MediaItem
from livecam.annotation.prompts import Box, Point, Prompt, validate_prompt
from livecam.core.errors import UsageError
from livecam.core.fileio import not_found_message, os_error_reason, read_text
from livecam.core.geometry import Size

_KEYS = ("keep", "drop", "boxes")
_MAX_COORDINATE = 1e6  # pixels


@dataclass(frozen=True)
class FramePrompts:
    """Prompts of one frame in its own pixels: points on objects, points to exclude, boxes around objects."""

    positive: tuple[Point, ...] = ()
    negative: tuple[Point, ...] = ()
    boxes: tuple[Box, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.positive or self.negative or self.boxes)

    def to_dict(self) -> dict[str, list[list[float]]]:
        """Return the prompts for JSON, without empty lists."""
        lists = {
            key: [list(each) for each in values]
            for key, values in zip(_KEYS, (self.positive, self.negative, self.boxes), strict=True)
        }
        return {key: value for key, value in lists.items() if value}


ClipPrompts = dict[int | None, FramePrompts]
"""Prompts by frame number; None is the first selected frame."""


def validate_frame_prompts(prompts: FramePrompts, size: Size) -> None:
    """Check that all points and boxes are inside an image of `size`.

    Raises:
        UsageError: one is outside; the message names the limits.
    """
    for point in (*prompts.positive, *prompts.negative):
        validate_prompt(Prompt(positive=(point,)), size)
    for box in prompts.boxes:
        validate_prompt(Prompt(box=box), size)


def parse_frame_prompts(value: object, where: str) -> FramePrompts:
    """Convert parsed JSON to the prompts of one frame.

    Args:
        value: the parsed JSON.
        where: the place in the file, for messages.

    Raises:
        UsageError: the value has another form.
    """
    if not isinstance(value, dict):
        raise UsageError(f'{where} is no prompt; write {{"keep": [[x, y]], "drop": [], "boxes": []}}')
    for key in value:
        if key not in _KEYS:
            raise UsageError(f"{where} says {key!r}; there are keep, drop, boxes and frames")
    keep, drop = (_number_lists(value.get(key, []), 2, f"{where}, {key}") for key in ("keep", "drop"))
    boxes = _number_lists(value.get("boxes", []), 4, f"{where}, boxes")
    return FramePrompts(
        tuple(Point(*each) for each in keep),
        tuple(Point(*each) for each in drop),
        tuple(Box(*each) for each in boxes),
    )


def load_prompt_file(
    path: Path, media: Sequence[MediaItem], *, has_data_set_names: bool = False
) -> dict[str, ClipPrompts]:
    """Read a prompts file. Returns: the prompts by the stem of each media item that it names.

    With `has_data_set_names`, as in livecam's file of clicks, a name in the data set wins over a file name.

    Raises:
        UsageError: the file can't be read, has another form, or names something that is not in `media`.
    """
    try:
        value = json.loads(read_text(path))
    except FileNotFoundError as error:
        raise UsageError(not_found_message(path)) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} can't be read as JSON ({os_error_reason(error)}); mend it") from error
    return parse_clip_prompts(value, media, str(path), has_data_set_names=has_data_set_names)


def parse_clip_prompts(
    value: object, media: Sequence[MediaItem], where: str, *, has_data_set_names: bool = False
) -> dict[str, ClipPrompts]:
    """Convert the parsed JSON of a prompts file, like `load_prompt_file`.

    Raises:
        UsageError: the value has another form, or names something that is not in `media`.
    """
    if not isinstance(value, dict):
        raise UsageError(f'{where} is no prompts file; write {{"CLIP": {{"keep": [[x, y]]}}}}')
    found: dict[str, ClipPrompts] = {}
    for key, entry in value.items():
        item, number = _resolve_key(key, media, where, has_data_set_names)
        prompts = found.setdefault(item.stem, {})
        if number is None and isinstance(entry, dict) and "frames" in entry:
            entry = dict(entry)
            prompts |= _parse_numbered(entry.pop("frames"), f"{where}, {key}, frames")
        if entry:
            prompts[number] = parse_frame_prompts(entry, f"{where}, {key}")
    return found


def _parse_numbered(value: object, where: str) -> ClipPrompts:
    if not isinstance(value, Mapping) or not all(str(number).isdecimal() for number in value):
        raise UsageError(f'{where}: write {{"120": {{"keep": [[x, y]]}}}}, by the frames\' numbers from 0')
    return {int(number): parse_frame_prompts(entry, f"{where}, {number}") for number, entry in value.items()}


def _resolve_key(
    key: str, media: Sequence[MediaItem], where: str, has_data_set_names: bool
) -> tuple[MediaItem, int | None]:
    # A path or a name in the data set is unique; a file name may be that of several files. Only livecam's own
    # file of clicks means a name in the data set where the same word is the file name of another image.
    exact = [item for item in media if key in (item.stem, str(item.path))]
    named = [item for item in media if key in (item.path.name, item.path.stem)]
    is_exact = any(key == str(item.path) for item in exact) or (has_data_set_names and exact)
    if len(named) > 1 and not is_exact:
        raise UsageError(
            f"{where} names {key!r}, which may be {named[0].path} or {named[1].path}; write the whole path"
        )
    if exact or named:
        return (exact or named)[0], None
    frame = re.fullmatch(r"(.+)-(\d{6,})", key)
    if frame:
        for item in media:
            if item.is_video and frame[1] == item.stem:
                return item, int(frame[2])
    near = difflib.get_close_matches(key, [each.path.name for each in media], n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {_first_names([m.path.name for m in media])}"
    raise UsageError(f"{where} names {key!r}, which is not labelled; {hint}")


def _first_names(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" and more" if len(names) > 5 else "")


def _number_lists(value: Any, count: int, where: str) -> list[list[float]]:
    if not isinstance(value, list) or not all(_are_numbers(each, count) for each in value):
        form = "[[x, y]]" if count == 2 else "[[left, top, right, bottom]]"
        raise UsageError(f"{where}: write {form}, numbers in pixels from the top left")
    return [[float(number) for number in each] for each in value]


def _are_numbers(value: object, count: int) -> bool:
    # bool is a subclass of int. Python's JSON reader accepts NaN, for which `<` is False.
    return (
        isinstance(value, list)
        and len(value) == count
        and all(
            isinstance(number, int | float) and not isinstance(number, bool) and abs(number) < _MAX_COORDINATE
            for number in value
        )
    )
