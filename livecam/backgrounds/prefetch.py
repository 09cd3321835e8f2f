"""Prefetching: a thread prepares the next item while the current one is in use."""

from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

from livecam.core.background_thread import BackgroundThread

T = TypeVar("T")


class Prefetcher(BackgroundThread[T]):
    """Daemon thread that makes one item per request. What `work` raises is raised by `get`."""

    def __init__(self, work: Callable[[], T], release: Callable[[], None] = lambda: None) -> None:
        """Start the thread; it does nothing before `request`.

        Args:
            work: Makes the next item. From `request` until `get` returns it, only the thread may use what
                `work` uses.
            release: Releases what `work` uses; called once, by the thread, when it ends.
        """
        super().__init__("livecam-ahead")
        self._work, self._release_work = work, release
        self._requests: SimpleQueue[bool] = SimpleQueue()
        self.start()

    def request(self) -> None:
        """Start to make the next item. Call it again only after `get` has returned or raised."""
        self._requests.put(True)

    def stop(self, timeout_seconds: float = 0.0) -> None:
        """Ask the thread to end and wait at most `timeout_seconds`, because a disk may block it."""
        super().stop()
        self._requests.put(False)
        self.ended.wait(timeout_seconds)

    def _run(self) -> None:
        while self._requests.get() and not self._stopping.is_set():
            try:
                self.output.put(self._work())
            except Exception as error:
                self.fail(error)

    def _release(self) -> None:
        try:
            self._release_work()
        finally:
            # The owner of `work` holds this object too. Only the garbage collector could free such a cycle.
            del self._work, self._release_work
