import errno
import os
import struct
from typing import Any

import pytest

from livecam.core.clock import ManualClock
from livecam.core.errors import SinkError
from livecam.devices import viewer_monitor as module
from livecam.devices.v4l2 import subscribe_client_usage
from livecam.devices.viewer_monitor import (
    TOO_OLD,
    EventMonitor,
    PollingMonitor,
    ViewerMonitor,
)
from tests.support.log_messages import MessageCollector

fcntl = pytest.importorskip("fcntl")


def event(kind: int, count: int) -> bytes:
    """Pack a struct v4l2_event as a 64-bit kernel lays it out."""
    return struct.pack("=I4xI", kind, count).ljust(136, b"\0")


class Kernel:
    """Fake kernel: answers both requests; `events` are queued, and the poll is ready while there are any."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, has_event: bool = True) -> None:
        self.has_event, self.events, self.subscriptions = (
            has_event,
            list[bytes | int](),
            list[tuple[int, int, int]](),
        )
        monkeypatch.setattr(fcntl, "ioctl", self.ioctl)
        monkeypatch.setattr(module.select, "poll", lambda: self)

    def ioctl(self, handle: int, request: int, data: bytes) -> bytes:
        if request == 0x4020565A:
            self.subscriptions.append(struct.unpack("=3I20x", data))
            if not self.has_event:
                raise OSError(errno.EINVAL, "Invalid argument")
            return data
        assert request == 0x80885659
        answer = self.events.pop(0)
        if isinstance(answer, int):
            raise OSError(answer, os.strerror(answer))
        return answer

    def register(self, handle: int, mask: int) -> None:
        assert mask

    def poll(self, timeout: int) -> list[Any]:
        assert timeout == 0
        return [1] * bool(self.events)


@pytest.fixture
def device(tmp_path: Any) -> str:
    (tmp_path / "video10").touch()
    return str(tmp_path / "video10")


def test_subscribe_requests_event_and_initial_state(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    kernel = Kernel(monkeypatch)
    handle = subscribe_client_usage(device)
    assert handle is not None
    os.close(handle)
    assert kernel.subscriptions == [(0x10E00001, 0, 1)]


def test_is_watched_follows_the_latest_event(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    kernel = Kernel(monkeypatch)
    with MessageCollector() as messages, ViewerMonitor(device) as monitor:
        assert not monitor.is_watched()
        kernel.events = [event(0x10E00001, 0), event(0x10E00001, 1)]
        assert monitor.is_watched()
        assert monitor.is_watched()
        kernel.events = [event(0x10E00001, 2), event(3, 1), event(0x10E00001, 0)]
        assert not monitor.is_watched()
    assert messages.texts == []


def test_is_watched_with_empty_queue_keeps_the_state(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    kernel = Kernel(monkeypatch)
    with ViewerMonitor(device) as monitor:
        kernel.events = [event(0x10E00001, 1), errno.ENOENT]
        assert monitor.is_watched()


def test_is_watched_of_a_removed_device_raises(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    kernel = Kernel(monkeypatch)
    with ViewerMonitor(device) as monitor:
        kernel.events = [errno.ENODEV]
        with pytest.raises(SinkError, match="start livecam again"):
            monitor.is_watched()


def test_old_module_is_polled_with_one_notice(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    Kernel(monkeypatch, has_event=False)
    processes = [["zoom (pid 7)"], []]
    monkeypatch.setattr(module, "processes_using", lambda path: processes.pop(0))
    clock = ManualClock()
    monkeypatch.setattr(PollingMonitor.__init__, "__defaults__", (module.processes_using,))
    with MessageCollector() as messages, ViewerMonitor(device, clock=clock) as monitor:
        assert monitor.is_watched()
        clock.sleep(0.9)
        assert monitor.is_watched()
        clock.sleep(0.2)
        assert not monitor.is_watched()
    assert messages.texts == [TOO_OLD]


def test_monitor_of_a_missing_device_names_a_remedy(tmp_path: Any) -> None:
    with pytest.raises(SinkError, match="leave out --on-demand"):
        ViewerMonitor(str(tmp_path / "missing"))


def test_subscribe_refused_closes_the_descriptor(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    Kernel(monkeypatch, has_event=False)
    closed: list[int] = []
    close = os.close
    monkeypatch.setattr(os, "close", lambda handle: (closed.append(handle), close(handle)))
    assert subscribe_client_usage(device) is None
    assert len(closed) == 1


def test_event_monitor_polls_without_waiting(device: str) -> None:
    read, write = os.pipe()
    os.close(write)
    monitor = EventMonitor(read)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fcntl, "ioctl", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOENT, "none")))
        assert not monitor.is_watched()
    monitor.close()
