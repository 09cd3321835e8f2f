#!/usr/bin/env python3
"""Measure bulk jobs on a local Ray: speed-up, overhead per task, memory of the driver, and many workers.

    scripts/cluster_scaling.py label --inputs 4        # pictures with SAM, by one worker and by two
    scripts/cluster_scaling.py clip --inputs 4         # clips, by one worker and by two
    scripts/cluster_scaling.py tasks --inputs 1000     # tasks that do nothing
    scripts/cluster_scaling.py memory --inputs 10000   # memory of the driver while pictures are queued
    scripts/cluster_scaling.py simulate --workers 100 --inputs 1000 --seconds 1   # tasks that sleep

Prints one line of JSON. On a machine that does other work too, compare the processor time of an input
(`cpu_seconds`) and not the duration: with a processor for each worker, the speed-up is the number of workers
times the ratio of these.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))
# Workers import this script.
os.environ["PYTHONPATH"] = os.pathsep.join([str(TOP), os.environ.get("PYTHONPATH", "")])

import numpy as np

from livecam.annotation.config import AnnotationSettings
from livecam.cluster.clips import ClipJob, run_on_cluster
from livecam.cluster.labels import LabelJob, label_on_cluster
from livecam.cluster.messages import Report, Task
from livecam.cluster.pool import PoolStats, TaskDone, WorkerPool
from livecam.cluster.session import open_cluster
from livecam.cluster.transfer import FileSet, SharedFolder, Workspace
from livecam.core.config import LiveSettings
from livecam.imaging.image_io import read_image, write_image
from livecam.runtime.clip_batch import ClipBatch, ClipSettings, collect_clips
from livecam.sinks.recorder import Recorder

PERSON = TOP / "livecam" / "assets" / "astronaut.jpg"


class TimedLabelJob(LabelJob):
    """Writes the processor time of its tasks into the folder above the data set."""

    def load(self, work: Workspace) -> None:
        """Load the models, and begin to count."""
        super().load(work)
        self._begin = time.process_time()

    def run(self, value: Any, work: Workspace, report: Report) -> Any:
        """Do a task."""
        result = super().run(value, work, report)
        _write_time(self.folders[0].path.parent, time.process_time() - self._begin)
        return result


class TimedClipJob(ClipJob):
    """Writes the processor time of its tasks into the folder above the results."""

    def load(self, work: Workspace) -> None:
        """Load the model, and begin to count."""
        super().load(work)
        self._begin = time.process_time()

    def run(self, value: Any, work: Workspace, report: Report) -> Any:
        """Do a task."""
        result = super().run(value, work, report)
        _write_time(self.folders[0].path.parent.parent, time.process_time() - self._begin)
        return result


@dataclass
class SleepJob:
    """Sleeps for `seconds`, or does nothing."""

    seconds: float = 0.0
    files: FileSet = field(default_factory=FileSet)
    folders: tuple[SharedFolder, ...] = ()

    def load(self, work: Workspace) -> None:
        """Load nothing."""

    def run(self, value: Any, work: Workspace, report: Report) -> float:
        """Sleep; return when the task began."""
        begin = time.time()
        if self.seconds:
            time.sleep(self.seconds)
        return begin


def _write_time(folder: Path, seconds: float) -> None:
    (folder / f"cpu-{os.getpid()}").write_text(str(seconds))


def _read_times(folder: Path) -> float:
    return sum(float(path.read_text()) for path in folder.glob("cpu-*"))


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure_label(count: int, workers: int, folder: Path) -> dict[str, float]:
    """Label pictures of a person with the built-in SAM; return times."""
    image = read_image(PERSON).image
    for number in range(count):
        write_image(folder / "images" / f"{number}.png", image[:, number : image.shape[1] - count + number])
    settings = AnnotationSettings((str(folder / "images"),), folder / f"set-{workers}" / "set")
    settings.out.parent.mkdir()
    with open_cluster(processors=workers):
        start, cpu = time.monotonic(), time.process_time()
        label_on_cluster(settings, job=TimedLabelJob)
        return _times(settings.out.parent, count, time.monotonic() - start, time.process_time() - cpu)


def measure_clip(count: int, workers: int, folder: Path) -> dict[str, float]:
    """Convert clips of a person; return times."""
    image = read_image(PERSON).image[:360, :480]
    clips, out = folder / f"clips-{workers}", folder / f"results-{workers}" / "out"
    clips.mkdir()
    out.mkdir(parents=True)
    for number in range(count):
        with Recorder(clips / f"{number}.mp4", size_of(image), 30) as recorder:
            for at in range(60):
                recorder.send(np.ascontiguousarray(image[:, :: 1 if at % 2 else -1]), at / 30)
    settings, stats = ClipSettings(LiveSettings(background=("navy",))), PoolStats()
    with open_cluster(processors=workers):
        start, cpu = time.monotonic(), time.process_time()
        batch = ClipBatch(collect_clips([clips], out, ".mp4"), settings, out, overwrite=False)
        batch.run(run_on_cluster(settings, stats, job=TimedClipJob))
        return _times(out.parent, count, time.monotonic() - start, time.process_time() - cpu)


def size_of(image: Any) -> Any:
    """Return the size of an image."""
    from livecam.core.geometry import Size

    return Size.of(image)


def _times(folder: Path, count: int, wall: float, driver: float) -> dict[str, float]:
    workers = _read_times(folder)
    return {
        "wall_seconds": round(wall, 2),
        "cpu_seconds_of_workers": round(workers, 2),
        "cpu_seconds_of_driver": round(driver, 2),
        "cpu_seconds_per_input": round((workers + driver) / count, 3),
    }


def compare_workers(kind: str, count: int) -> dict[str, Any]:
    """Measure one worker, then two."""
    measure = {"label": measure_label, "clip": measure_clip}[kind]
    results = {}
    for workers in (1, 2):
        folder = Path(tempfile.mkdtemp(prefix="livecam-scaling-"))
        (folder / "images").mkdir()
        try:
            results[workers] = measure(count, workers, folder)
        finally:
            shutil.rmtree(folder)
    one, two = results[1], results[2]
    return {
        "workers_1": one,
        "workers_2": two,
        "speed_up_by_wall": round(one["wall_seconds"] / two["wall_seconds"], 2),
        "speed_up_by_cpu": round(2 * one["cpu_seconds_per_input"] / two["cpu_seconds_per_input"], 2),
    }


def measure_tasks(count: int, workers: int, seconds: float, max_begun: int = 3) -> dict[str, float]:
    """Do tasks that sleep or do nothing; return times per task."""
    with (
        open_cluster(processors=1),
        WorkerPool(SleepJob(seconds), processors=1 / workers) as pool,
    ):
        # All workers have started when each has done a task.
        while pool.stats.workers < workers:
            for _ in pool.run([Task(0, "start")] * 4 * workers, 4 * workers):
                pass
        start, cpu = time.monotonic(), time.process_time()
        done = sum(
            isinstance(event, TaskDone) for event in pool.run((Task(n, str(n)) for n in range(count)), count)
        )
        wall, driver = time.monotonic() - start, time.process_time() - cpu
    return {
        "workers": workers,
        "tasks": done,
        "tasks_per_second": round(done / wall, 1),
        "milliseconds_per_task": round(1e3 * wall / done, 3),
        "cpu_milliseconds_of_driver_per_task": round(1e3 * driver / done, 3),
        "busy_fraction_of_workers": round(done * seconds / (workers * wall), 3),
    }


def measure_memory(count: int) -> dict[str, Any]:
    """Queue pictures; return the resident memory of the driver along the way."""
    resident: dict[str, float] = {}

    def pictures() -> Iterator[Task]:
        files = FileSet.of([PERSON])
        for number in range(count):
            if number in (count // 100, count // 10, count // 2, count - 1):
                resident[str(number + 1)] = round(_resident_bytes() / 2**20, 1)
            yield Task(("picture", number), str(PERSON), files)

    with open_cluster(processors=1), WorkerPool(SleepJob()) as pool:
        for _ in pool.run(pictures(), count):
            pass
    return {"resident_mb_after_pictures": resident}


def main(argv: list[str] | None = None) -> int:
    """Measure, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("label", "clip", "tasks", "memory", "simulate"))
    parser.add_argument("--inputs", type=int, default=4)
    parser.add_argument("--workers", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=1.0)
    args = parser.parse_args(argv)
    result: dict[str, Any]
    if args.what in ("label", "clip"):
        result = compare_workers(args.what, args.inputs)
    elif args.what == "memory":
        result = measure_memory(args.inputs)
    else:
        workers, seconds = (1, 0.0) if args.what == "tasks" else (args.workers, args.seconds)
        result = measure_tasks(args.inputs, workers, seconds)
    load = [round(each, 1) for each in os.getloadavg()]
    print(json.dumps({"what": args.what, "inputs": args.inputs, **result, "load_average": load}))
    return 0


if __name__ == "__main__":
    # Workers find the jobs by the name of the module, which is not __main__ for them.
    from scripts import cluster_scaling

    sys.exit(cluster_scaling.main())
