"""Clips converted on a cluster: the same files as on one machine, whatever ends in the middle."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ray", reason="Ray is missing: pip install 'livecam[cluster]'")

from livecam.cluster.clips import ClipJob, run_on_cluster
from livecam.cluster.pool import PoolStats
from livecam.core.config import LiveSettings
from livecam.core.types import VideoFrame
from livecam.imaging.image_io import write_image
from livecam.runtime.clip_batch import (
    WORK_FOLDER,
    ClipBatch,
    ClipOutcome,
    ClipSettings,
    ClipState,
    collect_clips,
    run_locally,
)
from livecam.runtime.convert import convert_video
from livecam.runtime.part_plan import ClipPlan, plan_parts
from livecam.runtime.session import build_pipeline
from livecam.sinks.recorder import Recorder
from livecam.video.packet_index import index_packets
from livecam.video.video_reader import VideoReader
from tests.runtime.test_clip_parts import with_warm_up
from tests.support.cluster_commands import interrupt_kill_and_finish
from tests.support.cluster_jobs import (
    AlwaysLostPartJob,
    CutPartJob,
    FullDiskClipJob,
    KilledClipJob,
    LostPartJob,
)
from tests.support.command_line import LARGE
from tests.support.fakes import secret_frame
from tests.support.long_clip import write_long_clip
from tests.support.subtitles import subtitles_of
from tests.support.tiny_model import write_model

NAMES = ("a", "b", "c", "d")


@pytest.fixture
def settings(tmp_path: Path) -> ClipSettings:
    """A model and a background of one's own, which come with no installation."""
    write_model(tmp_path)
    write_image(tmp_path / "beach.png", secret_frame(3, LARGE)[:, ::-1])
    background = (str(tmp_path / "beach.png"),)
    return ClipSettings(LiveSettings(model=str(tmp_path / "green.tflite"), background=background))


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Four clips of a person, and a file that is no video."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for at, name in enumerate(NAMES):
        with Recorder(folder / f"{name}.mp4", LARGE, 30) as recorder:
            for number in range(12 + at):
                recorder.send(secret_frame(number + 5 * at, LARGE), number / 30)
    (folder / "broken.mp4").write_bytes(b"no video at all" * 100)
    return folder


def convert(
    clips: Path, out: Path, settings: ClipSettings, job: type[ClipJob] | None = ClipJob, **callbacks: Any
) -> tuple[list[ClipOutcome], PoolStats]:
    """Convert on the cluster; without a job in this process."""
    stats = PoolStats()
    if job is None:
        runner = run_locally(settings, lambda live, model: build_pipeline(live, model=model))
    else:
        runner = run_on_cluster(settings, stats, job=job)
    batch = ClipBatch(collect_clips([clips], out, ".y4m"), settings, out, overwrite=False)
    return batch.run(runner, **callbacks), stats


def results(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.y4m"))}


def read_frames(path: Path) -> list[VideoFrame]:
    with VideoReader(path) as video:
        return list(video.frames())


def states(outcomes: list[ClipOutcome]) -> dict[str, ClipState]:
    return {outcome.task.input.stem: outcome.state for outcome in outcomes}


def assert_nothing_unfinished(out: Path) -> None:
    assert sorted(each.name for each in (out / WORK_FOLDER).iterdir()) == [".in-use", "journal.json"]


def assert_as_on_one_machine(out: Path, clips: Path, settings: ClipSettings) -> None:
    """Compare the bytes. Y4M holds the frames as they are; x264 does not always write the same bytes."""
    convert(clips, out.parent / "here", settings, None)
    assert results(out) == results(out.parent / "here")
    assert sorted(results(out)) == [f"{name}.y4m" for name in NAMES]
    assert_nothing_unfinished(out)


def test_results_are_those_of_one_machine(
    cluster: Any, clips: Path, settings: ClipSettings, tmp_path: Path
) -> None:
    counts: list[int] = []
    outcomes = convert(clips, tmp_path / "out", settings, progress=counts.append)[0]
    assert states(outcomes) == dict.fromkeys(NAMES, ClipState.CONVERTED) | {"broken": ClipState.FAILED}
    (bad,) = [each for each in outcomes if each.problem]
    assert f"{clips / 'broken.mp4'} is no video" in bad.problem
    assert sum(counts) == sum(each.frames for each in outcomes) == 12 + 13 + 14 + 15
    assert_as_on_one_machine(tmp_path / "out", clips, settings)


def test_clips_model_and_background_are_sent_where_workers_do_not_see_them(
    cluster: Any, clips: Path, settings: ClipSettings, tmp_path: Path, unseen: None
) -> None:
    outcomes, stats = convert(clips, tmp_path / "out", settings)
    assert f"{clips / 'broken.mp4'} is no video" in "".join(each.problem for each in outcomes)
    # Clips, results; model, card and background. What can't be read is known here already.
    assert stats.sent_files == 4 + 4 + 3
    assert_as_on_one_machine(tmp_path / "out", clips, settings)


def test_killed_worker_is_replaced_and_nothing_is_half_written(
    cluster: Any, clips: Path, settings: ClipSettings, tmp_path: Path
) -> None:
    outcomes, stats = convert(clips, tmp_path / "out", settings, KilledClipJob)
    assert stats.lost_workers == 1
    assert [each.problem for each in outcomes if "broken" not in each.problem] == [""] * 4
    assert_as_on_one_machine(tmp_path / "out", clips, settings)


def test_full_disk_of_a_node_loses_no_clip(
    cluster: Any, clips: Path, settings: ClipSettings, tmp_path: Path
) -> None:
    stats = convert(clips, tmp_path / "out", settings, FullDiskClipJob)[1]
    assert stats.retried >= 1
    assert_as_on_one_machine(tmp_path / "out", clips, settings)


def test_interrupted_batch_keeps_its_results_and_goes_on(
    cluster: Any, clips: Path, settings: ClipSettings, tmp_path: Path
) -> None:
    def interrupt(outcome: ClipOutcome) -> None:
        if outcome.state is ClipState.CONVERTED:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        convert(clips, out, settings, report=interrupt)
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.y4m")}
    assert len(before) == 1
    assert_nothing_unfinished(out)
    outcomes = convert(clips, out, settings)[0]
    assert sum(each.state is ClipState.DONE_BEFORE for each in outcomes) == 1
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert_as_on_one_machine(out, clips, settings)


def plan_short_warm_up(frames: int, clip: Path, *arguments: Any) -> ClipPlan:
    """Plan parts whose warm-up is too short, so that they begin with another state."""
    index = index_packets(clip)
    plan = plan_parts(clip, *arguments)
    return replace(plan, parts=tuple(with_warm_up(part, index, frames) for part in plan.parts))


@pytest.mark.parametrize(
    ("job", "warm_up_frames", "tasks"),
    [(ClipJob, 0, 2), (ClipJob, 1, 3), (LostPartJob, 0, 3), (CutPartJob, 1, 5)],
    ids=["two parts", "repaired", "lost", "cut off and repaired"],
)
def test_long_clip_is_converted_in_parts_by_several_workers(
    cluster: Any,
    settings: ClipSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    job: type[ClipJob],
    warm_up_frames: int,
    tasks: int,
) -> None:
    """Every frame is that of one conversion, also where the state before a part or its recording is wrong."""
    if warm_up_frames:
        monkeypatch.setattr("livecam.cluster.clips.plan_parts", partial(plan_short_warm_up, warm_up_frames))
    (tmp_path / "long").mkdir()
    # After the pause at 3 s both have the same state again, so the beginning of a part is repaired.
    times = [*(at / 30 for at in range(90)), *(3.9 + at / 30 for at in range(60))]
    lines = [(0.5, 1.0, "Hello"), (2.5, 4.5, "In both parts")]
    clip, out = write_long_clip(tmp_path / "long" / "talk.mkv", times, lines=lines), tmp_path / "out"
    stats, counts = PoolStats(), list[int]()
    runner = run_on_cluster(settings, stats, job=job, part_seconds=3.0)
    # ProRes: a frame does not depend on the frames before it.
    batch = ClipBatch(collect_clips([clip], out, ".mov"), settings, out, overwrite=False)
    (outcome,) = batch.run(runner, counts.append)
    assert (outcome.state, outcome.problem, outcome.frames) == (ClipState.CONVERTED, "", 150)
    assert sum(counts) == 150
    assert sum(stats.nodes.values()) == tasks
    convert_video(clip, tmp_path / "whole.mov", build_pipeline(settings.live))
    there, here = read_frames(out / "talk.mov"), read_frames(tmp_path / "whole.mov")
    assert [each.timestamp for each in there] == [each.timestamp for each in here]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(there, here, strict=True))
    assert subtitles_of(out / "talk.mov") == subtitles_of(tmp_path / "whole.mov")
    assert [line[2] for line in subtitles_of(out / "talk.mov")[1]] == ["Hello", "In both parts"]
    assert_nothing_unfinished(out)


def test_part_that_is_lost_again_and_again_is_listed(
    cluster: Any, settings: ClipSettings, tmp_path: Path
) -> None:
    clip, out = write_long_clip(tmp_path / "talk.mp4", [at / 30 for at in range(150)]), tmp_path / "out"
    stats = PoolStats()
    batch = ClipBatch(collect_clips([clip], out, ".mov"), settings, out, overwrite=False)
    (outcome,) = batch.run(run_on_cluster(settings, stats, job=AlwaysLostPartJob, part_seconds=3.0))
    assert outcome.state is ClipState.FAILED
    assert "part 0 of" in outcome.problem
    assert sum(stats.nodes.values()) == 3
    assert_nothing_unfinished(out)
    assert not list(out.glob("*.mov"))


def test_command_that_is_interrupted_and_killed_goes_on(
    three_nodes: Any, settings: ClipSettings, tmp_path: Path
) -> None:
    clips, out = tmp_path / "long", tmp_path / "out"
    clips.mkdir()
    for number in range(9):
        with Recorder(clips / f"{number}.mp4", LARGE, 30) as recorder:
            for at in range(60):
                recorder.send(secret_frame(at + number, LARGE), at / 30)
    arguments = ["clip", clips, out, "--cluster", three_nodes.address, "--json", "--quiet", "--format", "y4m"]
    arguments += ["--model", settings.live.model, "--background", settings.live.background[0]]

    def times() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in out.glob("*.y4m")}

    runs = interrupt_kill_and_finish(arguments, times, lambda: assert_nothing_unfinished(out))
    assert runs.summary["done_before"] == len(runs.killed)
    assert runs.summary["converted"] == 9 - len(runs.killed)
    assert runs.killed.items() <= times().items()
    convert(clips, tmp_path / "here", settings, None)
    assert results(out) == results(tmp_path / "here")
