"""Clips converted on a cluster: the same files as on one machine, whatever ends in the middle."""

import json
import os
import signal
import subprocess
import sys
import time
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
from livecam.runtime.session import build_pipeline
from livecam.sinks.recorder import Recorder
from livecam.video.video_reader import VideoReader
from tests.support.cluster_jobs import FullDiskClipJob, KilledClipJob
from tests.support.command_line import LARGE, TOP
from tests.support.fakes import secret_frame
from tests.support.long_clip import write_long_clip
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


def assert_as_on_one_machine(out: Path, clips: Path, settings: ClipSettings) -> None:
    """Compare the bytes. Y4M holds the frames as they are; x264 does not always write the same bytes."""
    convert(clips, out.parent / "here", settings, None)
    assert results(out) == results(out.parent / "here")
    assert sorted(results(out)) == [f"{name}.y4m" for name in NAMES]
    assert sorted(each.name for each in (out / WORK_FOLDER).iterdir()) == [".in-use", "journal.json"]


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
    assert sorted(each.name for each in (out / WORK_FOLDER).iterdir()) == [".in-use", "journal.json"]
    outcomes = convert(clips, out, settings)[0]
    assert sum(each.state is ClipState.DONE_BEFORE for each in outcomes) == 1
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert_as_on_one_machine(out, clips, settings)


def test_long_clip_is_converted_in_parts_by_several_workers(
    cluster: Any, settings: ClipSettings, tmp_path: Path
) -> None:
    (tmp_path / "long").mkdir()
    times = [*(at / 30 for at in range(90)), *(3.9 + at / 30 for at in range(60))]
    clip, out = write_long_clip(tmp_path / "long" / "talk.mp4", times), tmp_path / "out"
    stats, counts = PoolStats(), list[int]()
    runner = run_on_cluster(settings, stats, part_seconds=3.0)
    # ProRes: a frame does not depend on the frames before it.
    batch = ClipBatch(collect_clips([clip], out, ".mov"), settings, out, overwrite=False)
    (outcome,) = batch.run(runner, counts.append)
    assert (outcome.state, outcome.problem, outcome.frames) == (ClipState.CONVERTED, "", 150)
    assert sum(counts) == 150
    assert sum(stats.nodes.values()) == 2
    convert_video(clip, tmp_path / "whole.mov", build_pipeline(settings.live))
    there, here = read_frames(out / "talk.mov"), read_frames(tmp_path / "whole.mov")
    assert [each.timestamp for each in there] == [each.timestamp for each in here]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(there, here, strict=True))
    assert sorted(each.name for each in (out / WORK_FOLDER).iterdir()) == [".in-use", "journal.json"]


def run_command(clips: Path, out: Path, settings: ClipSettings, address: str) -> "subprocess.Popen[str]":
    arguments = ["clip", clips, out, "--cluster", address, "--json", "--quiet", "--format", "y4m"]
    arguments += ["--model", settings.live.model, "--background", settings.live.background[0]]
    return subprocess.Popen(
        [sys.executable, "-m", "livecam", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TOP)},
    )


def wait_for_results(out: Path, count: int, process: "subprocess.Popen[str]") -> None:
    """Wait until a command has written so many results."""
    while len(list(out.glob("*.y4m"))) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def test_command_that_is_interrupted_and_killed_goes_on(
    three_nodes: Any, settings: ClipSettings, tmp_path: Path
) -> None:
    clips, out = tmp_path / "long", tmp_path / "out"
    clips.mkdir()
    for number in range(9):
        with Recorder(clips / f"{number}.mp4", LARGE, 30) as recorder:
            for at in range(60):
                recorder.send(secret_frame(at + number, LARGE), at / 30)
    process = run_command(clips, out, settings, three_nodes.address)
    wait_for_results(out, 1, process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, "")
    assert errors.splitlines()[-1] == "livecam: interrupted"
    assert len(errors.splitlines()) == 2, errors
    assert sorted(each.name for each in (out / WORK_FOLDER).iterdir()) == [".in-use", "journal.json"]
    first = times_of(out)

    process = run_command(clips, out, settings, three_nodes.address)
    wait_for_results(out, len(first) + 1, process)
    process.kill()
    process.communicate()
    second = times_of(out)
    assert first.items() <= second.items()

    process = run_command(clips, out, settings, three_nodes.address)
    output, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    summary = json.loads(output)
    assert summary["done_before"] == len(second)
    assert summary["converted"] == 9 - len(second)
    assert second.items() <= times_of(out).items()
    convert(clips, tmp_path / "here", settings, None)
    assert results(out) == results(tmp_path / "here")


def times_of(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in out.glob("*.y4m")}
