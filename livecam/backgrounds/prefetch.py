"""Work done ahead: a thread makes the next one while the last one is in use."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _Failure:
    error: Exception


class Prefetcher(Generic[T]):
    """One piece of work at a time in a daemon thread; what it raises is raised in the one who takes."""

    def __init__(self, work: Callable[[], T], finish: Callable[[], None]) -> None:
        """Start the thread; it does nothing before `begin`.

        Args:
            work: makes the next one; from `begin` to a `get` that gives it, what it uses is the thread's.
            finish: lets go of what `work` uses; called once, by the thread, when it ends.
        """
        self._work, self._finish = work, finish
        self._asked: SimpleQueue[bool] = SimpleQueue()
        self._made: SimpleQueue[T | _Failure] = SimpleQueue()
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="livecam-ahead", daemon=True).start()

    def request(self) -> None:
        """Have the next one made."""
        self._asked.put(True)

    def get(self, timeout_seconds: float) -> T | None:
        """What was begun; None if it isn't there within `timeout_seconds`. Raises what the work raised."""
        try:
            made = self._made.get(timeout=timeout_seconds)
        except Empty:
            return None
        if isinstance(made, _Failure):
            raise made.error
        return made

    def stop(self, timeout_seconds: float) -> None:
        """Ask the thread to end, and wait for it, but no longer than that: it may be blocked by a disk."""
        self._asked.put(False)
        self._ended.wait(timeout_seconds)

    def _run(self) -> None:
        try:
            while self._asked.get():
                self._made.put(self._attempt())
        finally:
            self._finish()
            # Whoever they belong to holds us, too: a ring that only the garbage collector could undo.
            del self._work, self._finish
            self._ended.set()

    def _attempt(self) -> T | _Failure:
        try:
            return self._work()
        except Exception as error:
            return _Failure(error)
