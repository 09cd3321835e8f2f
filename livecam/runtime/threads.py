"""The thread that turns frames into results, so that a stage that hangs can't hold up what the sinks get."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from livecam.core.errors import CameraError
from livecam.core.types import Frame, RgbaFrame
from livecam.sources.base import SourceIdle


@dataclass(frozen=True)
class ProcessedFrame:
    """What became of a frame taken in `generation`: `shown`, made by the pipeline, or the `error` instead."""

    generation: int
    frame: Frame | RgbaFrame | None
    error: Exception | None = None


class FrameReplacer(Protocol):
    """What a worker needs of a pipeline."""

    def replace(self, frame: Frame) -> Frame | RgbaFrame: ...  # noqa: D102
    def reset(self) -> None: ...  # noqa: D102


class FrameSupply(Protocol):
    """What a worker needs of a reader."""

    def get(self, timeout_seconds: float) -> Frame | None: ...  # noqa: D102


class ProcessingThread:
    """A daemon thread: the newest frame in, its result into a mailbox; nobody ever joins it."""

    def __init__(self, frames: FrameSupply, pipeline: FrameReplacer) -> None:
        self.results: LatestSlot[ProcessedFrame] = LatestSlot()
        self.ended = threading.Event()  # wait for it with a timeout only: a stage may hang
        self.generation = 0
        self._processed_generation = -1
        self._frames, self._pipeline = frames, pipeline
        self._paused = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="livecam-worker", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end and return at once."""
        self._stopping.set()
        self.results.close()

    def begin_generation(self) -> None:
        """From now on nothing is remembered of earlier frames, and what is on its way is of the past."""
        self.generation += 1

    def pause(self) -> None:
        """Take no frame until `resume`."""
        self._paused.set()
        self.begin_generation()

    def resume(self) -> None:
        """Go on."""
        self.begin_generation()
        self._paused.clear()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                epoch = self.generation
                frame = self._take()
                if frame is not None and not self._paused.is_set():
                    self.results.put(self._process(epoch, frame))
        except SlotClosed:
            self.results.close()
        except Exception as error:  # raised in the one who waits for results
            self.results.fail(error)
            self.results.close()
        finally:
            self.ended.set()

    def _take(self) -> Frame | None:
        try:
            return self._frames.get(0.1)
        except CameraError as error:  # the reader tries again by itself
            self.results.fail(error)
            return None

    def _process(self, epoch: int, frame: Frame) -> ProcessedFrame:
        try:
            if epoch != self._processed_generation:
                self._pipeline.reset()
                self._processed_generation = epoch
            return ProcessedFrame(epoch, self._pipeline.replace(frame))
        except Exception as error:  # whatever a stage does wrong, the frame itself must not be shown
            return ProcessedFrame(epoch, None, error)


T = TypeVar("T")


T_co = TypeVar("T_co", covariant=True)


class SlotClosed(Exception):  # noqa: N818 - an end, not an error
    """Nothing will come any more."""


class LatestSlot(Generic[T]):
    """A mailbox with one slot: what wasn't taken in time is dropped and counted in `dropped`."""

    def __init__(self) -> None:
        self.dropped = 0
        self._changed = threading.Condition()
        self._slot: list[T] = []
        self._error: Exception | None = None
        self._closed = False

    def put(self, item: T) -> None:
        """Leave `item`, in place of one that is still there; ignored once closed."""
        with self._changed:
            if self._closed:
                return
            self.dropped += len(self._slot)
            self._slot = [item]
            self._changed.notify()

    def get(self, timeout_seconds: float) -> T | None:
        """The newest item, waiting for it; None if none came within `timeout_seconds`.

        Raises:
            Closed: it is closed and empty.
            Exception: the one left with `fail`, once.
        """
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            while not (self._slot or self._error or self._closed):
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(left)
            if self._error:
                error, self._error = self._error, None
                raise error
            if self._slot:
                return self._slot.pop()
            raise SlotClosed

    def fail(self, error: Exception) -> None:
        """Have `error` raised in the taker; an item that is still there is dropped, as it is of the past."""
        with self._changed:
            if self._closed:
                return
            self.dropped += len(self._slot)
            self._slot = []
            self._error = error
            self._changed.notify()

    def close(self) -> None:
        """Say that nothing comes any more; what is still there can be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class ReadableSource(Protocol[T_co]):
    """What a reader needs of a source: to be iterated, more than once after an error, and closed."""

    def __iter__(self) -> Iterator[T_co]:
        """Items until the end."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> object:
        """Close."""


class CaptureThread(Generic[T]):
    """A daemon thread that reads an opened source into `latest`, and closes the source when it ends.

    After a CameraError, which the taker gets, it tries again every `retry_seconds`, so that a webcam that is
    plugged in again comes back; after Idle it tries again at once, and nobody is told. Any other error, and
    the end of the source, end it.
    """

    def __init__(self, source: ReadableSource[T], *, retry_seconds: float = 0.5) -> None:
        """Prepare; nothing is read before `start`.

        Args:
            source: opened (entered) already; from `start` on it belongs to the reader alone.
            retry_seconds: the pause before a lost camera is tried again.
        """
        self.latest: LatestSlot[T] = LatestSlot()
        self.ended = threading.Event()  # set once the source is closed; wait for it with a timeout only
        self._source = source
        self._retry_seconds = retry_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="livecam-reader", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def get(self, timeout_seconds: float) -> T | None:
        """The newest frame; None if none came in time. Raises as `LatestSlot.get` does."""
        return self.latest.get(timeout_seconds)

    def stop(self) -> None:
        """Ask the thread to end and return at once: it may be blocked in a driver for seconds."""
        self._stopping.set()
        self.latest.close()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set() and self._read_until_lost():
                pass
        except Exception as error:  # raised in the one who waits
            self.latest.fail(error)
        finally:
            self._close()

    def _read_until_lost(self) -> bool:
        try:
            for item in self._source:
                if self._stopping.is_set():
                    return False
                self.latest.put(item)
        except SourceIdle:
            return True
        except CameraError as error:
            self.latest.fail(error)
            self._stopping.wait(self._retry_seconds)
            return True
        return False

    def _close(self) -> None:
        try:
            self._source.__exit__(None, None, None)
        except Exception as error:
            self.latest.fail(error)
        finally:
            self.latest.close()
            self.ended.set()
