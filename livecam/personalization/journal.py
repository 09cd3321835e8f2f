"""Journal of the finished stages of one name, in a directory that only its owner can open.

``journal.json`` has the settings of the run and the result of each finished stage. It is replaced
atomically: it is valid whenever a run is stopped.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livecam.core.config import settings_diff
from livecam.core.errors import AnnotationError, FileWriteError, UsageError
from livecam.core.fileio import json_bytes, os_error_reason, write_atomic
from livecam.core.locking import LOCK_FILE, exclusive_lock
from livecam.personalization.config import workspace_dir
from livecam.personalization.results import RESULT_TYPES, StageResult

__all__ = [
    "STAGES",
    "Journal",
    "create_workspace",
    "delete_workspace",
    "open_journal",
    "read_results",
    "workspace_dir",
]

STAGES = tuple(RESULT_TYPES)
_JOURNAL = "journal.json"
_OWNER_ONLY = 0o700


@dataclass
class Journal:
    """The finished stages of one name.

    Attributes:
        folder: the directory of the name.
        fingerprint: the settings of the run, as JSON values.
        results: the result of each finished stage.
        seconds: how long each finished stage took.
    """

    folder: Path
    fingerprint: dict[str, Any]
    results: dict[str, StageResult] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def finish(self, stage: str, result: StageResult, seconds: float) -> None:
        """Store the result of a stage.

        Raises:
            OSError: the journal can't be written.
        """
        self.results[stage], self.seconds[stage] = result, round(seconds, 1)
        self.write()

    def write(self) -> None:
        """Write the journal.

        Raises:
            OSError: it can't be written.
        """
        done = {
            stage: result.to_dict() | ({"took_seconds": self.seconds[stage]} if stage in self.seconds else {})
            for stage, result in self.results.items()
        }
        write_atomic(self.folder / _JOURNAL, json_bytes({"words": self.fingerprint, "done": done}))


def create_workspace(name: str) -> Path:
    """Create the directory of a name, with access for its owner only.

    Raises:
        UsageError: the name can't be a user model's.
        OSError: the directory can't be made.
    """
    folder = workspace_dir(name)
    folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
    # mkdir's mode is not applied to an existing directory, and the umask may change it.
    folder.chmod(_OWNER_ONLY)
    return folder


def open_journal(name: str, fingerprint: Mapping[str, Any]) -> Journal:
    """Open the journal of a name: a new one, or that of an earlier run with the same settings.

    Raises:
        UsageError: an earlier run had other settings.
        AnnotationError: the journal is damaged.
        OSError: the directory can't be made.
    """
    folder = create_workspace(name)
    path = folder / _JOURNAL
    settings = dict(fingerprint)
    if not path.is_file():
        journal = Journal(folder, settings)
        journal.write()
        return journal
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        before = dict(content["words"])
        done = {stage: content["done"][stage] for stage in STAGES if stage in content["done"]}
        results = {stage: RESULT_TYPES[stage].from_dict(values) for stage, values in done.items()}
        seconds = {
            stage: float(values["took_seconds"]) for stage, values in done.items() if "took_seconds" in values
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AnnotationError(
            f"{path} is damaged ({os_error_reason(error)}); begin again: livecam learn --name {name} --forget"
        ) from error
    _check_same(name, before, settings)
    return Journal(folder, settings, results, seconds)


def read_results(name: str) -> Mapping[str, StageResult]:
    """Return the results of the finished stages of a name; none where there is no readable journal."""
    try:
        done = json.loads((workspace_dir(name) / _JOURNAL).read_text(encoding="utf-8"))["done"]
        return {stage: RESULT_TYPES[stage].from_dict(done[stage]) for stage in STAGES if stage in done}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _check_same(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    # A setting that an earlier version did not have was at its default.
    changed = {key: pair for key, pair in settings_diff(before, now).items() if key in before and key in now}
    if changed:
        details = ", ".join(
            f"{key} {_setting_text(old)} (now {_setting_text(new)})" for key, (old, new) in changed.items()
        )
        raise UsageError(
            f"{name} was begun with {details}; give the same words to go on, take another --name, "
            f"or begin again: livecam learn --name {name} --forget"
        )


def _setting_text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_setting_text(part) for part in value) or "none"
    return "none" if value is None else str(value)


def delete_workspace(name: str) -> str:
    """Delete all recorded frames, annotations and runs of a name. Returns: a line about what was deleted.

    Raises:
        UsageError: the name can't be a user model's.
        FolderInUseError: another process uses the directory.
        FileWriteError: something can't be deleted.
    """
    folder = workspace_dir(name)
    if not folder.exists():
        return f"there is nothing of {name} to forget"
    try:
        with exclusive_lock(folder, "stop that first"):
            files = [path for path in folder.rglob("*") if path.is_file()]
            mebibytes = sum(path.stat().st_size for path in files) / 2**20
            for path in folder.iterdir():
                if path.name != LOCK_FILE:  # Windows can't delete an open file
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.rmtree(folder)
    except FileWriteError:
        raise
    except OSError as error:
        problem = f"can't delete all of {folder} ({os_error_reason(error)})"
        raise FileWriteError(problem, "delete it by hand", path=folder) from error
    return f"forgotten: {len(files)} files, {mebibytes:.1f} MiB of frames, labels and runs in {folder}"
