"""The thread that turns frames into results, so that a stage that hangs can't hold up what the sinks get."""

import threading
from dataclasses import dataclass
from typing import Protocol

from livecam.core.errors import CameraError
from livecam.core.types import Cutout, Frame
from livecam.runtime.latest import Closed, Latest


@dataclass(frozen=True)
class Result:
    """What became of a frame taken in `epoch`: `shown`, made by the pipeline, or the `error` instead."""

    epoch: int
    shown: Frame | Cutout | None
    error: Exception | None = None


class Replaces(Protocol):
    """What a worker needs of a pipeline."""

    def replace(self, frame: Frame) -> Frame | Cutout: ...  # noqa: D102
    def reset(self) -> None: ...  # noqa: D102


class Takes(Protocol):
    """What a worker needs of a reader."""

    def take(self, timeout_seconds: float) -> Frame | None: ...  # noqa: D102


class Worker:
    """A daemon thread: the newest frame in, its result into a mailbox; nobody ever joins it."""

    def __init__(self, frames: Takes, pipeline: Replaces) -> None:
        self.results: Latest[Result] = Latest()
        self.ended = threading.Event()  # wait for it with a timeout only: a stage may hang
        self.epoch = 0
        self._seen = -1
        self._frames, self._pipeline = frames, pipeline
        self._idle = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="livecam-worker", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end and return at once."""
        self._stopping.set()
        self.results.close()

    def begin_epoch(self) -> None:
        """From now on nothing is remembered of earlier frames, and what is on its way is of the past."""
        self.epoch += 1

    def pause(self) -> None:
        """Take no frame until `resume`."""
        self._idle.set()
        self.begin_epoch()

    def resume(self) -> None:
        """Go on."""
        self.begin_epoch()
        self._idle.clear()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                epoch = self.epoch
                frame = self._take()
                if frame is not None and not self._idle.is_set():
                    self.results.put(self._work(epoch, frame))
        except Closed:
            self.results.close()
        except Exception as error:  # raised in the one who waits for results
            self.results.fail(error)
            self.results.close()
        finally:
            self.ended.set()

    def _take(self) -> Frame | None:
        try:
            return self._frames.take(0.1)
        except CameraError as error:  # the reader tries again by itself
            self.results.fail(error)
            return None

    def _work(self, epoch: int, frame: Frame) -> Result:
        try:
            if epoch != self._seen:
                self._pipeline.reset()
                self._seen = epoch
            return Result(epoch, self._pipeline.replace(frame))
        except Exception as error:  # whatever a stage does wrong, the frame itself must not be shown
            return Result(epoch, None, error)
