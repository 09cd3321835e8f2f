"""Settings to a run: what is opened, in which order it is closed, what the keys do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecam.backgrounds.procedural import PROCEDURAL_BACKGROUNDS
from livecam.core.clock import ManualClock
from livecam.core.config import LiveSettings
from livecam.core.errors import SinkError, UsageError
from livecam.runtime import session as live
from livecam.runtime.live_loop import RunControls
from livecam.runtime.session import BackgroundPlaylist, KeyBindings, run_live
from livecam.sinks.preview import PreviewAction
from livecam.video.video_reader import VideoReader
from tests.support.fakes import FakeCamera, Keeper
from tests.support.tiny_model import write_model


class FakeSink(Keeper):
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


def test_all_is_opened_told_and_closed(camera: FakeCamera, virtual: FakeSink, settings: LiveSettings) -> None:
    told: list[str] = []
    report = run_live(settings, RunControls(), told.append)
    assert report.frames_shown + report.frames_dropped == 8
    assert told == ["camera 0 (96x64 at 30 fps) to virtual camera /dev/video9; Ctrl-C ends"]
    assert (camera.opened, camera.closed, virtual.closed) == (1, 1, 1)
    assert len(virtual.frames) == report.frames_shown + 2


def test_nothing_to_show_in_is_refused_before_anything_is_opened(
    camera: FakeCamera, settings: LiveSettings
) -> None:
    with pytest.raises(UsageError, match="--record"):
        run_live(replace(settings, virtual_camera=False), RunControls(), print)
    assert camera.opened == 0


def test_without_a_virtual_camera_a_recording_goes_on(
    camera: FakeCamera, virtual: FakeSink, settings: LiveSettings, tmp_path: Path
) -> None:
    virtual.error, told = SinkError("install it"), list[str]()
    run_live(replace(settings, record=tmp_path / "o.mp4"), RunControls(), told.append)
    assert told[0] == "going on without one: install it"
    with VideoReader(tmp_path / "o.mp4") as clip:
        assert len(list(clip)) > 2


def test_a_virtual_camera_asked_for_by_name_must_work(
    camera: FakeCamera, virtual: FakeSink, settings: LiveSettings, tmp_path: Path
) -> None:
    virtual.error = SinkError("install it")
    with pytest.raises(SinkError, match="install it"):
        run_live(replace(settings, record=tmp_path / "o.mp4", device="livecam"), RunControls(), print)
    assert camera.closed == 1
    assert list(tmp_path.glob("*.mp4")) == []


def test_a_sink_that_cannot_be_opened_closes_the_camera(
    camera: FakeCamera, virtual: FakeSink, settings: LiveSettings
) -> None:
    virtual.error = SinkError("install it")
    with pytest.raises(SinkError):
        run_live(settings, RunControls(), print)
    assert (camera.opened, camera.closed) == (1, 1)


@pytest.mark.parametrize(
    "change",
    [{"preview": True, "record": Path("o.webm")}, {"device": "livecam", "record": Path("o.webm")}, {}],
)
def test_transparency_is_for_recordings_only(
    camera: FakeCamera, settings: LiveSettings, change: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match="only be recorded"):
        run_live(replace(settings, background=("transparent",), **change), RunControls(), print)
    assert camera.closed == camera.opened


def test_a_kept_device_is_no_hindrance_when_no_virtual_camera_is_wanted(
    camera: FakeCamera, settings: LiveSettings, tmp_path: Path
) -> None:
    cutting = replace(settings, background=("transparent",), device="livecam", virtual_camera=False)
    assert (
        run_live(replace(cutting, record=tmp_path / "cut"), RunControls(), lambda words: None).frames_shown
        > 0
    )
    assert list((tmp_path / "cut").glob("*.png"))


def test_the_first_background_is_let_go_at_the_end(
    camera: FakeCamera, virtual: FakeSink, settings: LiveSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []
    monkeypatch.setattr("livecam.backgrounds.factory.StaticBackground.close", lambda self: closed.append(1))
    run_live(settings, RunControls(), lambda words: None)
    assert closed == [1]


@pytest.mark.parametrize(
    "change", [{"preview": True}, {"record": Path("o.mp4")}, {"virtual_camera": False, "preview": True}]
)
def test_on_demand_is_for_the_virtual_camera_alone(
    camera: FakeCamera, virtual: FakeSink, settings: LiveSettings, change: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match="leave out --record and --preview"):
        run_live(replace(settings, on_demand=True, **change), RunControls(), print)
    assert camera.opened == 0


class Audience:
    """Viewers of a device, as the test says."""

    def __init__(self, watched: bool) -> None:
        self.watched, self.closed = watched, 0

    def __call__(self, path: str, **_: Any) -> "Audience":
        assert path == FakeSink.device
        return self

    def __enter__(self) -> "Audience":
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
    watched: bool,
) -> None:
    audience = Audience(watched)
    monkeypatch.setattr(live, "ViewerMonitor", audience)
    told: list[str] = []
    report = run_live(replace(settings, on_demand=True, seconds=1.5), RunControls(), told.append)
    assert told[0] == "camera 0 (on demand) to virtual camera /dev/video9; Ctrl-C ends"
    assert (camera.opened, camera.closed, audience.closed) == (watched, watched, 1)
    assert (report.frames_shown > 0) == watched
    assert virtual.frames


@pytest.fixture
def desk(settings: LiveSettings) -> tuple[KeyBindings, RunControls, list[str]]:
    controls, told = RunControls(), list[str]()
    asked = replace(settings, background=("teal", "navy", "no such thing"))
    shelf = BackgroundPlaylist(asked, ManualClock())
    return KeyBindings(controls, shelf, told.append), controls, told


LocalWebServer = tuple[KeyBindings, RunControls, list[str]]


def test_keys_go_through_the_backgrounds_and_round(desk: LocalWebServer) -> None:
    keys, controls, told = desk
    keys.press(PreviewAction.NEXT)
    assert controls.backdrop is not None
    assert (controls.backdrop.render(np.zeros((9, 16, 3), np.uint8), np.zeros((9, 16), np.float32)) == 0)[
        ..., 0
    ].all()
    keys.press(PreviewAction.PREVIOUS)
    assert told == ["background: navy", "background: teal"]


def test_a_background_that_cannot_be_read_is_told_and_the_old_one_stays(desk: LocalWebServer) -> None:
    keys, controls, told = desk
    keys.press(PreviewAction.PREVIOUS)
    assert controls.backdrop is None
    assert "no such thing" in told[0]


def test_keys_pause_and_end(desk: LocalWebServer) -> None:
    keys, controls, _ = desk
    keys.press(PreviewAction.PAUSE)
    assert controls.paused
    keys.press(PreviewAction.PAUSE)
    keys.press(PreviewAction.HELP)
    keys.press(PreviewAction.MIRROR)
    assert not controls.paused
    assert not controls.stopping
    keys.press(PreviewAction.QUIT)
    assert controls.stopping


def test_who_asked_for_one_background_gets_the_drawn_ones_by_key(settings: LiveSettings) -> None:
    shelf = BackgroundPlaylist(settings, ManualClock())
    assert shelf.names == ["teal", "blur", *sorted(PROCEDURAL_BACKGROUNDS)]
