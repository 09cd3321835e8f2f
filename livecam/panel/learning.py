"""`livecam learn` for the page, in another process: this one never loads a training framework."""

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from livecam.core.errors import LivecamError, UsageError
from livecam.core.types import Frame
from livecam.imaging.image_io import read_image
from livecam.imaging.ops import encode_jpeg
from livecam.models.archive import smoke_test
from livecam.models.model_card import ModelCard
from livecam.models.registry import check_name, install, list_user, remove, user_model_path
from livecam.personalization.config import workspace_dir
from livecam.personalization.journal import delete_workspace, read_results
from livecam.personalization.results import ComparisonResult
from livecam.personalization.sample_split import split_samples
from livecam.pipeline import Pipeline

logger = logging.getLogger("livecam.panel")

STAGES = ("record", "label", "tune", "compare")
MAX_EXAMPLES = 3
MIN_SECONDS, MAX_SECONDS = 4, 600
_BACKGROUND = "#2f3b46"  # behind the person in the comparison, so that mistakes are seen
_JPEG_QUALITY = 88
_LONGEST = 960  # pixels
_STOP_SECONDS = 10.0
_ERROR_START = "livecam: "  # of the line that says why a command failed


@dataclass(frozen=True)
class LearnStatus:
    """State of the present or latest run of `livecam learn`.

    Attributes:
        name: name of the model.
        stage: one of `STAGES`; "done", "failed" or "stopped" at the end.
        done, total: steps of the stage; 0 where they are not known.
        seconds_left: of this stage; None where it is not known.
        message: the latest line for the user: an instruction, a result, or why it failed.
        page: address of the page for clicking, while it is open.
        before, after: IoU in % on held-out frames.
        reason: why the new model is not better; "" if it is.
    """

    name: str
    stage: str
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    message: str = ""
    page: str = ""
    before: float = 0.0
    after: float = 0.0
    reason: str = ""

    @property
    def running(self) -> bool:
        """True while the process runs."""
        return self.stage in STAGES


class LearnRun:
    """Runs `livecam learn` and follows it. One run at a time; thread-safe.

    Frames of the camera do not pass through this process: the other one opens the camera, so the live run
    releases it while it is recorded.
    """

    def __init__(
        self,
        release_camera: Callable[[], None],
        take_camera_back: Callable[[], None],
        changed: Callable[[], None] = lambda: None,
        *,
        command: Sequence[str] = (sys.executable, "-u", "-m", "livecam", "learn", "--json"),
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            release_camera: closes the camera of the live run, if it is a device.
            take_camera_back: opens it again, if it was closed.
            changed: called when the status has changed, on another thread.
            command: what is run, without options.
        """
        self._command = tuple(command)
        self._release, self._take_back, self._changed = release_camera, take_camera_back, changed
        self._lock = threading.RLock()
        self._process: subprocess.Popen[str] | None = None
        self._status: LearnStatus | None = None
        self._camera_released = False
        self._deadline: float | None = None
        self._problem = ""

    @property
    def status(self) -> LearnStatus | None:
        """State of the present or latest run; None if there was none."""
        status, deadline = self._status, self._deadline
        if status is not None and status.running and deadline is not None:
            return replace(status, seconds_left=max(0.0, deadline - time.monotonic()))
        return status

    def start(
        self, name: str, camera: str, size: str, seconds: int, *, click: bool, options: Sequence[str] = ()
    ) -> None:
        """Start a run, or continue an interrupted one of the same name and settings.

        Args:
            name: name of the model.
            camera: what `--camera` takes.
            size: what `--size` takes.
            seconds: length of the recording.
            click: let the user click on objects to keep.
            options: more options of `livecam learn`.

        Raises:
            UsageError: the name or the length can't be used, or a run goes on.
            LivecamError: the process can't be started.
        """
        check_name(name)
        if not MIN_SECONDS <= seconds <= MAX_SECONDS:
            raise UsageError(f"the recording must have {MIN_SECONDS} to {MAX_SECONDS} seconds, not {seconds}")
        command = [*self._command, f"--name={name}", f"--camera={camera}"]
        command += [f"--size={size}", f"--seconds={seconds}", "--no-install", *(["--click"] if click else [])]
        with self._lock:
            if self._status is not None and self._status.running:
                raise UsageError(f"{self._status.name} is being learnt already", "wait, or stop it first")
            # The other process opens the camera itself.
            self._release()
            self._camera_released = True
            try:
                self._process = subprocess.Popen(
                    [*command, *options],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                )
            except OSError as error:
                self._give_camera_back()
                raise LivecamError(f"livecam learn can't be started ({error})") from error
            self._problem, self._deadline = "", None
            self._set(LearnStatus(name, "record"))
            threading.Thread(
                target=self._follow, args=(self._process, name), name="livecam-panel-learn", daemon=True
            ).start()

    def stop(self) -> None:
        """Stop the run. What is finished of it is kept, and the next start continues from there."""
        with self._lock:
            process, status = self._process, self._status
            if process is None or status is None or not status.running:
                return
            self._set(replace(status, stage="stopped", page=""))
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()

    def forget(self) -> None:
        """Forget a run that has ended: it was installed or discarded."""
        with self._lock:
            if self._status is not None and not self._status.running:
                self._status = None
        self._changed()

    def _set(self, status: LearnStatus) -> None:
        self._status = status
        self._changed()

    def _follow(self, process: "subprocess.Popen[str]", name: str) -> None:
        """Read what the process prints, until it ends."""
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._read_line(line.strip())
        code = process.wait()
        self._give_camera_back()
        with self._lock:
            if self._status is None or self._status.stage == "stopped":
                self._changed()
                return
            compared = read_results(name).get("compare") if code in (0, 1) else None
            if isinstance(compared, ComparisonResult):
                before, after = compared.held_out
                self._set(LearnStatus(name, "done", before=before, after=after, reason=compared.reason))
            else:
                problem = self._problem or "it ended without a word"
                self._set(LearnStatus(name, "failed", message=problem))

    def _read_line(self, line: str) -> None:
        """Follow a line of `livecam learn --json`: an object of `progress_values`, or why it failed."""
        try:
            values = json.loads(line)
        except ValueError:
            values = None
        with self._lock:
            status = self._status
            if status is None or not status.running:
                return
            if line.startswith(_ERROR_START):
                self._problem = line.removeprefix(_ERROR_START)
            # Other programs' libraries write to the same stream.
            if not isinstance(values, dict) or "stage" not in values:
                return
            new = self._advance(status, values)
            if new.stage != "record":
                self._give_camera_back()
            self._set(new)

    def _advance(self, status: LearnStatus, values: dict[str, Any]) -> LearnStatus:
        """Return the status after a line with its values."""
        page = values["page"]
        stage = values["stage"] or ("label" if page else status.stage)
        if stage not in STAGES:
            return status
        left = values["seconds_left"]
        same_step = stage == status.stage and not values["stage"]
        if not same_step:
            self._deadline = None if left is None else time.monotonic() + left
        done, total = (status.done, status.total) if same_step else (values["done"], values["total"])
        message = "" if values["total"] or page or stage == "compare" else values["message"]
        if str(workspace_dir(status.name)) in message:  # paths and commands for a terminal
            message = status.message
        return replace(status, stage=stage, done=done, total=total, message=message, page=page)

    def _give_camera_back(self) -> None:
        with self._lock:
            if not self._camera_released:
                return
            self._camera_released = False
        try:
            self._take_back()
        except LivecamError as error:
            logger.warning("the camera can't be opened again: %s", error)


def examples(name: str) -> list[dict[str, bytes]]:
    """Return held-out frames of a run, cut out by the old and by the new model.

    Returns:
        `before` and `after`, JPEGs of the same size, for up to three frames. They show the person in front of
        one color, not the room.

    Raises:
        LivecamError: the run is not finished, or a model can't be used.
    """
    folder = workspace_dir(name)
    _, _, held_out = split_samples(folder / "labels")
    card = ModelCard.read(model_card_path(name))
    base = str(card.metadata.get("learnt", {}).get("base", "person"))
    step = max(1, len(held_out) // MAX_EXAMPLES)
    frames = [read_image(each.image, longest=_LONGEST).image for each in held_out[::step][:MAX_EXAMPLES]]
    before, after = (_cut_out(model, frames) for model in (base, str(model_card_path(name))))
    return [{"before": old, "after": new} for old, new in zip(before, after, strict=True)]


def _cut_out(model: str, frames: Sequence[Frame]) -> list[bytes]:
    pipeline = Pipeline.load(model, _BACKGROUND, threads=1)
    results = []
    try:
        for frame in frames:
            pipeline.reset()
            results.append(encode_jpeg(pipeline.replace(frame), _JPEG_QUALITY))
    finally:
        pipeline.close()
    return results


def model_card_path(name: str) -> Path:
    """Return the model card that a run has made; it may not exist yet."""
    return workspace_dir(name) / "model" / f"{name}.json"


def install_learnt(name: str) -> None:
    """Install the model that a run has made, once it has run on an image.

    Raises:
        LivecamError: there is none, or it can't be used or installed; an older model of this name stays.
    """
    path = model_card_path(name)
    if not path.is_file():
        raise UsageError(f"{name} is not learnt yet", "start it again: it continues")
    smoke_test(path)
    install(path, name)


def discard_learnt(name: str) -> None:
    """Delete all frames, labels and runs of a name; an installed model stays.

    Raises:
        LivecamError: they can't be deleted.
    """
    delete_workspace(name)


def own_models() -> list[dict[str, Any]]:
    """Describe the user's models: `name`, and `before` and `after` in % where they are known."""
    found = []
    for name in list_user():
        entry: dict[str, Any] = {"name": name}
        with suppress(LivecamError, KeyError, TypeError):
            figures = ModelCard.read(user_model_path(name)).metadata["learnt"]["held_out_iou"]
            entry |= {"before": figures["before"], "after": figures["after"]}
        found.append(entry)
    return found


def remove_model(name: str) -> None:
    """Delete a model of the user.

    Raises:
        LivecamError: there is none, or it can't be deleted.
    """
    remove(name)
