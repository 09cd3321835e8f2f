#!/usr/bin/env python3
"""Measure livecam on this machine: time of each stage, cost of a call, memory, first frame, as Markdown."""

import argparse
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
from PIL import Image

from livecam.core.errors import LivecamError
from livecam.core.geometry import Size
from livecam.core.types import Frame, check_frame
from livecam.pipeline import Pipeline
from livecam.sinks.recorder import Recorder
from livecam.sources.demo import DemoSource

SIZES = [Size(640, 480), Size(1280, 720), Size(1920, 1080)]
STAGES = ["segment", "clean", "filter", "upsample", "background", "composite"]
PHOTO = Path(__file__).resolve().parent.parent / "livecam" / "assets" / "astronaut.jpg"
BACKGROUNDS = {
    "color": "teal",
    "image": str(PHOTO),
    "blur": "blur",
    "video": "video.mp4",
    "gif": "moving.gif",
}
WARM_UP = 5

# Runs livecam as its command does, and prints when the recorder got the first frame made with a matte.
PROBE = """
import sys, time
from livecam.sinks.recorder import Recorder
started, send, sent = float(sys.argv.pop(1)), Recorder.send, []
def send_and_time(self, frame, seconds=None):
    send(self, frame, seconds)
    # The first frame sent is the placeholder frame.
    if sent and frame is not sent[0]:
        print(time.monotonic() - started, flush=True)
        Recorder.send = send
    sent.append(frame)
Recorder.send = send_and_time
from livecam.__main__ import main
main()
"""


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="person", metavar="NAME", help="which model (person, or a path)")
    parser.add_argument(
        "--frames", type=int, default=60, metavar="N", help="frames to measure each time (60)"
    )
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="threads of the network (2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there as well")
    args = parser.parse_args()
    try:
        call = measure_call(args.model)
        run = measure_run(args.model)
        with tempfile.TemporaryDirectory() as folder:
            backgrounds = BACKGROUNDS | write_clips(Path(folder))
            rows = [
                measure(size, name, backgrounds[name], args.model, args.frames, args.threads)
                for size in SIZES
                for name in backgrounds
            ]
    except LivecamError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 1
    result = {"machine": machine(), "frames": args.frames, "rows": rows, "run": run, "call": call}
    print(table(result))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def write_clips(folder: Path) -> dict[str, str]:
    """Draw a video and a GIF of two seconds into `folder` as backgrounds; return their paths."""
    paths = {name: str(folder / BACKGROUNDS[name]) for name in ("video", "gif")}
    demo = DemoSource(Size(1280, 720))
    with Recorder(paths["video"], demo.size, 30) as recorder:
        for number in range(60):
            recorder.send(demo.frame_at(number / 30), number / 30)
    images = [Image.fromarray(demo.frame_at(number / 12)).resize((640, 360)) for number in range(24)]
    images[0].save(paths["gif"], save_all=True, append_images=images[1:], duration=83, loop=0)
    return paths


def measure(size: Size, name: str, background: str, model: str, frames: int, threads: int) -> dict[str, Any]:
    """Measure `Pipeline.replace`, its stages and NumPy's blend in turn, in milliseconds."""
    demo = DemoSource(size)
    images = [demo.frame_at(number / 30) for number in range(30)]
    pipeline = Pipeline.load(model, background, threads=threads)
    matte = pipeline.matte(images[0])
    background_frame = check_frame(pipeline.background.render(images[0], matte))
    alpha = matte[..., None]

    def numpy_blend(frame: Frame) -> Frame:
        return (frame * alpha + background_frame * (1 - alpha)).astype("uint8")

    replaced, blended = [], []
    for number in range(WARM_UP + frames):
        frame = images[number % len(images)]
        if number == WARM_UP:
            pipeline.timer.samples.clear()
        replaced.append(milliseconds(pipeline.replace, frame))
        blended.append(milliseconds(numpy_blend, frame))
    samples = {stage: [1e3 * value for value in pipeline.timer.samples[stage]] for stage in STAGES}
    samples |= {"replace": replaced[WARM_UP:], "numpy": blended[WARM_UP:]}
    pipeline.close()
    times = {
        name: {"p50": percentile(values, 50), "p95": percentile(values, 95)}
        for name, values in samples.items()
    }
    return {
        "size": str(size),
        "background": name,
        "ms": times,
        "ratio": times["replace"]["p50"] / times["numpy"]["p50"],
    }


def milliseconds(work: Callable[[Frame], object], frame: Frame) -> float:
    """Return how long `work` takes for `frame`."""
    start = time.perf_counter()
    work(frame)
    return 1e3 * (time.perf_counter() - start)


def percentile(values: list[float], percent: int) -> float:
    """Return the value below which `percent` of all values are."""
    return round(float(np.percentile(values, percent)), 2)


def measure_call(model: str, seconds: float = 10) -> dict[str, float]:
    """Measure what a call at 1280x720 and 30 frames per second costs, recorded without compression.

    Call this first, see `measure_run`.

    Returns:
        Milliseconds of processor time per frame, start included, and the peak memory in MB.
    """
    with tempfile.TemporaryDirectory() as folder:
        argv = ["--camera", "demo", "--size", "1280x720", "--no-virtual-camera", "--seconds", f"{seconds:g}"]
        argv += ["--model", model, "--config", str(Path(folder) / "none.toml"), "--overwrite"]
        Path(folder, "none.toml").touch()
        argv += ["--record", str(Path(folder) / "o.y4m")]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "livecam", *argv]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return call_cost(done.stderr, before, after)


def call_cost(
    messages: str, before: resource.struct_rusage, after: resource.struct_rusage
) -> dict[str, float]:
    """Return the cost of a call from the messages of livecam and the usage before and after it."""
    frames = re.search(r"(\d+) frames in", messages)
    if not frames or not int(frames[1]):
        raise LivecamError(f"the measured call failed: {messages.strip()}")
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "processor_milliseconds_per_frame": round(1e3 * spent / int(frames[1]), 2),
        "peak_megabytes": round(megabytes(after.ru_maxrss)),
    }


def megabytes(maxrss: int) -> float:
    """Convert a peak memory of `getrusage`, whose unit depends on the system."""
    return maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def environment() -> dict[str, str]:
    """Return the environment of a process that imports livecam from this checkout."""
    top = str(Path(__file__).resolve().parent.parent)
    return os.environ | {"PYTHONPATH": os.pathsep.join([top, os.environ.get("PYTHONPATH", "")])}


def measure_run(model: str) -> dict[str, float]:
    """Measure the seconds from process start to the first frame (files cached) and the peak memory in MB.

    Call this first: Linux counts the memory this process has by then as the memory of its children.
    """
    with tempfile.TemporaryDirectory() as folder:
        argv = ["--camera", "demo", "--background", "blur", "--no-virtual-camera", "--seconds", "3"]
        argv += ["--model", model, "--config", str(Path(folder) / "none.toml"), "--overwrite"]
        Path(folder, "none.toml").touch()
        argv += ["--record", str(Path(folder) / "o.mp4")]
        first = [first_frame(argv) for _ in range(3)]
    return {
        "first_frame_seconds": round(statistics.median(first[1:]), 2),
        "peak_megabytes": round(megabytes(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)),
    }


def first_frame(argv: list[str]) -> float:
    """Run livecam once; return the seconds until it showed a frame."""
    command = [sys.executable, "-c", PROBE, str(time.monotonic()), *argv]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    if done.returncode or not done.stdout:
        raise LivecamError(f"the measured run failed: {done.stderr.strip()}")
    return float(done.stdout.split()[0])


def machine() -> dict[str, Any]:
    """Describe the machine that was measured."""
    names = [line.partition(":")[2].strip() for line in cpu_lines() if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "opencv": cv2.__version__,
        "numpy": np.__version__,
    }


def cpu_lines() -> list[str]:
    """Read the lines of /proc/cpuinfo; an empty list where there is none."""
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def table(result: dict[str, Any]) -> str:
    """Format the numbers as Markdown."""
    names = [*STAGES, "replace", "numpy"]
    lines = [
        f"| ms, p50 / p95 | background | {' | '.join(names[:-1])} | NumPy blend | replace ÷ NumPy |",
        "|---|---|" + "---:|" * (len(names) + 1),
    ]
    for row in result["rows"]:
        cells = [f"{row['ms'][name]['p50']:.1f} / {row['ms'][name]['p95']:.1f}" for name in names]
        lines.append(f"| {row['size']} | {row['background']} | {' | '.join(cells)} | {row['ratio']:.2f} |")
    m, run, call = result["machine"], result["run"], result["call"]
    lines += [
        "",
        f"{m['processor']}, {m['cores']} cores, load {m['load']}; Python {m['python']}, "
        f"OpenCV {m['opencv']}, NumPy {m['numpy']}; {result['frames']} frames each.",
        f"`livecam --camera demo --background blur --record FILE`: first frame after "
        f"{run['first_frame_seconds']:.2f} s, {run['peak_megabytes']} MB at most.",
        f"A call at 1280x720, background blur, to .y4m: {call['processor_milliseconds_per_frame']:.1f} ms of "
        f"processor time per frame, {call['peak_megabytes']} MB at most.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
