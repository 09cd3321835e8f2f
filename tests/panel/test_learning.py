"""`livecam learn` for the page: a script stands in for the command, and reports as it does."""

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from livecam.core.errors import UsageError
from livecam.panel.learning import LearnRun, discard_learnt, install_learnt, own_models, remove_model
from livecam.personalization.config import workspace_dir

RUN = """
import json, pathlib, sys, time
from livecam.core.progress import ProgressLine, progress_values
def say(*line, **values): print(json.dumps(progress_values(ProgressLine(*line, **values))), flush=True)
gate = pathlib.Path({gate!r})
def wait(name):
    while not (gate / name).exists(): time.sleep(0.01)
print(*sys.argv[1:])
say("recording 20 s from the camera", "record", seconds_left=23); wait("1")
say("sit as in a call, and talk", "record", seconds_left=20); wait("2")
say("click on what to keep: (...)", page="http://127.0.0.1:99/open/abc"); wait("3")
say("labelling 1/4", "label", 1, 4)
print("E0000 00:00:1795917802.955462 5822 cuda_platform.cc:52] 7/9 failed call to cuInit")
print('["no progress"]'); wait("4")
say("labelling 3/4", "label", 3, 4, seconds_left=4); wait("5")
say({labels!r} + ": 30 frames to train with; livecam label --review " + {labels!r}); wait("5b")
say("learning from 3 frames of yours", "tune")
say("learning 2/6: loss 0.1, 90 s left", "tune", 2, 6, seconds_left=90)
say("the disk is slow"); wait("6")
say("of the way from the old weights to the new ones 50% is best", "compare"); wait("7")
{end}
"""
DONE = "sys.exit(0)"
FAILED = "print('livecam: the disk is full; free some space'); sys.exit(1)"


class Camera:
    """Camera of a live run: whether it is released, and how often it was."""

    def __init__(self) -> None:
        self.released, self.count = False, 0

    def release(self) -> None:
        self.released, self.count = True, self.count + 1

    def take_back(self) -> None:
        self.released = False


@pytest.fixture
def camera() -> Camera:
    return Camera()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    folder = tmp_path / "gate"
    folder.mkdir()
    return folder


@pytest.fixture
def make_run(tmp_path: Path, gate: Path, camera: Camera) -> Callable[..., LearnRun]:
    def make(end: str = DONE) -> LearnRun:
        script = tmp_path / "learn.py"
        script.write_text(RUN.format(gate=str(gate), end=end, labels=str(workspace_dir("me") / "labels")))
        return LearnRun(camera.release, camera.take_back, command=(sys.executable, "-u", str(script)))

    return make


def wait_for(learn_run: LearnRun, **expected: object) -> None:
    end = time.monotonic() + 20
    while True:
        status = learn_run.status
        if status is not None and all(getattr(status, name) == value for name, value in expected.items()):
            return
        assert time.monotonic() < end, status
        time.sleep(0.01)


def write_comparison(before: float, after: float) -> None:
    folder = workspace_dir("me")
    folder.mkdir(parents=True, exist_ok=True)
    compared = {"held_out": [before, after], "regression": [97.0, 97.0], "frames": 5}
    (folder / "journal.json").write_text(json.dumps({"words": {}, "done": {"compare": compared}}))


def test_run_is_followed_from_recording_to_comparison(
    make_run: Callable[..., LearnRun], gate: Path, camera: Camera
) -> None:
    learn_run = make_run()
    assert learn_run.status is None
    learn_run.start("me", "demo", "320x180", 20, click=True)
    wait_for(
        learn_run,
        stage="record",
        message="recording 20 s from the camera",
    )
    assert camera.released
    assert learn_run.status is not None
    assert 15 < (learn_run.status.seconds_left or 0) <= 23
    (gate / "1").touch()
    wait_for(learn_run, message="sit as in a call, and talk")
    (gate / "2").touch()
    wait_for(learn_run, stage="label", page="http://127.0.0.1:99/open/abc")
    assert not camera.released
    (gate / "3").touch()
    wait_for(learn_run, stage="label", done=1, total=4, page="")
    (gate / "4").touch()
    wait_for(learn_run, done=3)
    assert 0 < (learn_run.status.seconds_left or 0) < 5
    (gate / "5").touch()
    for _ in range(20):
        assert learn_run.status is not None
        assert learn_run.status.message == ""
        time.sleep(0.01)
    (gate / "5b").touch()
    wait_for(learn_run, stage="tune", done=2, total=6, message="the disk is slow")
    assert 80 < (learn_run.status.seconds_left or 0) <= 90
    (gate / "6").touch()
    wait_for(learn_run, stage="compare")
    write_comparison(90.0, 95.5)
    (gate / "7").touch()
    wait_for(learn_run, stage="done", before=90.0, after=95.5, reason="")
    assert camera.count == 1
    learn_run.forget()
    assert learn_run.status is None


def let_all_pass(gate: Path) -> None:
    for name in ("1", "2", "3", "4", "5", "5b", "6", "7"):
        (gate / name).touch()


def test_model_that_is_not_better_is_named(make_run: Callable[..., LearnRun], gate: Path) -> None:
    learn_run = make_run("sys.exit(1)")
    write_comparison(95.0, 94.0)
    let_all_pass(gate)
    learn_run.start("me", "demo", "320x180", 20, click=False)
    wait_for(learn_run, stage="done", reason="your held-out frames are not cut out better than before")


def test_failed_run_says_why_and_gives_the_camera_back(
    make_run: Callable[..., LearnRun], gate: Path, camera: Camera
) -> None:
    learn_run = make_run(FAILED)
    let_all_pass(gate)
    learn_run.start("me", "0", "320x180", 20, click=False)
    wait_for(learn_run, stage="failed", message="the disk is full; free some space")
    assert not camera.released


def test_run_is_stopped_and_can_be_started_again(
    make_run: Callable[..., LearnRun], gate: Path, camera: Camera
) -> None:
    learn_run = make_run()
    learn_run.start("me", "0", "320x180", 20, click=False)
    with pytest.raises(UsageError, match="already"):
        learn_run.start("you", "0", "320x180", 20, click=False)
    learn_run.stop()
    wait_for(learn_run, stage="stopped")
    end = threading.Event()
    while camera.released and not end.wait(0.01):
        pass
    learn_run.stop()
    let_all_pass(gate)
    write_comparison(90.0, 91.0)
    learn_run.start("me", "0", "320x180", 20, click=False)
    wait_for(learn_run, stage="done")


@pytest.mark.parametrize(
    ("name", "seconds"), [("../x", 20), ("person", 20), ("", 20), ("me", 1), ("me", 5000)]
)
def test_name_and_length_are_checked(
    make_run: Callable[..., LearnRun], camera: Camera, name: str, seconds: int
) -> None:
    with pytest.raises(UsageError):
        make_run().start(name, "0", "320x180", seconds, click=False)
    assert camera.count == 0


def test_nothing_learnt_is_not_installed() -> None:
    with pytest.raises(UsageError, match="not learnt"):
        install_learnt("me")
    assert own_models() == []
    with pytest.raises(UsageError):
        remove_model("me")


def test_learnt_model_is_installed_listed_removed_and_discarded(tmp_path: Path) -> None:
    from tests.support.tiny_model import write_model

    source = write_model(tmp_path).with_suffix(".json")
    folder = workspace_dir("me") / "model"
    folder.mkdir(parents=True)
    for path in (source, source.with_suffix(".tflite")):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "green.json").rename(folder / "me.json")
    install_learnt("me")
    assert [each["name"] for each in own_models()] == ["me"]
    discard_learnt("me")
    assert not folder.exists()
    remove_model("me")
    assert own_models() == []
