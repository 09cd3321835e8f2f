"""What somebody wants kept and dropped, frame by frame: from the command line, a prompts file, or clicks.

A prompts file::

    {"talk.mp4":    {"keep": [[412, 300]], "drop": [[20, 30]], "boxes": [[10, 20, 110, 220]]},
     "garden":      {"frames": {"0": {"keep": [[30, 40]]}, "120": {"boxes": [[5, 5, 60, 90]]}}},
     "talk-000120": {"keep": [[400, 310]]}}

A key is a clip's or picture's path, file name or stem, or the name that a frame has in the data set. Without
``moments`` it means the first chosen frame. What is kept is followed from its frame to the next that says
anything.
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
from livecam.core.fileio import not_found_message, os_error_reason
from livecam.core.geometry import Size

_FIELDS = ("keep", "drop", "boxes")


@dataclass(frozen=True)
class FramePrompts:
    """Of one frame, in its own pixels: points on things to keep, on what is to go, boxes around things."""

    keep: tuple[Point, ...] = ()
    drop: tuple[Point, ...] = ()
    boxes: tuple[Box, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.keep or self.drop or self.boxes)

    def as_plain(self) -> dict[str, list[list[float]]]:
        """For JSON, without what is empty."""
        lists = {name: [list(each) for each in getattr(self, name)] for name in _FIELDS}
        return {name: value for name, value in lists.items() if value}


ClipPrompts = dict[int | None, FramePrompts]
"""By the number of the frame; None is the first chosen one."""


def validate_frame_prompts(wish: FramePrompts, size: Size) -> None:
    """See that all of it lies in a picture of `size`.

    Raises:
        UsageError: it doesn't, in words that say where the picture ends.
    """
    for point in (*wish.keep, *wish.drop):
        validate_prompt(Prompt(positive=(point,)), size)
    for box in wish.boxes:
        validate_prompt(Prompt(box=box), size)


def parse_frame_prompts(plain: object, where: str) -> FramePrompts:
    """A wish of plain JSON.

    Raises:
        UsageError: it has another form; `where` says in which place.
    """
    if not isinstance(plain, dict):
        raise UsageError(f'{where} is no wish; write {{"keep": [[x, y]], "drop": [], "boxes": []}}')
    for name in plain:
        if name not in _FIELDS:
            raise UsageError(f"{where} says {name!r}; there are keep, drop, boxes and frames")
    keep, drop = (_numbers(plain.get(name, []), 2, f"{where}, {name}") for name in ("keep", "drop"))
    boxes = _numbers(plain.get("boxes", []), 4, f"{where}, boxes")
    return FramePrompts(
        tuple(Point(*p) for p in keep), tuple(Point(*p) for p in drop), tuple(Box(*b) for b in boxes)
    )


def load_prompt_file(path: Path, materials: Sequence[MediaItem]) -> dict[str, ClipPrompts]:
    """A prompts file: by the stem of each material that it names.

    Raises:
        UsageError: the file can't be read, has another form, or names what isn't labelled.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise UsageError(not_found_message(path)) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} can't be read as JSON ({os_error_reason(error)}); mend it") from error
    return parse_clip_prompts(plain, materials, str(path))


def parse_clip_prompts(plain: object, materials: Sequence[MediaItem], where: str) -> dict[str, ClipPrompts]:
    """What `load_prompt_file` gives, of the plain JSON.

    Raises:
        UsageError: as there.
    """
    if not isinstance(plain, dict):
        raise UsageError(f'{where} is no prompts file; write {{"CLIP": {{"keep": [[x, y]]}}}}')
    found: dict[str, ClipPrompts] = {}
    for key, value in plain.items():
        material, number = _resolve_key(key, materials, where)
        wishes = found.setdefault(material.stem, {})
        if number is None and isinstance(value, dict) and "frames" in value:
            value = dict(value)
            wishes |= _of_frames(value.pop("frames"), f"{where}, {key}, frames")
        if value:
            wishes[number] = parse_frame_prompts(value, f"{where}, {key}")
    return found


def _of_frames(plain: object, where: str) -> ClipPrompts:
    if not isinstance(plain, Mapping) or not all(str(number).isdecimal() for number in plain):
        raise UsageError(f'{where}: write {{"120": {{"keep": [[x, y]]}}}}, by the frames\' numbers from 0')
    return {int(number): parse_frame_prompts(value, f"{where}, {number}") for number, value in plain.items()}


def _resolve_key(key: str, materials: Sequence[MediaItem], where: str) -> tuple[MediaItem, int | None]:
    for material in materials:
        if key in (material.stem, material.path.name, material.path.stem, str(material.path)):
            return material, None
    frame = re.fullmatch(r"(.+)-(\d{6,})", key)
    if frame:
        for material in materials:
            if material.is_video and frame[1] == material.stem:
                return material, int(frame[2])
    near = difflib.get_close_matches(key, [each.path.name for each in materials], n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {_some([m.path.name for m in materials])}"
    raise UsageError(f"{where} names {key!r}, which is not labelled; {hint}")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" and more" if len(names) > 5 else "")


def _numbers(plain: Any, count: int, where: str) -> list[list[float]]:
    if not isinstance(plain, list) or not all(_are_numbers(each, count) for each in plain):
        form = "[[x, y]]" if count == 2 else "[[left, top, right, bottom]]"
        raise UsageError(f"{where}: write {form}, numbers in pixels from the top left")
    return [[float(number) for number in each] for each in plain]


def _are_numbers(plain: object, count: int) -> bool:
    # Compared this way round, as a NaN (which Python's JSON lets in) is below nothing.
    return (
        isinstance(plain, list)
        and len(plain) == count
        and all(isinstance(number, int | float) and abs(number) < 1e6 for number in plain)
    )
