"""On-demand source: the camera is open only while there is a viewer."""

from collections.abc import Callable, Iterator

import pytest

from livecam.core.clock import ManualClock
from livecam.core.errors import CameraError, UsageError
from livecam.core.types import Frame
from livecam.sources.base import SourceIdle
from livecam.sources.on_demand import START_DELAY_SECONDS, STOP_DELAY_SECONDS, OnDemandSource
from tests.support.fakes import SIZE, FakeCamera, secret_frame
from tests.support.log_messages import MessageCollector


class FakeMonitor:
    """Fake viewer monitor: there is a viewer between these seconds of the clock."""

    def __init__(self, clock: ManualClock, *spans: tuple[float, float]) -> None:
        self._clock, self._spans = clock, spans

    def is_watched(self) -> bool:
        return any(start <= self._clock.now() < end for start, end in self._spans)


class Camera(FakeCamera):
    """Fake camera with ten frames per second; records when it was open."""

    def __init__(self, clock: ManualClock, lost_at: float = 1e9) -> None:
        super().__init__()
        self.clock, self.lost_at = clock, lost_at
        self.open_spans: list[list[float]] = []

    def __enter__(self) -> "Camera":
        self.open_spans.append([self.clock.now()])
        return self

    def __exit__(self, *_: object) -> None:
        self.open_spans[-1].append(self.clock.now())

    def __iter__(self) -> Iterator[Frame]:
        while True:
            self.clock.sleep(0.1)
            if self.clock.now() >= self.lost_at:
                self.lost_at = 1e9
                raise CameraError("lost: plug it in again")
            yield secret_frame()


def run_source(
    seconds: float, *spans: tuple[float, float], lost_at: float = 1e9
) -> tuple[Camera, list[float], list[str]]:
    """Run a source with viewers in `spans`; return the camera, its frame times, and messages and errors."""
    clock = ManualClock()
    camera = Camera(clock, lost_at)
    source = OnDemandSource(lambda: camera, SIZE, 30, clock=clock)
    source.set_monitor(FakeMonitor(clock, *spans))
    times: list[float] = []
    with MessageCollector() as messages:
        while clock.now() < seconds:
            try:
                for _ in source:
                    times.append(clock.now())
                    if clock.now() >= seconds:
                        break
            except SourceIdle:
                assert len(camera.open_spans) == 0 or len(camera.open_spans[-1]) == 2
            except CameraError as error:
                messages.texts.append(str(error))
    return camera, times, messages.texts


def test_on_demand_without_viewer_keeps_the_camera_closed() -> None:
    camera, times, notices = run_source(5)
    assert (camera.open_spans, times, notices) == ([], [], [])


def test_on_demand_opens_and_closes_after_its_delays() -> None:
    camera, times, notices = run_source(10, (2, 5))
    assert len(camera.open_spans) == 1
    start, end = camera.open_spans[0]
    assert 2 + START_DELAY_SECONDS <= start < 2 + START_DELAY_SECONDS + 0.2
    assert 5 + STOP_DELAY_SECONDS <= end < 5 + STOP_DELAY_SECONDS + 0.3 < 5 + 3
    assert len(times) > 25
    assert notices == ["a viewer is there: camera on (96x64 at 30 fps)", "no viewer is left: camera off"]


def test_on_demand_short_visit_keeps_the_camera_closed() -> None:
    camera, _, _ = run_source(10, *((start, start + START_DELAY_SECONDS * 0.6) for start in range(9)))
    assert camera.open_spans == []


def test_on_demand_short_absence_keeps_the_camera_open() -> None:
    camera, _, _ = run_source(10, (1, 3), (3 + STOP_DELAY_SECONDS * 0.6, 6))
    assert len(camera.open_spans) == 1


def test_on_demand_returning_viewer_opens_it_again() -> None:
    camera, _, notices = run_source(20, (1, 3), (10, 12))
    assert len(camera.open_spans) == 2
    assert notices.count("no viewer is left: camera off") == 2


def test_on_demand_lost_camera_is_opened_again() -> None:
    camera, times, notices = run_source(8, (1, 7), lost_at=3)
    assert "lost: plug it in again" in notices
    assert [len(span) for span in camera.open_spans] == [2, 2]
    assert max(times) > 6


def test_on_demand_missing_camera_counts_as_lost() -> None:
    clock = ManualClock()
    factories: list[Callable[[], Camera]] = [lambda: Camera(clock)]

    def make_camera() -> Camera:
        if clock.now() < 5:
            raise UsageError("no camera is called C920")
        return factories[0]()

    source = OnDemandSource(make_camera, SIZE, 30, clock=clock)
    source.set_monitor(FakeMonitor(clock, (0, 99)))
    with pytest.raises(CameraError, match="C920"):
        next(iter(source))
    clock.sleep(5)
    assert next(iter(source)).shape == secret_frame().shape


def test_on_demand_without_monitor_is_idle() -> None:
    with OnDemandSource(FakeCamera, SIZE, 30, clock=ManualClock()) as source, pytest.raises(SourceIdle):
        next(iter(source))


def test_on_demand_ends_with_its_camera() -> None:
    clock = ManualClock()
    source = OnDemandSource(lambda: FakeCamera(3, pause=0), SIZE, 30, clock=clock)
    source.set_monitor(FakeMonitor(clock, (0, 99)))
    assert len(list(source)) == 3
