#!/usr/bin/env python3
"""Run the live loop at full speed for an hour's worth of frames, with every fault, and look for leaks.

The source is a painted room that drops, repeats, stalls, changes size and is lost by a seeded script; the
network is a small one that knows the painted person (it runs in LiteRT as any does), and the virtual
camera's device is a fake; everything else is what runs in a call. Time runs ten times as fast for patience,
backgrounds and faults.
"""

import argparse
import gc
import io
import json
import os
import platform
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from PIL import Image

from livecam.backgrounds.factory import create_background
from livecam.core.geometry import Size
from livecam.core.types import Frame, RgbaFrame
from livecam.matting.guided_filter import GuidedFilterUpsampler
from livecam.matting.temporal_filter import AdaptiveTemporalFilter
from livecam.models.segmenter import LiteRTSegmenter
from livecam.pipeline import Pipeline
from livecam.runtime.controls import RunControls
from livecam.runtime.live_loop import Timeouts, run
from livecam.sinks.recorder import Recorder
from livecam.sinks.virtual_camera import VirtualCameraSink
from tests.support.fault_injection import FastClock, FaultyCamera
from tests.support.log_messages import MessageCollector
from tests.support.soak_watch import Heartbeat, SimulatedUser, measure
from tests.support.tiny_model import write_model

PHOTO = Path(__file__).resolve().parent.parent / "livecam" / "assets" / "astronaut.jpg"
FPS, NETWORK = 30, Size(160, 96)
# Warm after a tenth of all frames, once every background was shown; of a short run at most half goes there.
WARM_SHARE, WARM_FRAMES, WARM_AT_MOST = 0.1, 2500, 0.5
GROWTH_MEGABYTES, SILENCE_SECONDS = 5.0, 1.0


def main() -> int:
    """Run the soak test and print its table; return 0 if nothing leaked, grew or stopped."""
    spec = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    spec.add_argument(
        "--seconds", type=float, default=3600, metavar="S", help="so many seconds' worth (3600)"
    )
    spec.add_argument("--frames", type=int, metavar="N", help="so many frames instead")
    spec.add_argument("--wall", type=float, metavar="S", help="stop after so many seconds of real time")
    spec.add_argument("--seed", type=int, default=1, metavar="N", help="of the script of faults (1)")
    spec.add_argument("--json", type=Path, metavar="FILE", help="write all figures there as well")
    message = spec.parse_args()
    result = soak(message.frames or round(message.seconds * FPS), message.seed, message.wall)
    print(table(result))
    if message.json:
        message.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for fault in result["broken"]:
        print(f"soak: {fault}", file=sys.stderr)
    return 1 if result["broken"] else 0


class TimedPipeline(Pipeline):
    """Pipeline that records the processing time of each frame."""

    def prepare(self, frames: int) -> None:
        """Allocate memory for the times of `frames` frames now, so that it does not count as growth later."""
        self.seconds = np.full(frames, np.nan, np.float32)
        self.replaced = 0

    def replace(self, frame: Frame, timestamp: float | None = None) -> Frame | RgbaFrame:
        """Replace the background and record the time."""
        start = time.perf_counter()
        try:
            return super().replace(frame, timestamp)
        finally:
            if self.replaced < len(self.seconds):
                self.seconds[self.replaced] = time.perf_counter() - start
            self.replaced += 1


class LastFrameBackend:
    """Fake device of a virtual camera: keeps the last frame, as a real device does."""

    device = "soak"

    def __init__(self) -> None:
        self.frames = 0
        self.last: Frame | None = None

    def send(self, frame: Frame) -> None:
        """Count and keep a frame."""
        self.frames, self.last = self.frames + 1, frame.copy()

    def close(self) -> None:
        """Do nothing: no resource is held."""


def soak(
    frames: int, seed: int, wall: float | None = None, gaps: dict[str, int] | None = None
) -> dict[str, Any]:
    """Run the loop with faults about `gaps` frames apart; return all figures, with problems in `broken`."""
    clock, controls, messages = FastClock(), RunControls(), MessageCollector()
    with tempfile.TemporaryDirectory() as folder:
        names = backgrounds(Path(folder))
        segmenter = LiteRTSegmenter.load(str(write_model(Path(folder), NETWORK)), threads=1)
        pipeline = TimedPipeline(
            segmenter,
            AdaptiveTemporalFilter(),
            GuidedFilterUpsampler(),
            create_background(names[0], clock=clock),
            clock=clock,
        )
        pipeline.prepare(frames)
        camera = FaultyCamera(frames, seed=seed, clock=clock, gaps=gaps)
        user = SimulatedUser(camera, controls, names, clock)
        user.end_seconds = wall
        backend = LastFrameBackend()
        call = VirtualCameraSink(camera.size, FPS, opener=lambda *_: backend, ask=lambda _: None)
        gc.collect()
        before, earlier = measure(), set(threading.enumerate())
        start = time.monotonic()
        with call, messages, Heartbeat() as heartbeat:
            report = run(
                camera,
                pipeline,
                [user.sink, call],
                controls=controls,
                clock=clock,
                timeouts=Timeouts(camera_lost=float("inf")),
            )
        seconds = time.monotonic() - start
        pipeline.close()
        gc.collect()
        after = measure()
    result = figures(camera, user, pipeline, before, after)
    result |= {
        "seconds": round(seconds, 1),
        "seed": seed,
        "machine_late_ms": round(1e3 * heartbeat.latest),
        "shown": report.frames_shown,
        "failed": report.frames_failed,
        "dropped": report.frames_dropped,
        "received": backend.frames,
        "lost": sum("lost" in text for text in messages.texts),
        "messages": sorted(set(messages.texts)),
        "left_running": [
            t.name for t in threading.enumerate() if t.name.startswith("livecam-") and t not in earlier
        ],
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
    }
    return result | {"broken": faults(result)}


def backgrounds(folder: Path) -> list[str]:
    """Return the spec of one background of each kind: color, blur, drawing, video, image."""
    with Recorder(folder / "waves.mp4", Size(64, 48), FPS) as video:
        for number in range(30):
            video.send(np.full((48, 64, 3), (10, 90 + number, 120), np.uint8), number / FPS)
    (folder / "green.png").write_bytes(greened(PHOTO))
    return ["teal", "blur", "dusk", str(folder / "waves.mp4"), "paper", str(folder / "green.png")]


def greened(photo: Path) -> bytes:
    """Return the photo with less red and blue, which the search for the secret would find."""
    image = np.array(Image.open(photo).convert("RGB"))
    image[..., (0, 2)] //= 2
    image[..., 1] |= 128
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()


def figures(
    camera: FaultyCamera,
    user: SimulatedUser,
    pipeline: TimedPipeline,
    before: tuple[float, ...],
    after: tuple[float, ...],
) -> dict[str, Any]:
    """Summarize the measurements."""
    samples = user.samples[: user.count]
    begin = min(max(WARM_SHARE * camera.given, WARM_FRAMES), WARM_AT_MOST * camera.given)
    warm = samples[samples[:, 0] >= begin]
    fifth = max(1, len(warm) // 5)
    early, late = warm[:fifth], warm[-fifth:]
    # The most of files and threads is known once every background was shown, warm or not.
    first = samples[: max(1, len(samples) // 2)]
    took = pipeline.seconds[: pipeline.replaced]
    return {
        "frames": camera.given,
        "sent": user.sink.frames,
        "faults": dict(sorted(camera.fault_counts.items())),
        "sizes": {str(size): count for size, count in sorted(user.sink.sizes.items())},
        "frame_ms": {f"p{p}": round(1e3 * float(np.nanpercentile(took, p)), 2) for p in (50, 95, 99)},
        "longest_silence_ms": round(1e3 * user.sink.longest_silence),
        "leaks": user.sink.leaks,
        "megabytes": {
            "warm": round(float(np.median(early[:, 1])), 1),
            "end": round(float(np.median(late[:, 1])), 1),
            "growth": round(float(np.median(late[:, 1]) - np.median(early[:, 1])), 2),
        },
        "files": {
            "before": before[1],
            "most_early": first[:, 2].max(),
            "most_late": late[:, 2].max(),
            "after": after[1],
        },
        "threads": {
            "before": before[2],
            "most_early": first[:, 3].max(),
            "most_late": late[:, 3].max(),
            "after": after[2],
        },
        "samples": [
            [round(float(value), 2) for value in row] for row in samples[:: max(1, len(samples) // 40)]
        ],
    }


def faults(result: dict[str, Any]) -> list[str]:
    """Describe every limit that a result exceeds."""
    files, threads, found = result["files"], result["threads"], []
    if result["leaks"]:
        found.append(f"{result['leaks']} frames showed the room")
    # A machine that is busy with other things is late for everybody.
    if result["longest_silence_ms"] > 1e3 * SILENCE_SECONDS + result["machine_late_ms"]:
        found.append(f"nothing was sent for {result['longest_silence_ms']} ms")
    if result["megabytes"]["growth"] > GROWTH_MEGABYTES:
        found.append(f"memory grew by {result['megabytes']['growth']} MB after warm-up")
    if files["most_late"] > files["most_early"] or files["after"] > files["before"]:
        found.append(f"files stay open: {files}")
    if threads["most_late"] > threads["most_early"] or result["left_running"]:
        found.append(f"threads stay: {threads}, {result['left_running']}")
    if result["failed"]:
        found.append(f"{result['failed']} frames failed: {result['messages'][:3]}")
    if result["shown"] < result["frames"] / 2:
        found.append(f"only {result['shown']} of {result['frames']} frames were shown")
    return found


def table(result: dict[str, Any]) -> str:
    """Format the figures as a Markdown table."""
    m, f, t, ms = result["megabytes"], result["files"], result["threads"], result["frame_ms"]
    faults = ", ".join(f"{count} × {kind}" for kind, count in result["faults"].items())
    late = result["machine_late_ms"]
    rows = {
        "frames given, sent on, with the person": f"{result['frames']}, {result['sent']}, {result['shown']}",
        "faults": faults,
        "frames that showed the room": result["leaks"],
        "longest silence": f"{result['longest_silence_ms']} ms (the machine was late by {late} ms at most)",
        "memory after warm-up, at the end": f"{m['warm']} MB, {m['end']} MB ({m['growth']:+.1f} MB)",
        "open files at most, early and late": f"{f['most_early']:g}, {f['most_late']:g}",
        "threads at most, early and late": f"{t['most_early']:g}, {t['most_late']:g}",
        "a frame's time, p50, p95, p99": f"{ms['p50']}, {ms['p95']}, {ms['p99']} ms",
        "took": f"{result['seconds']} s ({result['machine']}; seed {result['seed']})",
    }
    width = max(map(len, rows))
    return "\n".join(
        ["| soak | |", "|---|---|", *(f"| {name:{width}} | {value} |" for name, value in rows.items())]
    )


if __name__ == "__main__":
    sys.exit(main())
