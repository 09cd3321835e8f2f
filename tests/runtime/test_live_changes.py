"""Changes of a live run while it runs, with fake stages: what is opened, what stays when something fails."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecam.core.config import LiveSettings
from livecam.core.errors import CameraError, SinkError, UsageError
from livecam.core.geometry import Size
from livecam.pipeline import Pipeline
from livecam.runtime.controls import (
    AddSink,
    ReleaseSource,
    RemoveSink,
    ReplacePipeline,
    ReplaceSource,
    RunControls,
    SetBackground,
    SetPicture,
)
from livecam.runtime.live_changes import GuardedSink, LiveChanges, Stages
from livecam.sinks.recorder import Recorder
from livecam.video.video_reader import VideoReader
from tests.support.fake_pipeline import make_pipeline
from tests.support.fakes import SIZE, ColorBackground, FakeCamera, RecordingSink, secret_frame


class Controls(RunControls):
    """Command queue that executes what the loop would answer at once, and keeps the commands."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def _put(self, command: Any) -> None:
        self.seen.append(command)
        if isinstance(command, RemoveSink):
            command.removed.set()
        if isinstance(command, ReleaseSource):
            command.released.set()

    def kinds(self) -> list[type]:
        return [type(command) for command in self.seen]


class FakeVirtualCamera(RecordingSink):
    def __init__(self, device: str = "/dev/video9") -> None:
        super().__init__()
        self.device, self.closed = device, 0

    def close(self) -> None:
        self.closed += 1


class Parts:
    """Stages that count what they open, and fail where a test asks for it."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.broken: set[str] = set()
        self.transparent = False

    def _open(self, name: str) -> None:
        self.opened.append(name)
        if name in self.broken:
            raise CameraError(f"{name} is broken")

    def open_source(self, settings: LiveSettings, device: str) -> FakeCamera:
        self._open(f"camera {settings.camera} {settings.size}")
        return FakeCamera(size=settings.size)

    def load_model(self, settings: LiveSettings) -> Any:
        self._open(f"model {settings.model} {settings.threads}")
        return f"model {settings.model}"

    def open_background(self, settings: LiveSettings, spec: str) -> ColorBackground:
        self._open(f"background {spec} {settings.fit.value}")
        background = ColorBackground()
        background.is_transparent = self.transparent
        return background

    def build_pipeline(self, settings: LiveSettings, model: Any, background: Any) -> Pipeline:
        self._open(f"pipeline {settings.edge:g} {model}")
        return make_pipeline(background=background)

    def open_virtual_camera(self, settings: LiveSettings, size: Size, fps: float) -> FakeVirtualCamera:
        self._open(f"virtual camera {settings.device}")
        return FakeVirtualCamera(settings.device or "/dev/video9")


SETTINGS = LiveSettings(camera="0", size=SIZE, background=("teal",))


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
def controls() -> Controls:
    return Controls()


@pytest.fixture
def make_changes(parts: Parts, controls: Controls) -> Callable[..., LiveChanges]:
    def make(
        settings: LiveSettings = SETTINGS, virtual_camera: Any = None, recorder: Recorder | None = None
    ) -> LiveChanges:
        stages = Stages(
            parts.open_source,
            parts.load_model,
            parts.open_background,
            parts.build_pipeline,
            parts.open_virtual_camera,
        )
        return LiveChanges(
            settings,
            controls,  # type: ignore[arg-type]
            stages,
            FakeCamera(),
            "model person",  # type: ignore[arg-type]
            virtual_camera,
            recorder,
        )

    return make


@pytest.fixture
def changes(make_changes: Callable[..., LiveChanges]) -> LiveChanges:
    return make_changes()


def test_background_is_opened_and_handed_over(changes: LiveChanges, parts: Parts, controls: Controls) -> None:
    assert changes.change(background=("beach",)).background == ("beach",)
    assert (parts.opened, controls.kinds()) == (["background beach cover"], [SetBackground])


def test_background_that_cannot_be_opened_changes_nothing(
    changes: LiveChanges, parts: Parts, controls: Controls
) -> None:
    parts.broken.add("background gone.jpg cover")
    with pytest.raises(CameraError, match="broken"):
        changes.change(background=("gone.jpg",))
    assert changes.settings == SETTINGS
    assert controls.seen == []


def test_transparent_background_is_refused(changes: LiveChanges, parts: Parts, controls: Controls) -> None:
    parts.transparent = True
    with pytest.raises(UsageError, match="transparent"):
        changes.change(background=("transparent",))
    assert controls.seen == []


def test_same_value_opens_nothing(changes: LiveChanges, parts: Parts, controls: Controls) -> None:
    changes.change(background=("teal",), camera="0", edge=0.0)
    assert (parts.opened, controls.seen) == ([], [])


def test_setting_of_the_picture_is_handed_over(
    changes: LiveChanges, parts: Parts, controls: Controls
) -> None:
    changes.change(edge=3.0, light_wrap=0.5)
    assert parts.opened == []
    (command,) = controls.seen
    assert isinstance(command, SetPicture)
    assert (command.picture.edge, command.picture.light_wrap) == (3.0, 0.5)


def test_model_is_loaded_before_the_run_uses_it(
    changes: LiveChanges, parts: Parts, controls: Controls
) -> None:
    changes.change(model="person-lite", threads=1)
    assert parts.opened == ["model person-lite 1"]
    (command,) = controls.seen
    assert isinstance(command, ReplacePipeline)
    present = make_pipeline()
    assert command.build(present).background is present.background
    assert parts.opened[-1] == "pipeline 0 model person-lite"


def test_model_is_loaded_again_without_a_change_of_the_settings(
    changes: LiveChanges, parts: Parts, controls: Controls
) -> None:
    changes.reload_model()
    assert parts.opened == ["model person 2"]
    assert controls.kinds() == [ReplacePipeline]
    parts.broken.add("model person 2")
    with pytest.raises(CameraError):
        changes.reload_model()
    assert controls.kinds() == [ReplacePipeline]


def test_model_that_cannot_be_loaded_changes_nothing(
    changes: LiveChanges, parts: Parts, controls: Controls
) -> None:
    parts.broken.add("model bad 2")
    with pytest.raises(CameraError):
        changes.change(model="bad")
    assert (changes.settings, controls.seen) == (SETTINGS, [])


def test_another_camera_is_opened_before_the_present_one_is_closed(
    changes: LiveChanges, parts: Parts, controls: Controls
) -> None:
    before = changes.source
    changes.change(camera="demo")
    assert controls.kinds() == [ReplaceSource]
    assert changes.source is controls.seen[0].source is not before


def test_another_camera_that_fails_leaves_the_present_one(
    changes: LiveChanges, parts: Parts, controls: Controls
) -> None:
    before = changes.source
    parts.broken.add(f"camera demo {SIZE}")
    with pytest.raises(CameraError, match="broken"):
        changes.change(camera="demo")
    assert (changes.source, changes.settings, controls.seen) == (before, SETTINGS, [])


def test_another_size_closes_the_camera_first(changes: LiveChanges, parts: Parts, controls: Controls) -> None:
    changes.change(size=Size(64, 48))
    assert controls.kinds() == [ReleaseSource, ReplaceSource]
    assert changes.source.size == (64, 48)


def test_same_device_under_another_name_is_closed_first(changes: LiveChanges, controls: Controls) -> None:
    changes.change(camera="/dev/video0")
    assert controls.kinds() == [ReleaseSource, ReplaceSource]


def test_size_that_the_camera_refuses_opens_it_as_before(
    changes: LiveChanges, parts: Parts, controls: Controls
) -> None:
    parts.broken.add("camera 0 64x48")
    with pytest.raises(CameraError, match="64x48 is broken"):
        changes.change(size=Size(64, 48))
    assert parts.opened == ["camera 0 64x48", f"camera 0 {SIZE}"]
    assert controls.kinds() == [ReleaseSource, ReplaceSource]
    assert changes.settings == SETTINGS


def test_camera_that_cannot_be_opened_again_is_named_with_both_reasons(
    changes: LiveChanges, parts: Parts
) -> None:
    parts.broken |= {"camera 0 64x48", f"camera 0 {SIZE}"}
    with pytest.raises(CameraError, match=f"64x48 is broken.*{SIZE} is broken"):
        changes.change(size=Size(64, 48))


def test_source_that_several_programs_can_read_is_not_released(
    make_changes: Callable[..., LiveChanges], controls: Controls
) -> None:
    changes = make_changes(replace(SETTINGS, camera="demo"))
    changes.release_camera()
    changes.take_camera_back()
    assert controls.seen == []


def test_released_camera_is_taken_back(changes: LiveChanges, parts: Parts, controls: Controls) -> None:
    changes.release_camera()
    assert controls.kinds() == [ReleaseSource]
    changes.take_camera_back()
    assert controls.kinds() == [ReleaseSource, ReplaceSource]
    assert parts.opened == [f"camera 0 {SIZE}"]


def test_unknown_setting_is_refused(changes: LiveChanges) -> None:
    with pytest.raises(UsageError, match="'nonsense'"):
        changes.change(nonsense=1)


def test_value_out_of_range_changes_nothing(changes: LiveChanges, controls: Controls) -> None:
    with pytest.raises(UsageError, match="edge"):
        changes.change(edge=500.0, camera="demo")
    assert controls.seen == []


def test_virtual_camera_is_switched_on_and_off(
    changes: LiveChanges, parts: Parts, controls: Controls
) -> None:
    changes.switch_virtual_camera(True)
    assert changes.virtual_camera_device == "/dev/video9"
    (added,) = controls.seen
    assert isinstance(added, AddSink)
    changes.switch_virtual_camera(False)
    assert controls.kinds() == [AddSink, RemoveSink]
    assert controls.seen[1].sink is added.sink
    assert changes.virtual_camera_device == ""


def test_virtual_camera_of_the_start_is_closed(make_changes: Callable[..., LiveChanges]) -> None:
    camera = FakeVirtualCamera()
    changes = make_changes(virtual_camera=camera)
    assert changes.virtual_camera_device == "/dev/video9"
    changes.switch_virtual_camera(False)
    assert camera.closed == 1
    assert changes.settings.virtual_camera is False


def test_virtual_camera_that_cannot_be_opened_leaves_the_present_one(
    make_changes: Callable[..., LiveChanges], parts: Parts
) -> None:
    camera = FakeVirtualCamera()
    changes = make_changes(virtual_camera=camera)
    parts.broken.add("virtual camera /dev/video7")
    with pytest.raises(CameraError):
        changes.change(device="/dev/video7")
    assert (camera.closed, changes.virtual_camera_device) == (0, "/dev/video9")


def test_virtual_camera_that_fails_counts_as_off(changes: LiveChanges, controls: Controls) -> None:
    changes.switch_virtual_camera(True)
    sink = controls.seen[0].sink
    sink._sink.send = lambda frame: 1 // 0
    sink.send(secret_frame())
    assert changes.virtual_camera_device == ""


def test_on_demand_needs_the_virtual_camera(
    make_changes: Callable[..., LiveChanges], controls: Controls
) -> None:
    with pytest.raises(UsageError, match="virtual camera"):
        make_changes().change(on_demand=True)
    changes = make_changes(virtual_camera=FakeVirtualCamera())
    changes.change(on_demand=True)
    assert controls.kinds() == [ReleaseSource, ReplaceSource]
    with pytest.raises(UsageError, match="on demand"):
        changes.switch_virtual_camera(False)


def test_recording_is_started_described_and_finished(
    changes: LiveChanges, controls: Controls, tmp_path: Path
) -> None:
    assert changes.recording is None
    path = tmp_path / "clip.mp4"
    changes.start_recording(path)
    sink = controls.seen[0].sink
    for _ in range(5):
        sink.send(np.full((*SIZE[::-1], 3), 90, np.uint8))
    status = changes.recording
    assert status is not None
    assert status.running
    assert status.seconds > 0
    assert not path.exists()
    with pytest.raises(UsageError, match="running"):
        changes.start_recording(tmp_path / "other.mp4")
    done = changes.stop_recording()
    assert done is not None
    assert (done.running, done.error, done.size_bytes) == (False, "", path.stat().st_size)
    with VideoReader(path) as clip:
        assert len(list(clip)) == 5
    assert changes.stop_recording() == done


def test_recording_that_fails_does_not_end_the_run(
    changes: LiveChanges, controls: Controls, tmp_path: Path
) -> None:
    changes.start_recording(tmp_path / "clip.mp4")
    sink = controls.seen[0].sink
    sink._sink.send = lambda frame: (_ for _ in ()).throw(SinkError("disk full"))
    sink.send(secret_frame())
    sink.send(secret_frame())
    status = changes.recording
    assert status is not None
    assert (status.running, status.error) == (False, "disk full")
    changes.start_recording(tmp_path / "second.mp4")
    assert changes.recording is not None
    assert changes.recording.running


def test_recording_of_the_start_is_described_and_finished(
    make_changes: Callable[..., LiveChanges], controls: Controls, tmp_path: Path
) -> None:
    path = tmp_path / "begun.mp4"
    with Recorder(path, SIZE, 25) as recorder:
        changes = make_changes(recorder=recorder)
        for _ in range(5):
            recorder.send(np.full((*SIZE[::-1], 3), 90, np.uint8))
        status = changes.recording
        assert status is not None
        assert (status.path, status.running, status.error) == (path, True, "")
        assert status.seconds > 0
        with pytest.raises(UsageError, match=r"a recording is running: begun\.mp4"):
            changes.start_recording(tmp_path / "other.mp4")

        done = changes.stop_recording()

        assert controls.seen[-1].sink is recorder
        assert done is not None
        assert (done.running, done.size_bytes) == (False, path.stat().st_size)
        changes.start_recording(tmp_path / "other.mp4")


def test_end_of_the_run_leaves_the_recording_of_the_start_to_the_run(
    make_changes: Callable[..., LiveChanges], tmp_path: Path
) -> None:
    with Recorder(tmp_path / "begun.mp4", SIZE, 25) as recorder:
        recorder.send(np.zeros((*SIZE[::-1], 3), np.uint8))
        make_changes(recorder=recorder).close()
        assert not (tmp_path / "begun.mp4").exists()
    assert (tmp_path / "begun.mp4").exists()


def test_end_of_the_run_finishes_the_recording_and_the_virtual_camera(
    changes: LiveChanges, controls: Controls, tmp_path: Path
) -> None:
    changes.start_recording(tmp_path / "clip.mp4")
    controls.seen[0].sink.send(np.zeros((*SIZE[::-1], 3), np.uint8))
    changes.switch_virtual_camera(True)
    changes.close()
    changes.close()
    assert (tmp_path / "clip.mp4").exists()
    assert changes.virtual_camera_device == ""


def test_source_opened_after_the_end_is_closed(changes: LiveChanges) -> None:
    changes.close()
    changes.change(camera="demo")
    assert isinstance(changes.source, FakeCamera)
    assert changes.source.closed == 1


def test_guarded_sink_passes_frames_on_until_one_fails() -> None:
    sink = RecordingSink()
    guarded = GuardedSink(sink)
    guarded.send(secret_frame())
    sink.on_send = lambda count: 1 // 0
    guarded.send(secret_frame())
    guarded.send(secret_frame())
    assert len(sink.frames) == 2
    assert "ZeroDivisionError" in guarded.error


def test_settings_are_stored_for_the_page(changes: LiveChanges, controls: Controls) -> None:
    changes.change(mirror=False)
    assert changes.settings == replace(SETTINGS, mirror=False)
    assert controls.seen == []
