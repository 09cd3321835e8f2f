"""The data set directory: Pets layout, overlays, flagged frames and the decisions of the reviewer.

::

    DATASET/
      images/NAME.jpg   annotations/trimaps/NAME.png   annotations/mattes/NAME.png   overlays/NAME.jpg
      annotations/trainval.txt, test.txt      read by `livecam train`
      annotations/labels.jsonl                one line for each frame: source, prompts, scores, reasons
      review/                                 the same directories for flagged frames, and index.html
      label.json   decisions.json             the settings of the data set; the reviewer's decisions
      chosen.json   clicks.json   recordings/ selected frames, clicked prompts, camera recordings
      .in-use                                 locked while a livecam process writes here

A frame's line in labels.jsonl is written last: a frame without a line is annotated again.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livecam.annotation.records import READ_HINT, AnnotationRecord, dump_records, load_records
from livecam.annotation.split import FrameRef, Split, split_by_clip
from livecam.core.config import settings_diff
from livecam.core.errors import UsageError
from livecam.core.fileio import json_bytes, read_json, translate_os_errors, write_atomic
from livecam.core.locking import LOCK_FILE
from livecam.core.types import Frame, Matte
from livecam.imaging.image_io import encode_image
from livecam.imaging.trimap import Trimap

__all__ = [
    "CHOSEN",
    "DECISIONS",
    "READ_HINT",
    "SETTINGS",
    "AnnotationRecord",
    "AnnotationStore",
    "claim_directory",
    "encode_files",
    "is_recorded",
    "require_store",
    "write_files",
]

SETTINGS, DECISIONS, CHOSEN = "label.json", "decisions.json", "chosen.json"
_RECORDS = Path("annotations", "labels.jsonl")
_SETTINGS_KEYS = frozenset({"sources", "frames"})  # of every version's label.json
_SUFFIX_BY_FOLDER = {
    "images": ".jpg",
    "annotations/trimaps": ".png",
    "annotations/mattes": ".png",
    "overlays": ".jpg",
}


class AnnotationStore:
    """A data set directory, open for writing or review. Hold `core.locking.exclusive_lock` to write.

    Attributes:
        folder: the directory.
        settings: the settings it was made with, as JSON values.
        records: the annotated frames by name.
        decisions: True for accepted and False for rejected frames, by name.
    """

    def __init__(self, folder: Path) -> None:
        """Open a directory made by `livecam label`.

        Raises:
            UsageError: the directory is not a data set.
            AnnotationError: its files can't be read.
        """
        self.folder = folder
        require_store(folder)
        self.settings = read_json(folder / SETTINGS, hint=READ_HINT)
        self.records = {record.name: record for record in load_records(self._records_path)}
        self.decisions: dict[str, bool] = read_json(folder / DECISIONS, missing={}, hint=READ_HINT)

    @classmethod
    def begin(cls, folder: Path, settings: Mapping[str, Any], *, again: bool = False) -> "AnnotationStore":
        """Create the directory, or continue it.

        Args:
            folder: new, empty, or made by an earlier run.
            settings: JSON values; an earlier run must have had the same.
            again: discard all frames without a decision, and allow other settings.

        Raises:
            UsageError: the directory has other files, or was made with other settings.
            AnnotationError: it can't be read or written.
        """
        claim_directory(folder)
        with translate_os_errors(folder):
            if not (folder / SETTINGS).is_file():
                write_atomic(folder / SETTINGS, json_bytes(settings))
            (folder / _RECORDS).parent.mkdir(exist_ok=True)
            (folder / _RECORDS).touch()
        store = cls(folder)
        # Without any annotated frame nothing depends on the earlier settings.
        if again or (store.settings != settings and not store.records):
            store._restart(settings)
        elif store.settings != settings:
            raise UsageError(_other_settings(folder, store.settings, settings))
        store._make_folders()
        return store

    def is_done(self, name: str, source: str) -> bool:
        """Return whether a frame is annotated; see `is_recorded`."""
        return is_recorded(self.records, name, source, self.folder)

    def add(
        self, record: AnnotationRecord, frame: Frame, trimap: Trimap, matte: Matte, overlay: Frame
    ) -> None:
        """Write the files of one frame, and its line last.

        Raises:
            AnnotationError: they can't be written; earlier frames stay valid.
        """
        write_files(self.folder, encode_files(record, frame, trimap, matte, overlay))
        self.add_record(record)

    def add_record(self, record: AnnotationRecord) -> None:
        """Write the line of a frame whose files are complete.

        Raises:
            AnnotationError: it can't be written; earlier frames stay valid.
        """
        with translate_os_errors(self.folder), self._records_path.open("a", encoding="utf-8") as file:
            file.write(dump_records([record]))
        self.records[record.name] = record

    def sort_records(self, stems: Sequence[str]) -> None:
        """Sort the lines by the order of clips and images and by frame; those of other stems come first.

        Workers of a cluster finish in any order, and the data set shall not depend on it.

        Raises:
            AnnotationError: they can't be written.
        """
        places = {stem: place for place, stem in enumerate(stems)}
        ordered = sorted(
            self.records.values(),
            key=lambda each: (places.get(each.stem, -1), each.number if each.stem in places else 0),
        )
        if ordered != list(self.records.values()):
            with translate_os_errors(self.folder):
                write_atomic(self._records_path, dump_records(ordered).encode())
            self.records = {record.name: record for record in ordered}

    def is_accepted(self, record: AnnotationRecord) -> bool:
        """Return whether a frame is used for training: the decision if there is one, else "not flagged"."""
        return self.decisions.get(record.name, not record.reasons)

    def set_decisions(
        self, accept: Iterable[str] = (), reject: Iterable[str] = (), forget: Iterable[str] = ()
    ) -> None:
        """Store decisions by frame name; `forget` removes them.

        Raises:
            UsageError: a name is unknown, or both accepted and rejected.
            AnnotationError: the file can't be written.
        """
        accept, reject, forget = list(accept), list(reject), set(forget)
        for name in (*accept, *reject, *forget):
            if name not in self.records:
                raise UsageError(
                    f"{self.folder} has no frame {name!r}; its names are in {self._records_path}"
                )
        both = set(accept) & set(reject)
        if both:
            raise UsageError(f"{min(both)} is both accepted and rejected; say one of them")
        decided = self.decisions | dict.fromkeys(accept, True) | dict.fromkeys(reject, False)
        decided = {name: accepted for name, accepted in decided.items() if name not in forget}
        with translate_os_errors(self.folder):
            write_atomic(self.folder / DECISIONS, json_bytes(decided))
        self.decisions = decided

    def sync_files(self) -> Split:
        """Move each frame's files to where its decision puts them, and write the split. Idempotent.

        Raises:
            AnnotationError: files can't be moved or written.
        """
        accepted = [record for record in self.records.values() if self.is_accepted(record)]
        split = split_by_clip(
            [FrameRef(each.name, each.stem, each.number, each.seconds) for each in accepted]
        )
        annotations = self.folder / "annotations"
        with translate_os_errors(self.folder):
            # In this order the lists never name a missing file, even after an interruption.
            for record in accepted:
                self._move(record, self.folder / "review", self.folder)
            for list_name, names in (("trainval", split.train), ("test", split.test)):
                content = "".join(f"{each}\n" for each in names)
                write_atomic(annotations / f"{list_name}.txt", content.encode())
            for record in self.records.values():
                if not self.is_accepted(record):
                    self._move(record, self.folder, self.folder / "review")
        return split

    @property
    def _records_path(self) -> Path:
        return self.folder / _RECORDS

    def _move(self, record: AnnotationRecord, source: Path, target: Path) -> None:
        for folder, suffix in _SUFFIX_BY_FOLDER.items():
            file = source / folder / f"{record.name}{suffix}"
            if file.is_file():
                file.replace(target / folder / file.name)

    def _make_folders(self) -> None:
        with translate_os_errors(self.folder):
            for parent in (self.folder, self.folder / "review"):
                for folder in _SUFFIX_BY_FOLDER:
                    (parent / folder).mkdir(parents=True, exist_ok=True)

    def _restart(self, settings: Mapping[str, Any]) -> None:
        """Discard all frames without a decision."""
        discarded = [record for record in self.records.values() if record.name not in self.decisions]
        for record in discarded:
            del self.records[record.name]
        with translate_os_errors(self.folder):
            self._records_path.parent.mkdir(exist_ok=True)
            # The lines go first: a file without a line is written again.
            write_atomic(self._records_path, dump_records(self.records.values()).encode())
            write_atomic(self.folder / SETTINGS, json_bytes(settings))
            (self.folder / CHOSEN).unlink(missing_ok=True)
            for record in discarded:
                for parent in (self.folder, self.folder / "review"):
                    for folder, suffix in _SUFFIX_BY_FOLDER.items():
                        (parent / folder / f"{record.name}{suffix}").unlink(missing_ok=True)
        self.settings = dict(settings)
        self._make_folders()
        self.sync_files()


def is_recorded(records: Mapping[str, AnnotationRecord], name: str, source: str, folder: Path) -> bool:
    """Return whether a frame has a record.

    Raises:
        UsageError: a frame of another source has the same name.
    """
    record = records.get(name)
    # Only file names are compared: the directory may be moved between two runs.
    if record and Path(record.source).name != Path(source).name:
        raise UsageError(f"{source} and {record.source} would both be called {name} in {folder}; rename one")
    return record is not None


def encode_files(
    record: AnnotationRecord, frame: Frame, trimap: Trimap, matte: Matte, overlay: Frame
) -> dict[str, bytes]:
    """Return the files of one frame, by their path in the data set."""
    parent = "review/" if record.reasons else ""
    images: tuple[NDArray[np.uint8], ...] = (
        frame, trimap, np.rint(matte * 255).astype(np.uint8), overlay
    )  # fmt: skip
    return {
        f"{parent}{folder}/{record.name}{suffix}": encode_image(image, suffix)
        for (folder, suffix), image in zip(_SUFFIX_BY_FOLDER.items(), images, strict=True)
    }


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files of `encode_files` into the data set, each completely or not at all.

    Raises:
        AnnotationError: one can't be written.
    """
    with translate_os_errors(folder):
        for name, content in files.items():
            write_atomic(folder / name, content)


def require_store(folder: Path) -> None:
    """Check that `livecam label` made a directory, without reading files that another process may write.

    Raises:
        UsageError: it did not.
    """
    if not _is_store(folder):
        raise UsageError(
            f"{folder} is no data set made by `livecam label`; make one: "
            f"livecam label SOURCES... --out {folder}"
        )


def claim_directory(folder: Path) -> None:
    """Create the directory of a data set, or check that it is a data set or empty.

    Raises:
        UsageError: it has other files.
        AnnotationError: it can't be created or read.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {folder} is a file; name a new folder")
    with translate_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not _is_store(folder) and any(each.name != LOCK_FILE for each in folder.iterdir()):
            raise UsageError(f"--out {folder} holds other things already; name a new folder")


def _is_store(folder: Path) -> bool:
    """Return whether `livecam label` made a directory; a `label.json` of another program does not count.

    Raises:
        FileReadError: `label.json` can't be read.
    """
    path = folder / SETTINGS
    if not path.is_file():
        return False
    # A run that was stopped before its first record has the settings only.
    settings = read_json(path, hint=READ_HINT)
    return isinstance(settings, dict) and (settings.keys() >= _SETTINGS_KEYS or (folder / _RECORDS).is_file())


def _other_settings(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    return (
        f"{folder} was begun with other settings ({', '.join(settings_diff(before, now))}); say the same as "
        "before, name another --out, or add --again: that keeps what you accepted or rejected, and does the "
        "rest anew"
    )
