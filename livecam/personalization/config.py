"""Settings of `livecam learn`, and which of them must stay the same when a run is continued."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from livecam.annotation.config import AnnotationSettings, PersonSource
from livecam.core.config import check_home, data_dir, json_values
from livecam.core.errors import UsageError
from livecam.core.fileio import not_found_message
from livecam.core.geometry import Size
from livecam.core.paths import expand_user
from livecam.models.registry import check_name, resolve_model
from livecam.personalization.sample_split import MIN_FRAMES

DEFAULT_NAME = "me"
_DEFAULT_FRAMES = 48


@dataclass(frozen=True)
class PersonalizationSettings:
    """Settings of `livecam learn`. The constructor calls `validate`; the workflow calls `resolve`.

    Attributes:
        annotation: what is annotated and how. Without sources the camera is recorded for `seconds`. Its
            `model` is the base model, which is fine-tuned.
        name: name of the new model.
        data: directories in Pets layout that are learned too.
        backgrounds: directories of images that the user is pasted on.
        camera: camera to record.
        size: requested size of the camera.
        fps: requested frame rate of the camera.
        seconds: length of the recording.
        install: install the model if it is better; otherwise it is compared only.
    """

    annotation: AnnotationSettings
    name: str = DEFAULT_NAME
    data: tuple[Path, ...] = ()
    backgrounds: tuple[Path, ...] = ()
    camera: str = "0"
    size: Size = field(default_factory=lambda: Size(1280, 720))
    fps: float = 30.0
    seconds: float = 20.0
    install: bool = True

    def __post_init__(self) -> None:
        self.validate()

    @classmethod
    def from_options(
        cls, *, base: str = "person", name: str = DEFAULT_NAME, **options: Any
    ) -> "PersonalizationSettings":
        """Create the settings from one flat set of options.

        Args:
            base: the base model.
            name: name of the new model.
            **options: fields of this class and, if this class has no such field, of `AnnotationSettings`.

        Raises:
            UsageError: a value can't be used.
        """
        check_name(name)
        own = {each.name for each in fields(cls)}
        annotation: dict[str, Any] = {"sources": (), "frames": _DEFAULT_FRAMES} | {
            key: value for key, value in options.items() if key not in own
        }
        return cls(
            AnnotationSettings(out=workspace_dir(name) / "labels", model=base, **annotation),
            name,
            **{key: value for key, value in options.items() if key in own},
        )

    @property
    def base(self) -> str:
        """The model that is fine-tuned."""
        return self.annotation.model

    def validate(self) -> None:
        """Check values and combinations, without touching the disk.

        Raises:
            UsageError: a value is out of range, or options exclude each other.
        """
        check_name(self.name)
        annotation = self.annotation
        if not 4 <= self.seconds <= 600:
            raise UsageError(f"--seconds must lie between 4 and 600, not {self.seconds:g}")
        if annotation.frames < 2 * MIN_FRAMES:
            raise UsageError(f"--frames {annotation.frames} is too small; give {2 * MIN_FRAMES} or more")
        if annotation.person is PersonSource.MODEL and not annotation.has_object_prompts:
            raise UsageError(
                "with --person model it would learn what it says already; say what to keep: "
                "--keep x,y, --box or --click"
            )

    def resolve(self) -> None:
        """Check that all files, directories and the base model exist.

        Raises:
            UsageError: one does not exist.
        """
        annotation = self.annotation
        paths = (*map(Path, annotation.sources), *self.data, *self.backgrounds)
        for path in (*paths, annotation.prompts, annotation.mattes):
            if path is not None and not expand_user(path).exists():
                raise UsageError(not_found_message(path))
        resolve_model(self.base)

    def fingerprint(self) -> dict[str, Any]:
        """Return what must be the same when a run is continued, for journal.json."""
        annotation = self.annotation
        values: dict[str, Any] = {
            "sources": [Path(source) for source in annotation.sources],
            "data": self.data,
            "rooms": self.backgrounds,
            "keep": [str(point) for point in annotation.keep],
            "drop": [str(point) for point in annotation.drop],
            "boxes": [str(box) for box in annotation.boxes],
            "prompts": annotation.prompts,
            "mattes": annotation.mattes,
            "preset": annotation.preset,
            "click": annotation.click,
            "frames": annotation.frames,
            "base": self.base,
            "person": annotation.person,
        }
        if annotation.keep_text:
            values |= {"keep_text": annotation.keep_text, "text_preset": annotation.text_preset}
        if not annotation.sources:
            values |= {"camera": self.camera, "seconds": self.seconds}
        return json_values(values)


def workspace_dir(name: str) -> Path:
    """Return the directory with the frames, annotations and runs of a name; it may not exist.

    Raises:
        UsageError: the name can't be a user model's, or the user has no home directory.
    """
    return check_home(data_dir()) / "learn" / check_name(name)
