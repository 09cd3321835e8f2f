"""A source that is open only while somebody watches."""

from collections.abc import Callable, Iterator

import pytest

from livecam.core.clock import ManualClock
from livecam.core.errors import CameraError, UsageError
from livecam.core.types import Frame
from livecam.sources.base import SourceIdle
from livecam.sources.on_demand import START_DELAY_SECONDS, STOP_DELAY_SECONDS, OnDemandSource
from tests.support.fakes import SIZE, FakeCamera, secret_frame


class Audience:
    """Viewers by the clock: somebody watches between these seconds."""

    def __init__(self, clock: ManualClock, *spans: tuple[float, float]) -> None:
        self._clock, self._spans = clock, spans

    def is_watched(self) -> bool:
        return any(start <= self._clock.now() < end for start, end in self._spans)


class Camera(FakeCamera):
    """Ten frames a second, for ever; notes when it was on."""

    def __init__(self, clock: ManualClock, lost_at: float = 1e9) -> None:
        super().__init__()
        self.clock, self.lost_at = clock, lost_at
        self.on: list[list[float]] = []

    def __enter__(self) -> "Camera":
        self.on.append([self.clock.now()])
        return self

    def __exit__(self, *_: object) -> None:
        self.on[-1].append(self.clock.now())

    def __iter__(self) -> Iterator[Frame]:
        while True:
            self.clock.sleep(0.1)
            if self.clock.now() >= self.lost_at:
                self.lost_at = 1e9
                raise CameraError("lost: plug it in again")
            yield secret_frame()


def watch(
    seconds: float, *spans: tuple[float, float], lost_at: float = 1e9
) -> tuple[Camera, list[float], list[str]]:
    """The camera, when it gave frames, and what was told, after so many seconds with viewers in `spans`."""
    clock, told = ManualClock(), list[str]()
    camera = Camera(clock, lost_at)
    source = OnDemandSource(lambda: camera, SIZE, 30, notify=told.append, clock=clock)
    source.set_monitor(Audience(clock, *spans))
    times: list[float] = []
    while clock.now() < seconds:
        try:
            for _ in source:
                times.append(clock.now())
                if clock.now() >= seconds:
                    break
        except SourceIdle:
            assert len(camera.on) == 0 or len(camera.on[-1]) == 2
        except CameraError as error:
            told.append(str(error))
    return camera, times, told


def test_nobody_watches_and_the_camera_stays_off() -> None:
    camera, times, told = watch(5)
    assert (camera.on, times, told) == ([], [], [])


def test_the_camera_is_on_from_soon_after_the_first_viewer_until_soon_after_the_last() -> None:
    camera, times, told = watch(10, (2, 5))
    assert len(camera.on) == 1
    start, end = camera.on[0]
    assert 2 + START_DELAY_SECONDS <= start < 2 + START_DELAY_SECONDS + 0.2
    assert 5 + STOP_DELAY_SECONDS <= end < 5 + STOP_DELAY_SECONDS + 0.3 < 5 + 3
    assert len(times) > 25
    assert told == ["somebody watches: camera on (96x64 at 30 fps)", "nobody watches: camera off"]


def test_apps_that_glance_do_not_turn_the_camera_on() -> None:
    camera, _, _ = watch(10, *((start, start + START_DELAY_SECONDS * 0.6) for start in range(9)))
    assert camera.on == []


def test_a_viewer_who_is_gone_for_a_moment_keeps_the_camera_on() -> None:
    camera, _, _ = watch(10, (1, 3), (3 + STOP_DELAY_SECONDS * 0.6, 6))
    assert len(camera.on) == 1


def test_who_comes_again_turns_it_on_again() -> None:
    camera, _, told = watch(20, (1, 3), (10, 12))
    assert len(camera.on) == 2
    assert told.count("nobody watches: camera off") == 2


def test_a_camera_lost_while_it_is_watched_is_closed_and_opened_again() -> None:
    camera, times, told = watch(8, (1, 7), lost_at=3)
    assert "lost: plug it in again" in told
    assert [len(span) for span in camera.on] == [2, 2]
    assert max(times) > 6


def test_a_camera_that_is_not_there_yet_counts_as_lost_until_it_is() -> None:
    clock = ManualClock()
    makes: list[Callable[[], Camera]] = [lambda: Camera(clock)]

    def make() -> Camera:
        if clock.now() < 5:
            raise UsageError("no camera is called C920")
        return makes[0]()

    source = OnDemandSource(make, SIZE, 30, clock=clock)
    source.set_monitor(Audience(clock, (0, 99)))
    with pytest.raises(CameraError, match="C920"):
        next(iter(source))
    clock.sleep(5)
    assert next(iter(source)).shape == secret_frame().shape


def test_without_viewers_to_follow_it_is_idle() -> None:
    with OnDemandSource(FakeCamera, SIZE, 30, clock=ManualClock()) as source, pytest.raises(SourceIdle):
        next(iter(source))


def test_the_end_of_the_camera_is_its_end() -> None:
    clock = ManualClock()
    source = OnDemandSource(lambda: FakeCamera(3, pause=0), SIZE, 30, clock=clock)
    source.set_monitor(Audience(clock, (0, 99)))
    assert len(list(source)) == 3
