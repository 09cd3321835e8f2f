import gc
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from livecam.backgrounds.video import VideoBackground
from livecam.core.clock import ManualClock
from livecam.core.errors import VideoError
from livecam.core.geometry import Size
from livecam.core.types import VideoFrame
from livecam.imaging.fit import FitMode
from livecam.video.video_reader import VideoReader

SIZE = Size(32, 16)


class FakeVideo:
    """Frames whose shade is their number; `times` in seconds; after `rounds` the file is gone."""

    def __init__(
        self, times: list[float], *, fps: float = 10.0, whole: float | None = None, rounds: int = 99
    ) -> None:
        self.times, self.fps, self.duration_seconds, self.rounds = times, fps, whole, rounds
        self.has_audio = False
        self.opened = self.closed = self.decoded = 0

    def __enter__(self) -> "FakeVideo":
        self.opened += 1
        return self

    def frames(self) -> Iterator[VideoFrame]:
        if not self.rounds:
            raise VideoError("gone")
        self.rounds -= 1
        for number, seconds in enumerate(self.times):
            self.decoded += 1
            yield VideoFrame(np.full((16, 32, 3), number, np.uint8), seconds, number)

    def close(self) -> None:
        self.closed += 1


def shade(background: VideoBackground) -> int:
    return int(background.render_standalone(SIZE)[8, 16, 0])


def at(background: VideoBackground, clock: ManualClock, seconds: float) -> int:
    clock.seconds = seconds
    return shade(background)


def levels(footage: FakeVideo, times: list[float]) -> list[int]:
    clock = ManualClock()
    background = VideoBackground(footage, fit=FitMode.COVER, clock=clock)
    return [at(background, clock, seconds) for seconds in times]


TEN = [number / 10 for number in range(10)]


def test_it_plays_by_the_clock_whatever_the_rate_of_asking() -> None:
    # Asked in the middle of each frame's time, so that rounding decides nothing.
    quick = [0.0, *(0.05 + number / 30 for number in range(1, 60))]
    assert levels(FakeVideo(TEN), quick) == [int(seconds * 10 + 1e-6) % 10 for seconds in quick]
    slow = [0.0, *(0.05 + number * 0.4 for number in range(1, 12))]
    assert levels(FakeVideo(TEN), slow) == [int(seconds * 10 + 1e-6) % 10 for seconds in slow]


def test_frames_of_uneven_length_stay_as_long_as_they_should() -> None:
    footage = FakeVideo([0.0, 0.1, 0.5], whole=1.0)
    assert levels(footage, [0.0, 0.05, 0.15, 0.45, 0.55, 0.95, 1.05, 1.15, 1.45, 1.55]) == [
        *(0, 0, 1, 1, 2, 2),
        *(0, 1, 1, 2),
    ]


def test_the_loop_has_no_gap_when_the_file_does_not_begin_at_zero() -> None:
    footage = FakeVideo([0.5, 0.6, 0.7], fps=10.0)
    assert levels(footage, [0.0, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65]) == [0, 1, 2, 0, 1, 2, 0]


def test_after_a_long_sleep_it_goes_on_without_catching_up() -> None:
    footage, clock = FakeVideo(TEN), ManualClock()
    background = VideoBackground(footage, fit=FitMode.COVER, clock=clock)
    assert at(background, clock, 0.0) == 0
    decoded = footage.decoded
    assert at(background, clock, 36_000.0) == 1
    assert footage.decoded - decoded <= 2
    assert [at(background, clock, 36_000.05 + step / 10) for step in range(3)] == [1, 2, 3]


def test_a_decoder_that_is_too_slow_gives_slow_motion_not_a_is_showntill() -> None:
    class Slow(FakeVideo):
        def frames(self) -> Iterator[VideoFrame]:
            for frame in super().frames():
                time.sleep(0.025)
                yield frame

    clock = ManualClock()
    background = VideoBackground(
        Slow([number / 1000 for number in range(1000)], fps=1000.0), fit=FitMode.COVER, clock=clock
    )
    began = time.perf_counter()
    found = [at(background, clock, step / 30) for step in range(4)]
    assert time.perf_counter() - began < 1.0
    assert found == sorted(set(found))


def test_two_threads_may_ask_at_once() -> None:
    class Slow(FakeVideo):
        def frames(self) -> Iterator[VideoFrame]:
            for frame in super().frames():
                time.sleep(0.003)
                yield frame

    clock = ManualClock()
    background = VideoBackground(Slow(TEN), fit=FitMode.COVER, clock=clock)

    def ask(_: int) -> int:
        clock.sleep(0.05)
        return shade(background)

    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(ask, range(60))) == set(range(10))


def test_the_next_frame_is_decoded_and_fitted_while_no_thread_asks() -> None:
    clock, threads = ManualClock(), set()

    class ViewerMonitorLike(FakeVideo):
        def frames(self) -> Iterator[VideoFrame]:
            for frame in super().frames():
                threads.add(threading.current_thread().name)
                yield frame

    background = VideoBackground(ViewerMonitorLike(TEN), fit=FitMode.COVER, clock=clock)
    ours = threading.current_thread().name
    assert at(background, clock, 0.0) == 0
    threads.discard(ours)  # the first frame: that the video can be read is found out at once
    assert [at(background, clock, step / 10 + 0.05) for step in range(1, 6)] == [1, 2, 3, 4, 5]
    assert threads == {"livecam-ahead"}


def test_a_decoder_that_hangs_leaves_the_last_frame_and_lets_itself_be_closed() -> None:
    hang = threading.Event()

    class Hanging(FakeVideo):
        def frames(self) -> Iterator[VideoFrame]:
            yield from islice(super().frames(), 2)
            hang.wait(20)

    clock = ManualClock()
    background = VideoBackground(Hanging(TEN), fit=FitMode.COVER, clock=clock)
    assert [at(background, clock, seconds) for seconds in (0.0, 10.0, 10.3)] == [0, 1, 1]
    background.close()
    hang.set()


def test_a_single_image_is_opened_once() -> None:
    footage = FakeVideo([0.0])
    assert levels(footage, [0.0, 0.4, 0.8, 1.2]) == [0, 0, 0, 0]
    assert footage.decoded == 1


def test_the_last_frame_stays_when_the_file_is_lost() -> None:
    assert levels(FakeVideo([0.0, 0.1, 0.2], rounds=1), [0.0, 0.15, 0.25, 0.35, 0.45]) == [0, 1, 2, 2, 2]


def test_a_frame_is_fitted_once_and_never_writable() -> None:
    clock = ManualClock()
    background = VideoBackground(FakeVideo(TEN), fit=FitMode.COVER, clock=clock)
    first = background.render(np.zeros((16, 32, 3), np.uint8), np.zeros((16, 32), np.float32))
    clock.sleep(0.05)
    assert background.render_standalone(SIZE) is first
    assert not first.flags.writeable
    assert Size.of(background.render_standalone(Size(20, 30))) == Size(20, 30)
    clock.sleep(0.1)
    assert (first == 0).all()
    assert shade(background) == 1


def test_it_is_closed_after_use_and_after_failure() -> None:
    footage, empty = FakeVideo(TEN), FakeVideo([])
    VideoBackground(footage, fit=FitMode.COVER, clock=ManualClock()).close()
    with pytest.raises(VideoError, match="no image"):
        VideoBackground(empty, fit=FitMode.COVER, clock=ManualClock())
    assert (footage.opened, footage.closed) == (empty.opened, empty.closed) == (1, 1)


def test_a_real_video_loops_without_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 64, 32, "yuv420p", 2_000_000
        for number in range(5):
            gray = np.full((32, 64, 3), 40 * number + 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(gray, format="rgb24")))
        container.mux(stream.encode())
    clock = ManualClock()
    background = VideoBackground(VideoReader(path), fit=FitMode.COVER, clock=clock)
    found = [
        round((at(background, clock, 0.04 * step + (0.02 if step else 0)) - 20) / 40) for step in range(17)
    ]
    background.close()
    assert found == [step % 5 for step in range(17)]


def test_a_real_gif_keeps_its_own_times(tmp_path: Path) -> None:
    images = [Image.new("RGB", (32, 16), (level, level, level)) for level in (0, 100, 200)]
    images[0].save(
        tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=[100, 400, 500], loop=0
    )
    clock = ManualClock()
    background = VideoBackground(VideoReader(tmp_path / "a.gif"), fit=FitMode.COVER, clock=clock)
    found = [round(at(background, clock, step / 10 + (0.05 if step else 0)) / 100) for step in range(21)]
    background.close()
    assert found == [0, 1, 1, 1, 1, 2, 2, 2, 2, 2] * 2 + [0]


def test_what_is_closed_is_gone_at_once_not_when_the_garbage_is_collected() -> None:
    footage = FakeVideo([0.0, 0.1, 0.2])
    background = VideoBackground(footage, fit=FitMode.COVER, clock=ManualClock())
    shade(background)
    decoder, whole = weakref.ref(background._frames), weakref.ref(background)
    gc.disable()
    try:
        background.close()
        assert decoder() is None
        del background
        deadline = time.monotonic() + 5
        while whole() is not None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert whole() is None
    finally:
        gc.enable()
    assert footage.closed == 1
