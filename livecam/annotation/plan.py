"""Which frames of which clip are labelled, decided once for a data set and kept in its chosen.json."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecam.annotation.frame_selection import Glances
from livecam.annotation.media import Material, Moment
from livecam.annotation.store import CHOSEN
from livecam.core.fileio import put
from livecam.core.files import json_bytes, read_json, writing
from livecam.core.types import Size

Watch = Callable[[int], None]


@dataclass(frozen=True)
class Plan:
    """What is done with a material: the numbers of the frames to label, of so many of one size."""

    material: Material
    chosen: tuple[int, ...]
    frames: int
    size: Size

    def moments(self) -> Iterator[Moment]:
        """The frames up to the last chosen one.

        Raises:
            ClipError, PictureError: it can't be read any more.
        """
        for moment in self.material.moments():
            yield moment
            if moment.number >= self.chosen[-1]:
                return


def make_plan(
    material: Material, folder: Path, most: int, wanted: Collection[int], watch: Watch = lambda number: None
) -> Plan:
    """Look through a clip, or read back what was decided when that was done before.

    Args:
        material: the clip or picture.
        folder: the data set.
        most: frames to label.
        wanted: numbers of frames that are labelled in any case.
        watch: hears how many frames were looked at.

    Raises:
        ClipError, PictureError: it can't be read, or has no frames.
        LabellingError: the data set can't be read or written.
    """
    path = folder / CHOSEN
    kept: dict[str, Any] = read_json(path, missing={})
    if material.stem not in kept:
        kept[material.stem] = _look(material, most, wanted, watch)
        with writing(folder):
            put(path, json_bytes(kept))
    plain = kept[material.stem]
    return Plan(material, tuple(plain["chosen"]), int(plain["frames"]), Size(*plain["size"]))


def _look(material: Material, most: int, wanted: Collection[int], watch: Watch) -> dict[str, Any]:
    glances, size = Glances(wanted), Size(0, 0)
    for moment in material.moments():
        size = Size.of(moment.frame)
        glances.add(moment)
        watch(glances.count)
    return {"frames": glances.count, "size": list(size), "chosen": glances.choose(most)}
