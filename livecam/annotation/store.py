"""The folder that labels go into: Pets layout, beside it what to look at, and what a person decided.

::

    DATASET/
      images/NAME.jpg   annotations/trimaps/NAME.png   annotations/mattes/NAME.png   overlays/NAME.jpg
      annotations/trainval.txt, test.txt      what `livecam train` reads
      annotations/labels.jsonl                a line a frame: source, number, prompts, scores, reasons
      review/                                 the same folders for what is set aside, and index.html
      label.json   decisions.json             the settings it was made with; what a person said
      chosen.json   clicks.json   recordings/ frames chosen, points clicked, what the camera saw
      .in-use                                 locked while a livecam is at work in it

A frame's line in labels.jsonl is written last, so that a frame without one is simply done again.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livecam.annotation.split import FrameRef, Split, split_by_clip
from livecam.core.errors import AnnotationError, UsageError
from livecam.core.fileio import json_bytes, os_error_reason, read_json, translate_os_errors, write_atomic
from livecam.core.locking import LOCK_FILE
from livecam.core.types import Frame, Matte
from livecam.imaging.image_io import encode_image
from livecam.imaging.trimap import Trimap

__all__ = [
    "CHOSEN",
    "DECISIONS",
    "SETTINGS",
    "AnnotationRecord",
    "AnnotationStore",
    "claim_directory",
    "require_store",
]

SETTINGS, DECISIONS, CHOSEN = "label.json", "decisions.json", "chosen.json"
READ_HINT = "mend it, or label into another folder"
"""The remedy for a file of the data set that cannot be read."""


@dataclass(frozen=True)
class AnnotationRecord:
    """What is known of one labelled frame; `reasons` is why it is set aside, empty where it is not.

    `person` is what the compact model and SAM said of the person (scores, agreement, areas), `things` what
    was found of each thing kept beside; both as plain JSON.
    """

    name: str
    stem: str
    source: str
    number: int
    seconds: float
    preset: str
    reasons: tuple[str, ...] = ()
    person: Mapping[str, Any] = field(default_factory=dict)
    things: tuple[Mapping[str, Any], ...] = ()


def load_records(path: Path) -> Iterator[AnnotationRecord]:
    """The labels of a file; none if there isn't any. A line that was cut off in the middle is removed.

    Raises:
        AnnotationError: it can't be read.
    """
    try:
        content = path.read_bytes() if path.is_file() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            # That frame is done again.
            write_atomic(path, whole)
        for line in whole.decode().splitlines():
            plain = json.loads(line)
            plain |= {"reasons": tuple(plain["reasons"]), "things": tuple(plain["things"])}
            yield AnnotationRecord(**plain)
    except (OSError, ValueError, TypeError, KeyError) as error:
        problem = f"{path} can't be read ({os_error_reason(error)})"
        raise AnnotationError(problem, READ_HINT, path=path) from error


def dump_records(labels: Iterable[AnnotationRecord]) -> str:
    """Labels as such a file holds them."""
    return "".join(json.dumps(asdict(label), ensure_ascii=False) + "\n" for label in labels)


_FOLDERS = {
    "images": ".jpg",
    "annotations/trimaps": ".png",
    "annotations/mattes": ".png",
    "overlays": ".jpg",
}


class AnnotationStore:
    """A data set that is being made, or looked at."""

    def __init__(self, folder: Path) -> None:
        """Look at a folder that `livecam label` made.

        Raises:
            UsageError: it is none.
            AnnotationError: what is in it can't be read.
        """
        self.folder = folder
        require_store(folder)
        self.settings = read_json(folder / SETTINGS, hint=READ_HINT)
        self.labels = {label.name: label for label in load_records(self._lines)}
        self.decisions: dict[str, bool] = read_json(folder / DECISIONS, missing={}, hint=READ_HINT)
        """By name: whether a person accepted (True) or rejected it."""

    @classmethod
    def begin(cls, folder: Path, settings: Mapping[str, Any], *, again: bool = False) -> "AnnotationStore":
        """Make the folder, or go on with it.

        Args:
            folder: new, empty, or made by an earlier run.
            settings: plain JSON; an earlier run must have had the same.
            again: whatever no person decided is thrown away, and the settings may be others.

        Raises:
            UsageError: the folder is somebody else's, or was made with other settings.
            AnnotationError: it can't be read or written.
        """
        claim_directory(folder)
        if not (folder / SETTINGS).is_file():
            with translate_os_errors(folder):
                write_atomic(folder / SETTINGS, json_bytes(settings))
        made = cls(folder)
        if again:
            made._start_again(settings)
        elif made.settings != settings and made.labels:
            raise UsageError(_differences(folder, made.settings, settings))
        elif made.settings != settings:
            # Nothing came of what was said at first.
            made._start_again(settings)
        made._make_folders()
        return made

    def is_done(self, name: str, source: str) -> bool:
        """Whether a frame has its label.

        Raises:
            UsageError: the label is another source's.
        """
        label = self.labels.get(name)
        # By the file's name, as folders may be moved between two runs.
        if label and Path(label.source).name != Path(source).name:
            raise UsageError(
                f"{source} and {label.source} would both be called {name} in {self.folder}; rename one"
            )
        return label is not None

    def add(
        self, label: AnnotationRecord, frame: Frame, trimap: Trimap, matte: Matte, overlay: Frame
    ) -> None:
        """Write one frame's files, its line last.

        Raises:
            AnnotationError: they can't be written; what is there stays good.
        """
        place = self.folder / "review" if label.reasons else self.folder
        pictures: tuple[NDArray[np.uint8], ...] = (
            frame, trimap, np.rint(matte * 255).astype(np.uint8), overlay
        )  # fmt: skip
        with translate_os_errors(self.folder):
            for (folder, suffix), picture in zip(_FOLDERS.items(), pictures, strict=True):
                write_atomic(place / folder / f"{label.name}{suffix}", encode_image(picture, suffix))
            with self._lines.open("a", encoding="utf-8") as file:
                file.write(dump_records([label]))
        self.labels[label.name] = label

    def is_accepted(self, label: AnnotationRecord) -> bool:
        """Whether a frame is one to learn from: what a person said, else whether nothing was odd."""
        return self.decisions.get(label.name, not label.reasons)

    def set_decisions(
        self, accept: Iterable[str] = (), reject: Iterable[str] = (), forget: Iterable[str] = ()
    ) -> None:
        """Keep what a person said, until they say otherwise; `forget` takes it back.

        Raises:
            UsageError: a name that isn't labelled, or one both accepted and rejected.
            AnnotationError: it can't be written.
        """
        accept, reject, forget = list(accept), list(reject), set(forget)
        for name in (*accept, *reject, *forget):
            if name not in self.labels:
                raise UsageError(f"{self.folder} has no frame {name!r}; its names are in {self._lines}")
        both = set(accept) & set(reject)
        if both:
            raise UsageError(f"{min(both)} is both accepted and rejected; say one of them")
        decided = self.decisions | dict.fromkeys(accept, True) | dict.fromkeys(reject, False)
        decided = {name: kept for name, kept in decided.items() if name not in forget}
        with translate_os_errors(self.folder):
            write_atomic(self.folder / DECISIONS, json_bytes(decided))
        self.decisions = decided

    def sync_files(self) -> Split:
        """Put every frame's files where they belong, and write the lists; again does nothing more.

        Raises:
            AnnotationError: they can't be moved or written.
        """
        kept = [label for label in self.labels.values() if self.is_accepted(label)]
        split = split_by_clip([FrameRef(each.name, each.stem, each.number, each.seconds) for each in kept])
        notes = self.folder / "annotations"
        with translate_os_errors(self.folder):
            # In this order the lists never name what is missing, wherever it is interrupted.
            for label in kept:
                self._move(label, self.folder / "review", self.folder)
            for name, names in (("trainval", split.train), ("test", split.test)):
                write_atomic(notes / f"{name}.txt", "".join(f"{each}\n" for each in names).encode())
            for label in self.labels.values():
                if not self.is_accepted(label):
                    self._move(label, self.folder, self.folder / "review")
        return split

    @property
    def _lines(self) -> Path:
        return self.folder / "annotations" / "labels.jsonl"

    def _move(self, label: AnnotationRecord, here: Path, there: Path) -> None:
        for folder, suffix in _FOLDERS.items():
            file = here / folder / f"{label.name}{suffix}"
            if file.is_file():
                file.replace(there / folder / file.name)

    def _make_folders(self) -> None:
        with translate_os_errors(self.folder):
            for place in (self.folder, self.folder / "review"):
                for folder in _FOLDERS:
                    (place / folder).mkdir(parents=True, exist_ok=True)

    def _start_again(self, settings: Mapping[str, Any]) -> None:
        dropped = [label for label in self.labels.values() if label.name not in self.decisions]
        for label in dropped:
            del self.labels[label.name]
        with translate_os_errors(self.folder):
            self._lines.parent.mkdir(exist_ok=True)
            # The lines go first: files without a line are nobody's.
            write_atomic(self._lines, dump_records(self.labels.values()).encode())
            write_atomic(self.folder / SETTINGS, json_bytes(settings))
            (self.folder / CHOSEN).unlink(missing_ok=True)
            for label in dropped:
                for place in (self.folder, self.folder / "review"):
                    for folder, suffix in _FOLDERS.items():
                        (place / folder / f"{label.name}{suffix}").unlink(missing_ok=True)
        self.settings = dict(settings)
        self._make_folders()
        self.sync_files()


def require_store(folder: Path) -> None:
    """See that `livecam label` made a folder, without reading what somebody may be writing.

    Raises:
        UsageError: it didn't.
    """
    if not (folder / SETTINGS).is_file():
        raise UsageError(
            f"{folder} is no data set made by `livecam label`; make one: "
            f"livecam label SOURCES... --out {folder}"
        )


def claim_directory(folder: Path) -> None:
    """Make a data set's folder, or see that it is one or empty.

    Raises:
        UsageError: it is somebody else's.
        AnnotationError: it can't be made or read.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {folder} is a file; name a new folder")
    with translate_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / SETTINGS).is_file() and any(each.name != LOCK_FILE for each in folder.iterdir()):
            raise UsageError(f"--out {folder} holds other things already; name a new folder")


def _differences(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    names = [name for name in now if before.get(name) != now[name]]
    names += [name for name in before if name not in now]
    return (
        f"{folder} was begun with other settings ({', '.join(names)}); say the same as before, name another "
        "--out, or add --again: that keeps what you accepted or rejected, and does the rest anew"
    )
