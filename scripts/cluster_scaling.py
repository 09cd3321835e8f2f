#!/usr/bin/env python3
"""Measure bulk jobs on a local Ray: speed-up, overhead per task, memory of the driver, and many workers.

    scripts/cluster_scaling.py label --inputs 24       # pictures with SAM, by one worker and by two
    scripts/cluster_scaling.py clip --inputs 24        # clips, by one worker and by two
    scripts/cluster_scaling.py tasks --inputs 1000     # tasks that do nothing
    scripts/cluster_scaling.py memory --inputs 10000   # memory of the driver while pictures are queued
    scripts/cluster_scaling.py simulate --workers 100 --inputs 2000 --seconds 0.9 1.1   # tasks that sleep

Prints one line of JSON.

`label` and `clip` compare one worker and two workers. A worker has one thread for the network, for OpenCV and
for each decoder and encoder, so one worker uses one processor. The two are measured in turns, and the fastest
run of each counts. `wall_seconds` begins when Ray has started, and contains the start of the workers.
`waiting_fraction` is the part of the tasks' time in which a worker was ready to run and had no processor:
where it is not near 0, other programs use the processors. `speed_up_without_waiting` leaves this time out;
`speed_up_by_cpu` compares the processor time of an input, and so leaves out starts and ends too. Workers get
the niceness of this script, and not the 15 that Ray gives them.
"""

import argparse
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))
# Workers import this script.
os.environ["PYTHONPATH"] = os.pathsep.join([str(TOP), os.environ.get("PYTHONPATH", "")])
os.environ.setdefault("RAY_worker_niceness", "0")

import numpy as np

from livecam import __version__
from livecam.annotation.config import AnnotationSettings, Progress
from livecam.annotation.runner import SelectionTask
from livecam.cluster.clips import ClipJob, run_on_cluster
from livecam.cluster.labels import LabelJob, LabelWork, label_on_cluster
from livecam.cluster.messages import Finished, Job, Message, Report, Task, Update, WorkerInfo
from livecam.cluster.pool import PoolStats, TaskDone, WorkerPool
from livecam.cluster.session import open_cluster
from livecam.cluster.transfer import FileSet, SharedFolder, Workspace
from livecam.core.config import LiveSettings
from livecam.core.geometry import Size
from livecam.imaging.image_io import read_image, write_image
from livecam.runtime.clip_batch import ClipBatch, ClipSettings, collect_clips
from livecam.sinks.recorder import Recorder

PERSON = TOP / "livecam" / "assets" / "astronaut.jpg"
CLIP_SIZE, CLIP_FRAMES, CLIP_RATE = Size(480, 360), 60, 30
HOST_THREADS = 50
"""Simulated workers in one process."""
START_SECONDS = 2.0


@dataclass
class WorkerTimes:
    """What the tasks of a worker took; times are in seconds.

    Attributes:
        ready: when it had loaded its models, of `time.time`.
        tasks: duration of each task.
        cpu: processor time of the process during the tasks.
        waited: how long the threads of the tasks waited for a processor.
        resident: memory of the process after each task, in MB.
    """

    ready: float
    tasks: list[float] = field(default_factory=list)
    cpu: float = 0.0
    waited: float = 0.0
    resident: list[float] = field(default_factory=list)


class TimedJob:
    """Does another job, and writes what its tasks take into `folder`, a file for each worker."""

    def __init__(self, job: Job, folder: Path) -> None:
        self.files, self.folders = job.files, job.folders
        self._job, self._folder = job, folder

    def load(self, work: Workspace) -> None:
        """Load the models."""
        self._job.load(work)
        self._times = WorkerTimes(time.time())

    def run(self, value: Any, work: Workspace, report: Report) -> Any:
        """Do a task."""
        begin, cpu, waited = time.monotonic(), time.process_time(), _waited_seconds()
        result = self._job.run(value, work, report)
        self._times.tasks.append(time.monotonic() - begin)
        self._times.cpu += time.process_time() - cpu
        self._times.waited += _waited_seconds() - waited
        self._times.resident.append(_resident_megabytes())
        (self._folder / f"worker-{os.getpid()}.json").write_text(json.dumps(asdict(self._times)))
        return result


def _waited_seconds() -> float:
    """Return how long this thread was ready to run, and another had the processor."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


@dataclass
class SleepJob:
    """Sleeps for as long as a task says."""

    files: FileSet = field(default_factory=FileSet)
    folders: tuple[SharedFolder, ...] = ()

    def load(self, work: Workspace) -> None:
        """Load nothing."""

    def run(self, value: float, work: Workspace, report: Report) -> None:
        """Sleep."""
        time.sleep(value)


class SleepingWorkers:
    """Many workers in one process, an actor with threads: their tasks sleep, and report once like `label`."""

    def start(self, version: str) -> WorkerInfo:
        """Return what a worker returns that is ready."""
        assert version == __version__
        return WorkerInfo(f"process {os.getpid()}", socket.gethostname(), os.getpid(), "")

    def run(self, task: Task, contents: None) -> Iterator[Message]:
        """Sleep for as long as the task says."""
        time.sleep(task.value)
        yield Update(bytes(1000))
        yield Finished(None)


class NothingFoundJob(LabelJob):
    """Selects the frames of pictures, and finds nothing to annotate in them; loads no model."""

    def load(self, work: Workspace) -> None:
        """Load nothing."""

    def run(self, value: LabelWork, work: Workspace, report: Report) -> Any:
        """Select as `LabelJob` does."""
        return super().run(value, work, report) if isinstance(value.task, SelectionTask) else None


def _resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def prepare_pictures(count: int, folder: Path) -> None:
    """Write different pictures of a person, 512 pixels high."""
    image = read_image(PERSON).image
    for number in range(count):
        write_image(folder / f"{number}.png", image[:, number : image.shape[1] - count + number])


def prepare_clips(count: int, folder: Path) -> None:
    """Write clips of a person."""
    image = read_image(PERSON).image[: CLIP_SIZE.height, : CLIP_SIZE.width]
    for number in range(count):
        with Recorder(folder / f"{number}.mp4", CLIP_SIZE, CLIP_RATE) as recorder:
            for at in range(CLIP_FRAMES):
                recorder.send(np.ascontiguousarray(image[:, :: 1 if at % 2 else -1]), at / CLIP_RATE)


def label(inputs: Path, out: Path, wrap: Callable[[Job], Job]) -> None:
    """Label pictures with the built-in SAM."""
    settings = AnnotationSettings((str(inputs),), out / "set")
    label_on_cluster(settings, job=lambda settings, folder: wrap(LabelJob(settings, folder)))


def clip(inputs: Path, out: Path, wrap: Callable[[Job], Job]) -> None:
    """Convert clips."""
    settings = ClipSettings(LiveSettings(background=("navy",)))
    batch = ClipBatch(collect_clips([inputs], out, ".mp4"), settings, out, overwrite=False)
    runner = run_on_cluster(
        settings, PoolStats(), job=lambda settings, folder: wrap(ClipJob(settings, folder))
    )
    assert not [each.problem for each in batch.run(runner) if each.problem]


def measure_once(
    work: Callable[[Path, Path, Callable[[Job], Job]], None], inputs: Path, workers: int
) -> dict[str, float]:
    """Do all inputs; return times in seconds."""
    count, before = len(list(inputs.iterdir())), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="livecam-scaling-") as name, open_cluster(processors=workers):
        out, times = Path(name) / "out", Path(name) / "times"
        out.mkdir()
        times.mkdir()
        begin, clock, cpu = time.time(), time.monotonic(), time.process_time()
        work(inputs, out, lambda job: TimedJob(job, times))
        wall, driver = time.monotonic() - clock, time.process_time() - cpu
        found = [WorkerTimes(**json.loads(path.read_text())) for path in times.glob("worker-*.json")]
        written = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    assert len(found) == workers, f"{len(found)} workers had tasks"
    tasks = [each for one in found for each in one.tasks]
    # `label` has a short task for each picture too, which selects its frame.
    long_tasks = [each for each in tasks if each > 0.1 * max(tasks)]
    waited = sum(each.waited for each in found)
    return {
        "seconds_to_start_ray": round(clock - before, 2),
        "wall_seconds": round(wall, 2),
        "wall_seconds_without_waiting": round(wall - waited / workers, 2),
        "seconds_to_first_worker": round(min(each.ready for each in found) - begin, 2),
        "cpu_seconds_per_input": round((sum(each.cpu for each in found) + driver) / count, 3),
        "cpu_seconds_of_driver": round(driver, 2),
        "median_seconds_of_long_task": round(median(long_tasks), 3),
        "waiting_fraction": round(waited / sum(tasks), 3),
        "resident_mb_of_worker": max(each.resident[-1] for each in found),
        "written_mb_per_input": round(written / count / 1e6, 3),
    }


def compare_workers(kind: str, count: int, repeat: int) -> dict[str, Any]:
    """Measure one worker and two workers in turns; compare the fastest runs."""
    work, prepare = {"label": (label, prepare_pictures), "clip": (clip, prepare_clips)}[kind]
    runs: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory(prefix="livecam-scaling-") as folder:
        prepare(count, Path(folder))
        for _ in range(repeat):
            for workers, results in runs.items():
                results.append(measure_once(work, Path(folder), workers))
                print(workers, "workers:", results[-1], file=sys.stderr)
    one, two = (min(results, key=lambda each: each["wall_seconds"]) for results in runs.values())
    return {
        "one_worker": one,
        "two_workers": two,
        "speed_up_by_wall": round(one["wall_seconds"] / two["wall_seconds"], 2),
        "speed_up_without_waiting": round(
            one["wall_seconds_without_waiting"] / two["wall_seconds_without_waiting"], 2
        ),
        "speed_up_by_cpu": round(2 * one["cpu_seconds_per_input"] / two["cpu_seconds_per_input"], 2),
    }


def measure_tasks(pool: WorkerPool, count: int, workers: int, seconds: Sequence[float]) -> dict[str, Any]:
    """Do tasks that sleep for each of `seconds` in turn; return what the driver needs for them."""
    # Each worker gets one of these: none is done before all workers have started.
    for _ in pool.run([Task(START_SECONDS, "start")] * workers, workers):
        pass
    assert pool.stats.workers == workers
    durations = islice(cycle(seconds), count)
    tasks = (Task(duration, str(number)) for number, duration in enumerate(durations))
    start, cpu = time.monotonic(), time.process_time()
    done = sum(isinstance(event, TaskDone) for event in pool.run(tasks, count))
    wall, driver = time.monotonic() - start, time.process_time() - cpu
    assert done == count
    slept = sum(islice(cycle(seconds), count))
    return {
        "workers": workers,
        "tasks": done,
        "wall_seconds": round(wall, 2),
        "tasks_per_second": round(done / wall, 1),
        "milliseconds_between_tasks_of_a_worker": round(1e3 * (wall * workers - slept) / done, 2),
        "cpu_milliseconds_of_driver_per_task": round(1e3 * driver / done, 3),
        "processors_of_driver": round(driver / wall, 3),
        "busy_fraction_of_workers": round(slept / (workers * wall), 3),
        "resident_mb_of_driver": _resident_megabytes(),
    }


def measure_one_worker(count: int) -> dict[str, Any]:
    """Give one worker tasks that do nothing."""
    with open_cluster(processors=1), WorkerPool(SleepJob()) as pool:
        return measure_tasks(pool, count, 1, [0.0])


def simulate(count: int, workers: int, seconds: Sequence[float]) -> dict[str, Any]:
    """Give many workers tasks that sleep; a process has up to `HOST_THREADS` of them."""
    import ray

    with open_cluster(processors=1):
        host = ray.remote(num_cpus=0, max_concurrency=HOST_THREADS)(SleepingWorkers)
        actors = [host.remote() for _ in range(-(-workers // HOST_THREADS))]
        # Their processes have started.
        ray.get([each.start.remote(__version__) for each in actors])
        hosts = cycle(actors)
        with WorkerPool(SleepJob(), processors=1 / workers, start=lambda job: next(hosts)) as pool:
            return measure_tasks(pool, count, workers, seconds)


def measure_memory(count: int) -> dict[str, Any]:
    """Label pictures without anything to label; return the resident memory of the driver along the way."""
    resident = {"before": _resident_megabytes()}
    with tempfile.TemporaryDirectory(prefix="livecam-scaling-") as name:
        inputs, out = Path(name) / "inputs", Path(name) / "set"
        inputs.mkdir()
        write_image(inputs / "0.png", read_image(PERSON).image[:64, :64])
        for number in range(1, count):
            os.link(inputs / "0.png", inputs / f"{number}.png")

        def progress(each: Progress) -> None:
            if each.done in (count // 100, count // 10, count // 2, count):
                resident[f"after {each.done} pictures"] = _resident_megabytes()

        with open_cluster(processors=1):
            label_on_cluster(AnnotationSettings((str(inputs),), out), progress=progress, job=NothingFoundJob)
        resident["at the end"] = _resident_megabytes()
    return {"resident_mb_of_driver": resident}


def main(argv: list[str] | None = None) -> int:
    """Measure, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("label", "clip", "tasks", "memory", "simulate"))
    parser.add_argument("--inputs", type=int, default=24)
    parser.add_argument(
        "--repeat", type=int, default=2, help="runs of label and clip, with one worker and with two"
    )
    parser.add_argument("--workers", type=int, default=100, help="of simulate")
    parser.add_argument(
        "--seconds", type=float, nargs="+", default=[1.0], help="of the tasks of simulate, in turn"
    )
    args = parser.parse_args(argv)
    result: dict[str, Any]
    if args.what == "tasks":
        result = measure_one_worker(args.inputs)
    elif args.what == "memory":
        result = measure_memory(args.inputs)
    elif args.what == "simulate":
        result = simulate(args.inputs, args.workers, args.seconds)
    else:
        result = compare_workers(args.what, args.inputs, args.repeat)
    load = [round(each, 1) for each in os.getloadavg()]
    print(json.dumps({"what": args.what, "inputs": args.inputs, **result, "load_average": load}))
    return 0


if __name__ == "__main__":
    # Workers find the jobs by the name of the module, which is not __main__ for them.
    from scripts import cluster_scaling

    sys.exit(cluster_scaling.main())
