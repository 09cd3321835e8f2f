"""Reports whether a program reads a virtual camera (v4l2loopback), for ``--on-demand``.

v4l2loopback 0.13 and newer send the event V4L2_EVENT_PRI_CLIENT_USAGE to every subscribed descriptor of the
device. For older versions the processes that have the device open are listed once a second.
"""

import errno
import logging
import os
import select
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import SinkError
from livecam.devices.discovery import processes_using
from livecam.devices.v4l2 import dequeue_client_count, subscribe_client_usage

logger = logging.getLogger("livecam.devices")

_POLL_SECONDS = 1.0
TOO_OLD = (
    "this v4l2loopback doesn't tell who watches: looking for programs once a second instead; "
    "0.13 or newer is quicker"
)


class EventMonitor:
    """Viewer monitor based on v4l2loopback's events, on a second descriptor of the device."""

    def __init__(self, handle: int) -> None:
        """Take ownership of a descriptor from `v4l2.subscribe_client_usage`."""
        self._handle = handle
        self._poll = select.poll()
        self._poll.register(handle, select.POLLPRI)
        self._watched = False

    def is_watched(self) -> bool:
        """Return the state in the latest event; read all queued events without waiting.

        Raises:
            SinkError: the virtual camera has gone.
        """
        while self._poll.poll(0):
            try:
                count = dequeue_client_count(self._handle)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.EAGAIN):
                    break
                raise SinkError(
                    f"the virtual camera went away ({error.strerror}): start livecam again"
                ) from error
            if count is not None:
                self._watched = count > 0
        return self._watched

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._handle)


class PollingMonitor:
    """Viewer monitor that lists the processes with the device open, once a second.

    A program that only enumerates cameras counts as a viewer too.
    """

    def __init__(
        self, path: str, clock: Clock, list_processes: Callable[[str], list[str]] = processes_using
    ) -> None:
        """Monitor the device file at `path`; the own process is not counted."""
        self._path, self._clock, self._list_processes = path, clock, list_processes
        self._polled_at: float | None = None
        self._watched = False

    def is_watched(self) -> bool:
        """Return the state at the latest poll; poll again if it is older than a second."""
        now = self._clock.now()
        if self._polled_at is None or now - self._polled_at >= _POLL_SECONDS:
            self._polled_at, self._watched = now, bool(self._list_processes(self._path))
        return self._watched

    def close(self) -> None:
        """Do nothing: no resource is held."""


class ViewerMonitor:
    """Reports whether a virtual camera has a viewer. A context manager; used by one thread."""

    def __init__(self, path: str, *, clock: Clock | None = None) -> None:
        """Subscribe to the events of the device; poll instead, with a message, if it has none.

        Args:
            path: device file of the virtual camera.
            clock: measures the poll interval; the system clock if None.

        Raises:
            SinkError: the device can't be opened, or this system is not Linux.
        """
        try:
            handle = subscribe_client_usage(path)
        except OSError as error:
            raise SinkError(
                f"can't see who watches {path or 'the virtual camera'} ({error}): leave out --on-demand"
            ) from error
        self._monitor: EventMonitor | PollingMonitor
        if handle is None:
            logger.info("%s", TOO_OLD)
            self._monitor = PollingMonitor(path, clock or SystemClock())
        else:
            self._monitor = EventMonitor(handle)

    def __enter__(self) -> "ViewerMonitor":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._monitor.close()

    def is_watched(self) -> bool:
        """Return whether a program reads the virtual camera.

        Raises:
            SinkError: the virtual camera has gone.
        """
        return self._monitor.is_watched()
