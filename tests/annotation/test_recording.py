from collections.abc import Iterator
from pathlib import Path

import pytest

from livecam.annotation.recording import record_camera
from livecam.core.clock import ManualClock
from livecam.core.errors import CameraError, SinkError
from livecam.core.types import Frame
from livecam.video.video_reader import VideoReader
from tests.support.fakes import FakeCamera


class TimedCamera(FakeCamera):
    """A camera with 10 frames per second of a manual clock."""

    def __init__(self, count: int, clock: ManualClock) -> None:
        super().__init__(count, pause=0)
        self._clock = clock

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            self._clock.seconds += 0.1
            yield frame


def test_record_camera_records_the_requested_seconds(tmp_path: Path) -> None:
    clock = ManualClock()
    recorded_seconds: list[float] = []
    camera = TimedCamera(50, clock)
    path = record_camera(
        "0", 2.0, tmp_path / "r" / "camera.mp4", clock=clock, source=camera, progress=recorded_seconds.append
    )
    with VideoReader(path) as clip:
        frames = list(clip)
    assert len(frames) == 20
    assert recorded_seconds[-1] == pytest.approx(1.9)
    assert camera.closed == 1
    assert [p.name for p in path.parent.iterdir()] == ["camera.mp4"]


def test_existing_recording_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "camera.mp4").write_bytes(b"there")
    assert record_camera("nobody", 2.0, tmp_path / "camera.mp4").read_bytes() == b"there"


def test_an_interrupted_recording_is_made_again(tmp_path: Path) -> None:
    clock = ManualClock()

    def stop(seconds: float) -> None:
        if seconds > 0.5:
            raise KeyboardInterrupt

    path = tmp_path / "camera.mp4"
    with pytest.raises(KeyboardInterrupt):
        record_camera("0", 2.0, path, clock=clock, source=TimedCamera(50, clock), progress=stop)
    assert not path.exists()
    record_camera("0", 2.0, path, clock=clock, source=TimedCamera(50, clock))
    assert path.exists()


def test_camera_without_frames_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="gave no frames"):
        record_camera("0", 2.0, tmp_path / "camera.mp4", source=FakeCamera(0))
    assert not (tmp_path / "camera.mp4").exists()


def test_full_disk_while_recording_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from livecam.sinks.recorder import Recorder

    def full(self: Recorder, frame: Frame, seconds: float | None = None) -> None:
        raise SinkError("disk full; free space")

    monkeypatch.setattr(Recorder, "send", full)
    with pytest.raises(SinkError, match="disk full"):
        record_camera("0", 2.0, tmp_path / "camera.mp4", source=FakeCamera(5))
