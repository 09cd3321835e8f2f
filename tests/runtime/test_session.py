"""Settings to a run: what is opened, in which order it is closed, what the keys do."""

import logging
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest

from livecam.backgrounds.procedural import PROCEDURAL_BACKGROUNDS
from livecam.core.clock import ManualClock
from livecam.core.config import LiveSettings
from livecam.core.errors import CameraError, SinkError, UsageError
from livecam.core.geometry import Size
from livecam.runtime import session as live
from livecam.runtime.controls import Command, RunControls, SetBackground, Stop, TogglePause
from livecam.runtime.session import BackgroundPlaylist, KeyBindings, run_live
from livecam.sinks.preview import PreviewAction
from livecam.video.video_reader import VideoReader
from tests.support.fakes import ColorBackground, FakeCamera, RecordingSink
from tests.support.tiny_model import write_model


class FakeSink(RecordingSink):
    """A sink to be entered, and to fail at that if asked."""

    device = "/dev/video9"

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error, self.open, self.closed = error, False, 0

    def __call__(self, *_: Any, **named: Any) -> "FakeSink":
        self.named = named
        return self

    def __enter__(self) -> "FakeSink":
        if self.error:
            raise self.error
        self.open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.closed += 1


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> FakeCamera:
    made = FakeCamera(8)
    monkeypatch.setattr(live, "open_source", lambda *_, **__: made)
    return made


@pytest.fixture
def virtual(monkeypatch: pytest.MonkeyPatch) -> FakeSink:
    made = type("VirtualCamera", (FakeSink,), {})()
    monkeypatch.setattr(live, "VirtualCameraSink", type(made))
    monkeypatch.setattr(type(made), "__new__", lambda *_, **__: made)
    monkeypatch.setattr(type(made), "__init__", lambda *_, **__: None)
    return made


@pytest.fixture
def settings(tmp_path: Path) -> LiveSettings:
    return LiveSettings(model=str(write_model(tmp_path)), background=("teal",))


@pytest.fixture(autouse=True)
def _log_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "livecam")


def test_all_is_opened_reported_and_closed(
    camera: FakeCamera, virtual: FakeSink, settings: LiveSettings, caplog: pytest.LogCaptureFixture
) -> None:
    report = run_live(settings, RunControls())
    assert report.frames_shown + report.frames_dropped == 8
    assert caplog.messages == ["camera 0 (96x64 at 30 fps) to virtual camera /dev/video9; Ctrl-C ends"]
    assert (camera.opened, camera.closed, virtual.closed) == (1, 1, 1)
    assert len(virtual.frames) == report.frames_shown + 2


def test_live_run_computes_in_one_opencv_thread(
    camera: FakeCamera, virtual: FakeSink, settings: LiveSettings
) -> None:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        run_live(settings, RunControls())
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(threads)


def test_nothing_to_show_in_is_refused_before_anything_is_opened(
    camera: FakeCamera, settings: LiveSettings
) -> None:
    with pytest.raises(UsageError, match="--record"):
        run_live(replace(settings, virtual_camera=False), RunControls())
    assert camera.opened == 0


def test_without_a_virtual_camera_a_recording_goes_on(
    camera: FakeCamera,
    virtual: FakeSink,
    settings: LiveSettings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    virtual.error = SinkError("install it")
    run_live(replace(settings, record=tmp_path / "o.mp4"), RunControls())
    assert caplog.messages[0] == "going on without one: install it"
    with VideoReader(tmp_path / "o.mp4") as clip:
        assert len(list(clip)) > 2


def test_a_virtual_camera_requested_for_by_name_must_work(
    camera: FakeCamera, virtual: FakeSink, settings: LiveSettings, tmp_path: Path
) -> None:
    virtual.error = SinkError("install it")
    with pytest.raises(SinkError, match="install it"):
        run_live(replace(settings, record=tmp_path / "o.mp4", device="livecam"), RunControls())
    assert camera.closed == 1
    assert list(tmp_path.glob("*.mp4")) == []


def test_a_sink_that_cannot_be_opened_closes_the_camera(
    camera: FakeCamera, virtual: FakeSink, settings: LiveSettings
) -> None:
    virtual.error = SinkError("install it")
    with pytest.raises(SinkError):
        run_live(settings, RunControls())
    assert (camera.opened, camera.closed) == (1, 1)


@pytest.mark.parametrize(
    "change",
    [{"preview": True, "record": Path("o.webm")}, {"device": "livecam", "record": Path("o.webm")}, {}],
)
def test_transparency_is_for_recordings_only(
    camera: FakeCamera, settings: LiveSettings, change: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match="only be recorded"):
        run_live(replace(settings, background=("transparent",), **change), RunControls())
    assert camera.closed == camera.opened


def test_a_kept_device_is_no_hindrance_when_no_virtual_camera_is_requested(
    camera: FakeCamera, settings: LiveSettings, tmp_path: Path
) -> None:
    cutting = replace(settings, background=("transparent",), device="livecam", virtual_camera=False)
    assert run_live(replace(cutting, record=tmp_path / "cut"), RunControls()).frames_shown > 0
    assert list((tmp_path / "cut").glob("*.png"))


def test_the_first_background_is_let_go_at_the_end(
    camera: FakeCamera, virtual: FakeSink, settings: LiveSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []
    monkeypatch.setattr("livecam.backgrounds.factory.StaticBackground.close", lambda self: closed.append(1))
    run_live(settings, RunControls())
    assert closed == [1]


@pytest.mark.parametrize(
    "change", [{"preview": True}, {"record": Path("o.mp4")}, {"virtual_camera": False, "preview": True}]
)
def test_on_demand_is_for_the_virtual_camera_alone(
    camera: FakeCamera, virtual: FakeSink, settings: LiveSettings, change: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match="leave out --record and --preview"):
        run_live(replace(settings, on_demand=True, **change), RunControls())
    assert camera.opened == 0


class FakeMonitor:
    """Viewers of a device, as the test says."""

    def __init__(self, watched: bool) -> None:
        self.watched, self.closed = watched, 0

    def __call__(self, path: str, **_: Any) -> "FakeMonitor":
        assert path == FakeSink.device
        return self

    def __enter__(self) -> "FakeMonitor":
        return self

    def __exit__(self, *_: object) -> None:
        self.closed += 1

    def is_watched(self) -> bool:
        return self.watched


@pytest.mark.parametrize("watched", [True, False])
def test_on_demand_the_camera_is_opened_for_viewers_only(
    camera: FakeCamera,
    virtual: FakeSink,
    settings: LiveSettings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    watched: bool,
) -> None:
    monitor = FakeMonitor(watched)
    monkeypatch.setattr(live, "ViewerMonitor", monitor)
    report = run_live(replace(settings, on_demand=True, seconds=1.5), RunControls())
    assert caplog.messages[0] == "camera 0 (on demand) to virtual camera /dev/video9; Ctrl-C ends"
    assert (camera.opened, camera.closed, monitor.closed) == (watched, watched, 1)
    assert (report.frames_shown > 0) == watched
    assert virtual.frames


def missing_camera(*_: object) -> FakeCamera:
    raise CameraError("the camera is unplugged")


def test_each_source_closes_the_monitor_of_the_one_before(
    camera: FakeCamera, settings: LiveSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = list[FakeMonitor]()

    def make_monitor(path: str, **_: Any) -> FakeMonitor:
        opened.append(FakeMonitor(watched=False))
        return opened[-1]

    monkeypatch.setattr(live, "ViewerMonitor", make_monitor)
    with ExitStack() as monitor:
        stages = live.make_stages(ManualClock(), monitor)
        for on_demand in (True, True, False):
            stages.open_source(replace(settings, on_demand=on_demand), FakeSink.device)
        assert [each.closed for each in opened] == [1, 1]
        stages.open_source(replace(settings, on_demand=True), FakeSink.device)
        monkeypatch.setattr(live, "_make_source", missing_camera)
        with pytest.raises(CameraError, match="unplugged"):
            stages.open_source(settings, FakeSink.device)
        assert [each.closed for each in opened] == [1, 1, 0]
    assert [each.closed for each in opened] == [1, 1, 1]


@pytest.fixture
def controls() -> RunControls:
    return RunControls()


@pytest.fixture
def keys(settings: LiveSettings, controls: RunControls) -> KeyBindings:
    chosen = replace(settings, background=("teal", "navy", "no such thing"))
    return KeyBindings(controls, BackgroundPlaylist(chosen, ManualClock()))


def test_keys_step_through_the_backgrounds_in_a_circle(
    keys: KeyBindings, controls: RunControls, caplog: pytest.LogCaptureFixture
) -> None:
    keys.press(PreviewAction.NEXT)
    keys.press(PreviewAction.PREVIOUS)
    navy, teal = (
        command.background.render_standalone(Size(16, 9))[0, 0]
        for command in controls.take()
        if isinstance(command, SetBackground)
    )
    assert (tuple(navy), tuple(teal)) == ((0, 0, 128), (0, 128, 128))
    assert caplog.messages == ["background: navy", "background: teal"]


def test_unreadable_background_is_logged_and_the_old_one_stays(
    keys: KeyBindings, controls: RunControls, caplog: pytest.LogCaptureFixture
) -> None:
    keys.press(PreviewAction.PREVIOUS)
    assert controls.take() == []
    assert "no such thing" in caplog.messages[0]


def test_keys_pause_and_stop_the_run(keys: KeyBindings, controls: RunControls) -> None:
    commands: list[list[Command]] = []
    for key in (PreviewAction.PAUSE, PreviewAction.HELP, PreviewAction.MIRROR, PreviewAction.QUIT):
        keys.press(key)
        commands.append(controls.take())
    assert commands == [[TogglePause()], [], [], [Stop()]]


def test_one_background_is_followed_by_blur_and_the_procedural_ones(settings: LiveSettings) -> None:
    playlist = BackgroundPlaylist(settings, ManualClock())
    assert playlist.names == ["teal", "blur", *sorted(PROCEDURAL_BACKGROUNDS)]


def test_background_of_a_run_that_never_starts_is_closed(
    camera: FakeCamera, virtual: FakeSink, settings: LiveSettings
) -> None:
    virtual.error = SinkError("install it")
    background, controls = ColorBackground(), RunControls()
    controls.set_background(background)
    with pytest.raises(SinkError):
        run_live(settings, controls)
    assert background.closed == 1
