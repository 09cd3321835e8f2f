"""Conversion of several clips into one folder."""

import json
from pathlib import Path

import numpy as np
import pytest

from livecam.core.config import LiveSettings
from livecam.core.errors import FolderInUseError, UsageError
from livecam.core.locking import exclusive_lock
from livecam.runtime.clip_batch import (
    WORK_FOLDER,
    ClipBatch,
    ClipOutcome,
    ClipSettings,
    ClipState,
    ClipTask,
    batch_suffix,
    collect_clips,
    run_locally,
)
from livecam.runtime.convert import convert_video
from livecam.runtime.session import build_pipeline
from livecam.sinks.recorder import Recorder
from livecam.video.video_reader import VideoReader
from tests.support.command_line import LARGE
from tests.support.fakes import secret_frame
from tests.support.tiny_model import write_model


def build(live, model):
    return build_pipeline(live, model=model)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClipSettings:
    write_model(tmp_path)
    return ClipSettings(LiveSettings(model=str(tmp_path / "green.tflite"), background=("navy",)))


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Three clips of a person, and one file that is no video."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for at, name in enumerate(("a", "b", "c")):
        with Recorder(folder / f"{name}.mp4", LARGE, 30) as recorder:
            for number in range(6 + at):
                recorder.send(secret_frame(number + 5 * at, LARGE), number / 30)
    (folder / "broken.mp4").write_bytes(b"no video at all" * 100)
    return folder


def frames_of(path: Path) -> list[np.ndarray]:
    with VideoReader(path) as video:
        return [frame.image for frame in video.frames()]


def states(outcomes: list[ClipOutcome]) -> dict[str, ClipState]:
    return {outcome.task.input.name: outcome.state for outcome in outcomes}


def run(clips: Path, settings: ClipSettings, *, overwrite: bool = False, runner=None) -> list[ClipOutcome]:
    out = clips.parent / "out"
    batch = ClipBatch(collect_clips([clips], out, ".mp4"), settings, out, overwrite=overwrite)
    return batch.run(runner or run_locally(settings, build))


def test_one_bad_clip_does_not_stop_the_others(clips: Path, settings: ClipSettings) -> None:
    outcomes = run(clips, settings)
    assert states(outcomes) == {
        "a.mp4": ClipState.CONVERTED,
        "b.mp4": ClipState.CONVERTED,
        "broken.mp4": ClipState.FAILED,
        "c.mp4": ClipState.CONVERTED,
    }
    (bad,) = [each for each in outcomes if each.problem]
    assert "is no video" in bad.problem
    assert sorted(path.name for path in (clips.parent / "out").iterdir()) == [
        WORK_FOLDER, "a.mp4", "b.mp4", "c.mp4",
    ]  # fmt: skip


def test_each_result_is_that_of_a_run_of_its_own(clips: Path, settings: ClipSettings, tmp_path: Path) -> None:
    # Y4M holds the frames as they are; x264 does not always write the same bytes for the same frames.
    out = tmp_path / "out"
    ClipBatch(collect_clips([clips], out, ".y4m"), settings, out, overwrite=False).run(
        run_locally(settings, build)
    )
    for name in ("a", "b", "c"):
        single = tmp_path / f"single-{name}.y4m"
        convert_video(clips / f"{name}.mp4", single, build_pipeline(settings.live))
        assert (out / f"{name}.y4m").read_bytes() == single.read_bytes()


def test_same_command_does_nothing_twice(clips: Path, settings: ClipSettings) -> None:
    run(clips, settings)
    before = {path: path.stat().st_mtime_ns for path in (clips.parent / "out").glob("*.mp4")}

    def never(tasks, progress):
        raise AssertionError(f"{tasks} are done already")
        yield

    (clips / "broken.mp4").unlink()
    outcomes = run(clips, settings, runner=never)
    assert set(states(outcomes).values()) == {ClipState.DONE_BEFORE}
    assert [each.frames for each in outcomes] == [6, 7, 8]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_existing_file_of_others_is_kept_unless_overwritten(clips: Path, settings: ClipSettings) -> None:
    target = clips.parent / "out" / "b.mp4"
    target.parent.mkdir()
    target.write_bytes(b"mine")
    assert states(run(clips, settings))["b.mp4"] is ClipState.FAILED
    assert target.read_bytes() == b"mine"
    assert states(run(clips, settings, overwrite=True))["b.mp4"] is ClipState.CONVERTED
    assert len(frames_of(target)) == 7


def test_changed_clip_or_settings_are_not_taken_for_done(clips: Path, settings: ClipSettings) -> None:
    run(clips, settings)
    other = ClipSettings(LiveSettings(model=settings.live.model, background=("teal",)))
    assert set(states(run(clips, other)).values()) == {ClipState.FAILED}
    path = clips / "a.mp4"
    path.write_bytes((clips / "b.mp4").read_bytes())
    result = states(run(clips, settings, overwrite=True))
    assert result["a.mp4"] is ClipState.CONVERTED


def interrupted(settings: ClipSettings, after: int):
    """A runner that is interrupted in the middle of a clip."""
    real = run_locally(settings, build)

    def run(tasks, progress):
        yield from real(tasks[:after], progress)
        tasks[after].output.write_bytes(b"half")
        raise KeyboardInterrupt

    return run


@pytest.mark.parametrize("overwrite", [False, True])
def test_interrupted_batch_goes_on_where_it_stopped(
    clips: Path, settings: ClipSettings, overwrite: bool
) -> None:
    out = clips.parent / "out"
    with pytest.raises(KeyboardInterrupt):
        run(clips, settings, overwrite=overwrite, runner=interrupted(settings, 1))
    assert [path.name for path in out.glob("*.mp4")] == ["a.mp4"]
    assert sorted(path.name for path in (out / WORK_FOLDER).iterdir()) == [".in-use", "journal.json"]
    first = (out / "a.mp4").stat().st_mtime_ns
    result = states(run(clips, settings, overwrite=overwrite))
    assert (result["a.mp4"], result["c.mp4"]) == (ClipState.DONE_BEFORE, ClipState.CONVERTED)
    assert (out / "a.mp4").stat().st_mtime_ns == first
    # Now that it is complete, --overwrite means all of them again.
    result = states(run(clips, settings, overwrite=overwrite))
    assert (result["a.mp4"] is ClipState.CONVERTED) == overwrite


def test_second_run_at_the_same_time_is_refused(clips: Path, settings: ClipSettings) -> None:
    work = clips.parent / "out" / WORK_FOLDER
    work.mkdir(parents=True)
    with exclusive_lock(work), pytest.raises(FolderInUseError):
        run(clips, settings)


def test_full_disk_is_named_without_the_hidden_file(
    clips: Path, settings: ClipSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("livecam.video.video_writer.VideoWriter.write", full)
    problems = [each.problem for each in run(clips, settings) if "no video" not in each.problem]
    assert problems == ["can't be written (No space left on device)"] * 3


def test_journal_is_json_with_a_line_for_each_result(clips: Path, settings: ClipSettings) -> None:
    run(clips, settings)
    journal = json.loads((clips.parent / "out" / WORK_FOLDER / "journal.json").read_text())
    assert sorted(journal["clips"]) == ["a.mp4", "b.mp4", "c.mp4"]
    assert journal["running"] == ""


def test_clips_of_the_same_name_get_different_results(tmp_path: Path, clips: Path) -> None:
    other = tmp_path / "more"
    other.mkdir()
    (other / "a.mov").write_bytes((clips / "a.mp4").read_bytes())
    tasks = collect_clips([clips / "a.mp4", other], tmp_path / "out", ".mp4")
    assert len({task.output for task in tasks}) == 2
    assert tasks == collect_clips([clips / "a.mp4", other], tmp_path / "out", ".mp4")


def test_inputs_that_can_not_be_are_refused(tmp_path: Path, clips: Path) -> None:
    with pytest.raises(UsageError, match="did you mean"):
        collect_clips([clips / "aa.mp4"], tmp_path, ".mp4")
    with pytest.raises(UsageError, match="holds no clip"):
        collect_clips([tmp_path / "clips", _empty(tmp_path)], tmp_path / "out", ".mp4")
    with pytest.raises(UsageError, match="one of the clips itself"):
        collect_clips([clips], clips, ".mp4")


def _empty(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def test_format_of_the_results() -> None:
    assert batch_suffix(None, False) == ".mp4"
    assert batch_suffix(None, True) == ".webm"
    assert batch_suffix("MOV", True) == ".mov"
    with pytest.raises(UsageError, match="choose"):
        batch_suffix("gif", False)
    with pytest.raises(UsageError, match="transparent"):
        batch_suffix("mp4", True)


def test_task_of_json_has_paths_and_state(tmp_path: Path) -> None:
    outcome = ClipOutcome(ClipTask(tmp_path / "a", tmp_path / "b"), ClipState.FAILED, problem="why")
    assert outcome.to_dict() == {
        "input": str(tmp_path / "a"),
        "output": str(tmp_path / "b"),
        "state": "failed",
        "frames": 0,
        "seconds": 0.0,
        "problem": "why",
    }
