"""The panel's sink: when it takes a frame, and what it makes of it."""

import io
import threading

import numpy as np
import pytest
from PIL import Image

from livecam.core.clock import ManualClock
from livecam.core.errors import FrameError
from livecam.panel.preview_sink import MAX_SIDE, PanelSink, PreviewEncoder


class Taken:
    """Encoder that keeps what it gets."""

    def __init__(self) -> None:
        self.frames: list[np.ndarray] = []
        self.input = self

    def put(self, frame: np.ndarray) -> None:
        self.frames.append(frame)


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


@pytest.mark.parametrize("shape", [(72, 128, 3), (1080, 1920, 3)])
def test_frame_is_copied_and_small(shape: tuple[int, int, int]) -> None:
    encoder, frame = Taken(), np.zeros(shape, np.uint8)
    PanelSink(encoder, lambda: True).send(frame)  # type: ignore[arg-type]
    (taken,) = encoder.frames
    assert not np.shares_memory(taken, frame)
    assert max(taken.shape) <= MAX_SIDE


def test_no_frame_is_refused() -> None:
    with pytest.raises(FrameError):
        PanelSink(Taken(), lambda: True).send(np.zeros((4, 4, 4), np.uint8))  # type: ignore[arg-type]


def test_encoder_publishes_jpegs_and_ends() -> None:
    published, arrived = list[bytes](), threading.Event()
    encoder = PreviewEncoder(lambda jpeg: (published.append(jpeg), arrived.set()))  # type: ignore[arg-type, func-returns-value]
    encoder.start()
    encoder.input.put(FRAME)
    assert arrived.wait(10)
    pixels = np.asarray(Image.open(io.BytesIO(published[0])))
    assert pixels.shape == FRAME.shape
    assert np.abs(pixels.astype(int) - FRAME).max() < 8
    encoder.stop()
    assert encoder.ended.wait(10)
