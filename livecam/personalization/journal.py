"""What `livecam learn` keeps of one name: a folder that only its owner can open, and what is finished in it.

``journal.json`` holds the words it was begun with and, for each finished stage, what came of it. The file is
replaced at once: whenever a run is stopped, what stands there is true.
"""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livecam.core.config import data_dir
from livecam.core.errors import AnnotationError, UsageError
from livecam.core.fileio import json_bytes, os_error_reason, write_atomic
from livecam.core.locking import LOCK_FILE, exclusive_lock
from livecam.models.registry import check_name

STAGES = ("record", "label", "tune", "compare", "install")
_JOURNAL = "journal.json"
_OWNER_ONLY = 0o700


def workspace_dir(name: str) -> Path:
    """Where frames, labels and runs of a name lie; it may not exist yet.

    Raises:
        UsageError: the name can't be a personal model's.
    """
    return data_dir() / "learn" / check_name(name)


@dataclass
class Journal:
    """The stages of one name that are finished, on disk."""

    folder: Path
    fingerprint: dict[str, Any]
    results: dict[str, dict[str, Any]] = field(default_factory=dict)

    def done(self, stage: str) -> dict[str, Any] | None:
        """What came of a finished stage; None if it isn't finished."""
        return self.results.get(stage)

    def finish(self, stage: str, facts: dict[str, Any]) -> dict[str, Any]:
        """Note that a stage is finished and what came of it; gives the latter back.

        Raises:
            OSError: it can't be written.
        """
        self.results[stage] = facts
        self.write()
        return facts

    def write(self) -> None:
        """Put it on disk.

        Raises:
            OSError: it can't be written.
        """
        content = {"words": self.fingerprint, "done": self.results}
        write_atomic(self.folder / _JOURNAL, json_bytes(content))


def create_workspace(name: str) -> Path:
    """The folder of a name, made if need be, closed to others.

    Raises:
        UsageError: the name can't be a personal model's. OSError: the folder can't be made.
    """
    folder = workspace_dir(name)
    folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
    # Also where it was there before, or where the umask is generous.
    folder.chmod(_OWNER_ONLY)
    return folder


def open_journal(name: str, words: dict[str, Any]) -> Journal:
    """The journal of a name: a new one, or that of an earlier run with the same words.

    Raises:
        UsageError: an earlier run was begun with other words. AnnotationError: it is damaged.
        OSError: the folder can't be made.
    """
    folder = create_workspace(name)
    path = folder / _JOURNAL
    words = json.loads(json.dumps(words))
    if not path.is_file():
        journal = Journal(folder, words)
        journal.write()
        return journal
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        then, facts = dict(content["words"]), {str(k): dict(v) for k, v in content["done"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AnnotationError(
            f"{path} is damaged ({os_error_reason(error)}); begin again: livecam learn --name {name} --forget"
        ) from error
    _check_same(name, then, words)
    return Journal(folder, words, facts)


def _check_same(name: str, then: dict[str, Any], now: dict[str, Any]) -> None:
    # What an earlier version didn't know stood at its default.
    changed = [word for word in now if word in then and then[word] != now[word]]
    if changed:
        told = ", ".join(f"{word} {_plain(then.get(word))} (now {_plain(now[word])})" for word in changed)
        raise UsageError(
            f"{name} was begun with {told}; give the same words to go on, take another --name, "
            f"or begin again: livecam learn --name {name} --forget"
        )


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_plain(part) for part in value) or "none"
    return "none" if value is None else str(value)


def delete_workspace(name: str) -> str:
    """Delete all recorded frames, labels and runs of a name; what was deleted, in words.

    Raises:
        UsageError: the name can't be a personal model's.
        AnnotationError: something can't be deleted, or it is being learnt.
    """
    folder = workspace_dir(name)
    if not folder.exists():
        return f"there is nothing of {name} to forget"
    try:
        with exclusive_lock(folder, "stop that first"):
            files = [path for path in folder.rglob("*") if path.is_file()]
            mebibytes = sum(path.stat().st_size for path in files) / 2**20
            for path in folder.iterdir():
                if path.name != LOCK_FILE:  # Windows deletes no open file
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.rmtree(folder)
    except OSError as error:
        raise AnnotationError(
            f"can't delete all of {folder} ({os_error_reason(error)}); delete it by hand"
        ) from error
    return f"forgotten: {len(files)} files, {mebibytes:.1f} MiB of frames, labels and runs in {folder}"
