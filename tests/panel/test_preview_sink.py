"""The panel's sink: when it takes a frame, and what it makes of it."""

import asyncio
import io
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from livecam.core.clock import ManualClock
from livecam.core.config import LiveSettings
from livecam.core.errors import FrameError
from livecam.core.geometry import FramingMode
from livecam.panel import preview_sink
from livecam.panel.hub import PageHub
from livecam.panel.preview_sink import MAX_SIDE, PanelSink, PreviewEncoder
from tests.support.panel_run import PanelRun


class Taken:
    """Encoder that keeps what it gets, and is done with it at once."""

    def __init__(self) -> None:
        self.frames: list[np.ndarray] = []
        self.is_free = True

    def put(self, frame: np.ndarray) -> None:
        self.frames.append(frame)


class KeepingRun(PanelRun):
    """Run that keeps the first frames themselves, each with a checksum of the moment when it was sent."""

    def __init__(self, settings: LiveSettings) -> None:
        super().__init__(settings)
        self.kept: list[tuple[np.ndarray, int]] = []

    def send(self, frame: np.ndarray) -> None:
        if len(self.kept) < 30:
            self.kept.append((frame, zlib.crc32(frame)))


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def video_path(tmp_path: Path, video: bytes) -> Path:
    path = tmp_path / "green.mp4"
    path.write_bytes(video)
    return path


FRAME = np.full((72, 128, 3), (200, 30, 20), np.uint8)


def test_fifteen_of_thirty_frames_are_taken_also_with_jitter() -> None:
    clock, encoder = ManualClock(), Taken()
    sink = PanelSink(encoder, lambda: True, clock=clock)  # type: ignore[arg-type]
    jitter = np.random.default_rng(1).uniform(-0.006, 0.006, 300)
    for number in range(300):
        clock.seconds = number / 30 + float(jitter[number]) + 0.01
        sink.send(FRAME)
    assert 140 <= len(encoder.frames) <= 155


def test_nothing_is_taken_while_no_page_waits() -> None:
    clock, encoder, waits = ManualClock(), Taken(), [False]
    sink = PanelSink(encoder, lambda: waits[0], clock=clock)  # type: ignore[arg-type]
    for _ in range(10):
        clock.seconds += 0.1
        sink.send(FRAME)
    assert encoder.frames == []
    waits[0] = True
    sink.send(FRAME)
    assert len(encoder.frames) == 1


def test_send_hands_over_the_frame_itself() -> None:
    encoder, frame = Taken(), np.zeros((1080, 1920, 3), np.uint8)
    PanelSink(encoder, lambda: True).send(frame)  # type: ignore[arg-type]
    assert encoder.frames[0] is frame


def test_send_neither_resizes_nor_encodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """All work on a frame is done on the thread of the encoder, for a frame that must be made smaller too."""
    workers = list[int]()
    for name in ("resize", "encode_jpeg"):
        work = getattr(preview_sink, name)

        def noted(*arguments: Any, work: Callable[..., Any] = work) -> Any:
            workers.append(threading.get_ident())
            return work(*arguments)

        monkeypatch.setattr(preview_sink, name, noted)
    arrived = threading.Event()
    encoder = PreviewEncoder(lambda jpeg: arrived.set())
    encoder.start()
    PanelSink(encoder, lambda: True).send(np.zeros((1080, 1920, 3), np.uint8))
    assert arrived.wait(10)
    encoder.stop()
    assert len(workers) == 2
    assert threading.get_ident() not in workers


def test_busy_encoder_gets_the_newest_frame_next() -> None:
    clock, encoder = ManualClock(), Taken()
    sink = PanelSink(encoder, lambda: True, clock=clock)  # type: ignore[arg-type]
    frames = [np.full((4, 4, 3), number, np.uint8) for number in range(12)]
    for number, frame in enumerate(frames):
        clock.seconds += 0.1
        encoder.is_free = number in (0, 10)
        sink.send(frame)
    assert [int(frame[0, 0, 0]) for frame in encoder.frames] == [0, 10]


def test_encoder_is_busy_until_its_image_is_published() -> None:
    begun, go_on = threading.Event(), threading.Event()
    encoder = PreviewEncoder(lambda jpeg: (begun.set(), go_on.wait(10)))  # type: ignore[arg-type, func-returns-value]
    assert encoder.is_free
    encoder.put(FRAME)
    assert not encoder.is_free
    encoder.start()
    assert begun.wait(10)
    assert not encoder.is_free
    go_on.set()
    encoder.stop()
    assert encoder.ended.wait(10)
    assert encoder.is_free


@pytest.mark.parametrize("background", ["blur", "dusk", "video"])
def test_frames_stay_as_they_were_sent(settings: LiveSettings, video_path: Path, background: str) -> None:
    """The encoder reads a frame later than `send`: nothing may write to it, or use its memory again."""
    name = str(video_path) if background == "video" else background
    everything = {"color_match": 0.5, "light_wrap": 0.5, "low_light": True, "frame": FramingMode.AUTO}
    keeping = KeepingRun(replace(settings, background=(name,), model="person", **everything))
    with keeping:
        wait_until(lambda: len(keeping.kept) >= 30 or keeping.error is not None)
    assert keeping.error is None
    assert all(digest == zlib.crc32(frame) for frame, digest in keeping.kept)
    assert len({digest for _, digest in keeping.kept}) > 5  # the demo moves


def test_no_frame_is_refused() -> None:
    with pytest.raises(FrameError):
        PanelSink(Taken(), lambda: True).send(np.zeros((4, 4, 4), np.uint8))  # type: ignore[arg-type]


def test_encoder_publishes_jpegs_and_ends() -> None:
    published, arrived = list[bytes](), threading.Event()
    encoder = PreviewEncoder(lambda jpeg: (published.append(jpeg), arrived.set()))  # type: ignore[arg-type, func-returns-value]
    encoder.start()
    encoder.put(FRAME)
    assert arrived.wait(10)
    pixels = np.asarray(Image.open(io.BytesIO(published[0])))
    assert pixels.shape == FRAME.shape
    assert np.abs(pixels.astype(int) - FRAME).max() < 8
    encoder.stop()
    assert encoder.ended.wait(10)


def test_large_frames_are_published_small() -> None:
    published, arrived = list[bytes](), threading.Event()
    encoder = PreviewEncoder(lambda jpeg: (published.append(jpeg), arrived.set()))  # type: ignore[arg-type, func-returns-value]
    encoder.start()
    encoder.put(np.zeros((1080, 1920, 3), np.uint8))
    assert arrived.wait(10)
    encoder.stop()
    assert max(Image.open(io.BytesIO(published[0])).size) == MAX_SIDE


def test_no_frame_is_wanted_once_one_is_published() -> None:
    """The loop sends no second frame meanwhile, for which no page waits."""

    class Socket:
        def __init__(self) -> None:
            self.incoming: asyncio.Queue[str] = asyncio.Queue()
            self.shown: asyncio.Queue[bytes] = asyncio.Queue()
            self.receive_text = self.incoming.get
            self.send_bytes = self.shown.put

        async def accept(self) -> None:
            pass

        async def send_text(self, text: str) -> None:
            pass

    async def ask_twice() -> None:
        hub, socket = PageHub(), Socket()
        served = asyncio.create_task(hub.serve(socket))  # type: ignore[arg-type]
        for jpeg in (b"first", b"second"):
            assert not hub.is_wanted
            socket.incoming.put_nowait("next")
            while not hub.is_wanted:
                await asyncio.sleep(0)
            hub.publish_frame(jpeg)
            assert not hub.is_wanted  # before the event loop has sent it
            assert await asyncio.wait_for(socket.shown.get(), 10) == jpeg
        served.cancel()

    asyncio.run(ask_twice())
