#!/usr/bin/env python3
"""Measure what the control panel costs a live run: with no page open, and with one open in a browser.

One run of the demo; phases without and with a page alternate, so that both meet the same load. The page is
opened in Chromium by Playwright, or with `--no-browser` by a client that asks for frames as the page does.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from livecam.core.config import DATA_VARIABLE, LiveSettings
from livecam.core.geometry import Size
from livecam.core.types import Frame
from tests.support.panel_run import PanelRun

SETTLE_SECONDS = 2.0
CHROMIUM_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


class MeasuredRun(PanelRun):
    """Run that notes for each frame its time, its delay, and how long the panel's sink kept the loop."""

    def __init__(self, settings: LiveSettings) -> None:
        super().__init__(settings)
        self.rows: list[tuple[float, float, float]] = []

    def send(self, frame: Frame) -> None:
        """Give a frame to the panel's sink, and note the times in seconds."""
        start = time.perf_counter()
        self.panel.sink.send(frame)
        spent = time.perf_counter() - start
        self.count += 1
        self.rows.append((time.monotonic(), self.controls.figures.delay_seconds, spent))


def measure(run: MeasuredRun, seconds: float) -> dict[str, float]:
    """Return the figures of `run` over some seconds; times in ms, memory in MB."""
    time.sleep(SETTLE_SECONDS)
    first, processor, start = len(run.rows), time.process_time(), time.monotonic()
    time.sleep(seconds)
    rows = np.array(run.rows[first:] or [(start, 0.0, 0.0)])
    passed = time.monotonic() - start
    return {
        "rate": len(rows) / passed,
        "p50": 1e3 * float(np.percentile(rows[:, 1], 50)),
        "p95": 1e3 * float(np.percentile(rows[:, 1], 95)),
        "panel": 1e3 * float(np.mean(rows[:, 2])),
        "processor": 100 * (time.process_time() - processor) / passed,
        "memory": memory_megabytes(),
    }


def memory_megabytes() -> float:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def page_in_browser(run: MeasuredRun) -> Iterator[None]:
    """Open the page in Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(CHROMIUM_ARGUMENTS)
        )
        page = browser.new_page()
        page.goto(run.server.access.new_address())
        page.wait_for_selector("html[data-ready] #preview[data-frames]")
        yield
        browser.close()


@contextmanager
def page_by_client(run: MeasuredRun) -> Iterator[None]:
    """Ask for frames as the page does, without showing them."""
    import threading

    from websockets.sync.client import connect
    from websockets.typing import Origin

    ended = threading.Event()
    headers = {"Cookie": run.client.cookie}
    address = f"ws://127.0.0.1:{run.server.port}/live"

    def ask() -> None:
        with connect(
            address, additional_headers=headers, origin=Origin(run.client.origin), proxy=None
        ) as socket:
            socket.send("next")
            while not ended.is_set():
                if isinstance(socket.recv(10), bytes):
                    socket.send("next")

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    yield
    ended.set()
    thread.join(10)


def compare(run: MeasuredRun, page: Callable[[MeasuredRun], Any], rounds: int, seconds: float) -> list[str]:
    """Alternate phases without and with a page; return the rows of a table."""
    phases: dict[str, list[dict[str, float]]] = {"closed": [], "open": []}
    for _ in range(rounds):
        phases["closed"].append(measure(run, seconds))
        with page(run):
            phases["open"].append(measure(run, seconds))
    lines = []
    for name, figures in phases.items():
        mean = {key: float(np.mean([each[key] for each in figures])) for key in figures[0]}
        memory = f"{figures[0]['memory']:.0f}, {figures[-1]['memory']:.0f}"
        lines.append(
            f"| {name} | {mean['rate']:.2f} | {mean['p50']:.1f} / {mean['p95']:.1f} | {mean['panel']:.2f} "
            f"| {mean['processor']:.0f} | {memory} |"
        )
    return lines


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of a phase (default: 20)")
    parser.add_argument("--rounds", type=int, default=3, help="phases of each kind (default: 3)")
    parser.add_argument(
        "--size", type=Size.parse, default=Size(1280, 720), help="frame size (default: 1280x720)"
    )
    parser.add_argument("--fps", type=float, default=30.0, help="frame rate of the demo (default: 30)")
    parser.add_argument("--model", default="person", help="model (default: person)")
    parser.add_argument("--no-browser", action="store_true", help="a client instead of Chromium")
    options = parser.parse_args()
    settings = LiveSettings(
        camera="demo",
        size=options.size,
        fps=options.fps,
        model=options.model,
        virtual_camera=False,
        panel=True,
    )
    page = page_by_client if options.no_browser else page_in_browser
    with TemporaryDirectory() as folder:
        os.environ[DATA_VARIABLE] = folder
        run = MeasuredRun(settings)
        with run:
            lines = compare(run, page, options.rounds, options.seconds)
    print(f"load {os.getloadavg()[0]:.1f}, {options.rounds} x {options.seconds:g} s each, {options.size}\n")
    heads = ("page", "frames a second", "frame time, ms, p50 / p95", "panel's sink, ms", "processor, %")
    print(f"| {' | '.join(heads)} | MB, first, last |")
    print("|---|---:|---:|---:|---:|---:|")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
