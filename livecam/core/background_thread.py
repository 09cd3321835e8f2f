"""Base of all threads of livecam, and the slot that hands their newest result over."""

import threading
import time
from typing import Generic, TypeVar

T = TypeVar("T")


class SlotClosed(Exception):  # noqa: N818 - the end of a stream, not an error
    """Signal that a closed slot is empty: no further item will come."""


class LatestSlot(Generic[T]):
    """Single-slot queue that keeps only the newest item. Overwritten items are counted in `dropped`."""

    def __init__(self) -> None:
        self.dropped = 0
        self._changed = threading.Condition()
        self._items: list[T] = []
        self._error: Exception | None = None
        self._closed = False

    @property
    def is_ready(self) -> bool:
        """True if `get` returns or raises at once."""
        with self._changed:
            return bool(self._items or self._error or self._closed)

    def put(self, item: T) -> None:
        """Store `item` and drop an item that was not taken yet. Does nothing once the slot is closed."""
        with self._changed:
            if self._closed:
                return
            self.dropped += len(self._items)
            self._items = [item]
            self._changed.notify()

    def get(self, timeout_seconds: float) -> T | None:
        """Take the newest item and wait for it if there is none yet.

        Returns:
            The item, or None if none came within `timeout_seconds`.

        Raises:
            SlotClosed: The slot is closed and empty.
            Exception: The error that was passed to `fail`; it is raised once.
        """
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            while not (self._items or self._error or self._closed):
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return None
                self._changed.wait(remaining)
            if self._error:
                error, self._error = self._error, None
                raise error
            if self._items:
                return self._items.pop()
            raise SlotClosed

    def fail(self, error: Exception) -> None:
        """Raise `error` in the next `get`. An item that was not taken yet is older and is dropped."""
        with self._changed:
            if self._closed:
                return
            self.dropped += len(self._items)
            self._items = []
            self._error = error
            self._changed.notify()

    def close(self) -> None:
        """Accept no further item. An item that is still in the slot can be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class BackgroundThread(Generic[T]):
    """Daemon thread with a stop flag, an end event, and a slot for its results and its error.

    The thread is never joined, because a call into a driver or a native library may block forever. A
    subclass implements `_run`, which returns when `self._stopping` is set, and may implement `_release`.

    Attributes:
        output: Results for the one consumer; an error of the thread is raised in its `get`.
        ended: Set when the thread has released its resources. Wait for it with a timeout only.
    """

    def __init__(self, name: str) -> None:
        """Prepare the thread `name`; nothing runs before `start`."""
        self.output: LatestSlot[T] = LatestSlot()
        self.ended = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end and return at once; its output is closed."""
        self._stopping.set()
        self.output.close()

    def fail(self, error: Exception) -> None:
        """Hand `error` over to the consumer of `output`."""
        self.output.fail(error)

    def get(self, timeout_seconds: float) -> T | None:
        """Take the newest result; None if none came in time. Raises as `LatestSlot.get` does."""
        return self.output.get(timeout_seconds)

    def _run(self) -> None:
        """Do the work. What it raises, other than `SlotClosed`, is handed over with `fail`."""
        raise NotImplementedError

    def _release(self) -> None:
        """Release what the thread uses; called once, in the thread, however `_run` ends."""

    def _main(self) -> None:
        try:
            self._run()
        except SlotClosed:  # the input ended, so the output ends too
            pass
        except Exception as error:
            self.fail(error)
        finally:
            self._finish()

    def _finish(self) -> None:
        try:
            self._release()
        except Exception as error:
            self.fail(error)
        finally:
            self.output.close()
            self.ended.set()
