import errno
import os
import struct
from typing import Any

import pytest

from livecam.core.clock import ManualClock
from livecam.core.errors import SinkError
from livecam.devices import viewer_monitor as viewers
from livecam.devices.v4l2 import subscribe_client_usage
from livecam.devices.viewer_monitor import (
    TOO_OLD,
    EventMonitor,
    PollingMonitor,
    ViewerMonitor,
)

fcntl = pytest.importorskip("fcntl")


def event(kind: int, count: int) -> bytes:
    """struct v4l2_event as a 64-bit kernel lays it out."""
    return struct.pack("=I4xI", kind, count).ljust(136, b"\0")


class Kernel:
    """Answers the two calls; `events` are waiting, and the poll is ready while there are any."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, knows: bool = True) -> None:
        self.knows, self.events, self.asked = knows, list[bytes | int](), list[tuple[int, int, int]]()
        monkeypatch.setattr(fcntl, "ioctl", self.ioctl)
        monkeypatch.setattr(viewers.select, "poll", lambda: self)

    def ioctl(self, handle: int, request: int, data: bytes) -> bytes:
        if request == 0x4020565A:
            self.asked.append(struct.unpack("=3I20x", data))
            if not self.knows:
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


def test_the_module_is_asked_for_its_event_and_for_what_holds_now(
    monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    kernel = Kernel(monkeypatch)
    handle = subscribe_client_usage(device)
    assert handle is not None
    os.close(handle)
    assert kernel.asked == [(0x10E00001, 0, 1)]


def test_the_latest_event_holds(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    kernel, told = Kernel(monkeypatch), list[str]()
    with ViewerMonitor(device, notify=told.append) as watched:
        assert not watched.is_watched()
        kernel.events = [event(0x10E00001, 0), event(0x10E00001, 1)]
        assert watched.is_watched()
        assert watched.is_watched()
        kernel.events = [event(0x10E00001, 2), event(3, 1), event(0x10E00001, 0)]
        assert not watched.is_watched()
    assert told == []


def test_an_event_that_somebody_else_took_is_nothing(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    kernel = Kernel(monkeypatch)
    with ViewerMonitor(device) as watched:
        kernel.events = [event(0x10E00001, 1), errno.ENOENT]
        assert watched.is_watched()


def test_a_device_that_went_away_is_said(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    kernel = Kernel(monkeypatch)
    with ViewerMonitor(device) as watched:
        kernel.events = [errno.ENODEV]
        with pytest.raises(SinkError, match="start livecam again"):
            watched.is_watched()


def test_an_older_module_is_watched_by_its_openers_and_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    Kernel(monkeypatch, knows=False)
    told: list[str] = []
    holders = [["zoom (pid 7)"], []]
    monkeypatch.setattr(viewers, "processes_using", lambda path: holders.pop(0))
    clock = ManualClock()
    monkeypatch.setattr(PollingMonitor.__init__, "__defaults__", (viewers.processes_using,))
    with ViewerMonitor(device, notify=told.append, clock=clock) as watched:
        assert watched.is_watched()
        clock.sleep(0.9)
        assert watched.is_watched()
        clock.sleep(0.2)
        assert not watched.is_watched()
    assert told == [TOO_OLD]


def test_a_device_that_cannot_be_opened_names_a_remedy(tmp_path: Any) -> None:
    with pytest.raises(SinkError, match="leave out --on-demand"):
        ViewerMonitor(str(tmp_path / "missing"))


def test_a_descriptor_that_is_no_use_is_closed(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    Kernel(monkeypatch, knows=False)
    closed: list[int] = []
    close = os.close
    monkeypatch.setattr(os, "close", lambda handle: (closed.append(handle), close(handle)))
    assert subscribe_client_usage(device) is None
    assert len(closed) == 1


def test_the_real_poll_is_asked_without_waiting(device: str) -> None:
    read, write = os.pipe()
    os.close(write)
    listening = EventMonitor(read)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fcntl, "ioctl", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOENT, "none")))
        assert not listening.is_watched()
    listening.close()
