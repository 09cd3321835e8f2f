"""What `livecam learn` is told, and which of it must stay the same while it is gone on with."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livecam.annotation.config import PersonSource
from livecam.annotation.prompts import Box, Point
from livecam.core.errors import UsageError
from livecam.core.fileio import not_found_message
from livecam.core.geometry import Size
from livecam.models.registry import check_name, resolve_model
from livecam.personalization.stages import MIN_FRAMES


@dataclass(frozen=True)
class PersonalizationSettings:
    """What a personal model is made of. Without `sources` the camera is recorded for `seconds`.

    `keep`, `drop`, `boxes`, `prompts`, `mattes`, `preset`, `person`, `click` and `frames` (of each
    clip) are
    handed to labelling. `data` are folders in Pets layout that are learnt too, `rooms` folders of
    pictures
    that you are pasted on. `base` is the model that is learnt further.
    """

    name: str = "me"
    sources: tuple[str, ...] = ()
    keep: tuple[Point, ...] = ()
    drop: tuple[Point, ...] = ()
    boxes: tuple[Box, ...] = ()
    prompts: Path | None = None
    mattes: Path | None = None
    preset: str = "sam_base_sa1b"
    person: PersonSource = PersonSource.SAM
    click: bool = False
    frames: int = 48
    data: tuple[Path, ...] = ()
    rooms: tuple[Path, ...] = ()
    base: str = "person"
    camera: str = "0"
    size: Size = field(default_factory=lambda: Size(1280, 720))
    fps: float = 30.0
    seconds: float = 20.0

    def __post_init__(self) -> None:
        check_name(self.name)
        if not 4 <= self.seconds <= 600:
            raise UsageError(f"--seconds must lie between 4 and 600, not {self.seconds:g}")
        if self.frames < 2 * MIN_FRAMES:
            raise UsageError(f"--frames {self.frames} is too small; give {2 * MIN_FRAMES} or more")
        if self.person is PersonSource.MODEL and not (self.keep or self.boxes or self.prompts or self.click):
            raise UsageError(
                "with --person model it would learn what it says already; say what to keep: "
                "--keep x,y, --box or --click"
            )
        for path in (*map(Path, self.sources), *self.data, *self.rooms, self.prompts, self.mattes):
            if path is not None and not path.expanduser().exists():
                raise UsageError(not_found_message(path))
        resolve_model(self.base)

    def fingerprint(self) -> dict[str, Any]:
        """What must be the same when it is gone on with."""
        told: dict[str, Any] = {
            name: [absolute_path(path) for path in getattr(self, name)]
            for name in ("sources", "data", "rooms")
        }
        told |= {name: [str(part) for part in getattr(self, name)] for name in ("keep", "drop", "boxes")}
        told |= {
            name: path and absolute_path(path)
            for name in ("prompts", "mattes")
            for path in [getattr(self, name)]
        }
        told |= {name: getattr(self, name) for name in ("preset", "click", "frames", "base")}
        told["person"] = self.person.value
        return told if self.sources else told | {"camera": self.camera, "seconds": self.seconds}


def absolute_path(path: str | Path) -> str:
    """A path that means the same from every folder."""
    return str(Path(path).expanduser().absolute())
