"""Whether somebody watches a virtual camera (v4l2loopback), so that the webcam needn't be on for nobody.

The module tells by an event of its own, V4L2_EVENT_PRI_CLIENT_USAGE (v4l2loopback.c, from 0.13 on), on any
file descriptor of the device. Where it is older, the programs that have the device open are looked for.
"""

import errno
import os
import select
import struct
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import SinkError
from livecam.devices.discovery import processes_using

_SUBSCRIBE, _DEQUEUE = 0x4020565A, 0x80885659  # VIDIOC_SUBSCRIBE_EVENT, VIDIOC_DQEVENT
_CLIENT_USAGE = 0x08000000 + 0x08E00000 + 1
_SEND_INITIAL = 1
_SUBSCRIPTION = struct.Struct("=3I20x")  # type, id, flags
_EVENT = struct.Struct("=I4xI124x")  # type, and of its data the count of viewers
_LOOK_SECONDS = 1.0
TOO_OLD = (
    "this v4l2loopback doesn't tell who watches: looking for programs once a second instead; "
    "0.13 or newer is quicker"
)


class EventMonitor:
    """The module's own word on a device, by a second file descriptor."""

    def __init__(self, handle: int) -> None:
        """Listen on a descriptor that `subscribe_client_usage` gave; it belongs to us now."""
        self._handle = handle
        self._poll = select.poll()
        self._poll.register(handle, select.POLLPRI)
        self._watched = False

    def is_watched(self) -> bool:
        """What the latest event said."""
        import fcntl

        while self._poll.poll(0):
            try:
                kind, count = _EVENT.unpack(fcntl.ioctl(self._handle, _DEQUEUE, bytes(_EVENT.size)))
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.EAGAIN):
                    break
                raise SinkError(
                    f"the virtual camera went away ({error.strerror}): start livecam again"
                ) from error
            if kind == _CLIENT_USAGE:
                self._watched = count > 0
        return self._watched

    def close(self) -> None:
        """Stop listening."""
        os.close(self._handle)


class PollingMonitor:
    """Programs that have a device open, looked for once a second; one that only lists cameras counts too."""

    def __init__(
        self, path: str, clock: Clock, holders: Callable[[str], list[str]] = processes_using
    ) -> None:
        """Look for programs other than this one that hold the device file at `path`."""
        self._path, self._clock, self._holders = path, clock, holders
        self._looked: float | None = None
        self._watched = False

    def is_watched(self) -> bool:
        """What was seen at the latest look."""
        now = self._clock.now()
        if self._looked is None or now - self._looked >= _LOOK_SECONDS:
            self._looked, self._watched = now, bool(self._holders(self._path))
        return self._watched

    def close(self) -> None:
        """Nothing is held."""


def subscribe_client_usage(path: str) -> int | None:
    """A descriptor of the device at `path` that gets the module's events; None where it has none."""
    import fcntl

    handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(handle, _SUBSCRIBE, _SUBSCRIPTION.pack(_CLIENT_USAGE, 0, _SEND_INITIAL))
    except OSError:
        os.close(handle)
        return None
    return handle


class ViewerMonitor:
    """Whether a virtual camera is watched, asked as often as one likes."""

    def __init__(
        self, path: str, *, tell: Callable[[str], None] = lambda words: None, clock: Clock | None = None
    ) -> None:
        """Begin to listen; say once if that has to be the slow way.

        Args:
            path: the virtual camera's device file.
            tell: takes one line for the user.
            clock: paces the slow way.

        Raises:
            SinkError: the device can't be opened, or this is no Linux.
        """
        try:
            handle = subscribe_client_usage(path)
        except (ImportError, OSError) as error:
            raise SinkError(
                f"can't see who watches {path or 'the virtual camera'} ({error}): leave out --on-demand"
            ) from error
        self._source: EventMonitor | PollingMonitor
        if handle is None:
            tell(TOO_OLD)
            self._source = PollingMonitor(path, clock or SystemClock())
        else:
            self._source = EventMonitor(handle)

    def __enter__(self) -> "ViewerMonitor":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._source.close()

    def is_watched(self) -> bool:
        """Whether somebody watches.

        Raises:
            SinkError: the virtual camera has gone.
        """
        return self._source.is_watched()
