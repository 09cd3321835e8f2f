"""Programs of the device tests: livecam in its own process, and programs that read and feed devices."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import cv2
import numpy as np
from kernel import CALL, CAMERA, is_fed, wait_for

import livecam.runtime.session  # so that a fork of this process has imported all that livecam needs
from livecam.__main__ import main
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.devices.opencv_capture import suppress_opencv_logging
from livecam.sinks.virtual_camera import VirtualCameraSink


class ForkServer:
    """Starts livecam fast: a process that has imported everything and forks for each start.

    It is forked from pytest before pytest has any threads, and uses nothing of pytest.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        requests, self._requests = os.pipe()
        self._replies, replies = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            os.setsid()
            _serve_forks(requests, replies)
        os.close(requests)
        os.close(replies)

    def start(self, *arguments: str) -> "Livecam":
        """Start livecam with these arguments and return at once."""
        self._count += 1
        log = self._folder / f"livecam-{self._count}.log"
        log.touch()
        os.write(self._requests, (json.dumps({"arguments": arguments, "log": str(log)}) + "\n").encode())
        return Livecam(int(os.read(self._replies, 64)), log)

    def close(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._requests)
        os.close(self._replies)


class Livecam:
    """A running livecam."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid, self._log = pid, log

    @property
    def output(self) -> str:
        return self._log.read_text()

    @property
    def code(self) -> int | None:
        """Exit code, negative for a signal; None while it runs."""
        file = self._log.with_suffix(".code")
        return int(file.read_text()) if file.exists() else None

    def wait_for(self, arguments: str, seconds: float = 20) -> float:
        """Wait until it prints this text; return the seconds it took."""

        def is_printed() -> bool:
            assert arguments in self.output or self.code is None, f"ended: {self.output}"
            return arguments in self.output

        try:
            return wait_for(is_printed, seconds)
        except AssertionError as error:
            raise AssertionError(f"no {arguments!r} within {seconds} s in: {self.output}") from error

    def send(self, number: int) -> None:
        if self.code is None:
            os.kill(self.pid, number)

    def end(self, number: int = signal.SIGINT, seconds: float = 10) -> int:
        """Send a signal, wait for the end and return the exit code."""
        self.send(number)
        wait_for(lambda: self.code is not None, seconds)
        assert self.code is not None
        return self.code


assert livecam.runtime.session  # the import is its use


class Starter:
    """Starts livecam with the defaults of the tests, and kills what still runs at the end."""

    def __init__(self, fork_server: ForkServer, model: str) -> None:
        self.started: list[Livecam] = []
        self._fork_server, self._model = fork_server, model

    def __call__(
        self,
        *arguments: str,
        camera: str = CAMERA,
        device: str = CALL,
        background: str = "teal",
        size: str = "320x180",
        fps: str = "10",
    ) -> Livecam:
        defaults = ["--camera", camera, "--device", device, "--background", background]
        defaults += ["--size", size, "--fps", fps]
        program = self._fork_server.start(*defaults, "--model", self._model, "--threads", "1", *arguments)
        self.started.append(program)
        return program

    def close(self) -> None:
        for program in self.started:
            if program.code is None:
                program.end(signal.SIGKILL)


class CameraReader:
    """Call app that reads a virtual camera with OpenCV."""

    def __init__(self, path: str) -> None:
        self._capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
        assert self._capture.isOpened(), f"{path} can't be read"

    def __enter__(self) -> "CameraReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._capture.release()

    def read(self) -> Frame:
        succeeded, image = self._capture.read()
        assert succeeded, "no frame arrived"
        return np.ascontiguousarray(image[..., ::-1])

    def read_until(self, matches: Any, seconds: float = 10) -> Frame:
        """Return the first frame that matches."""
        newest: list[Frame] = []

        def try_next() -> bool:
            newest[:] = [self.read()]
            return bool(matches(newest[0]))

        wait_for(try_next, seconds)
        return newest[0]


def open_when_ready(path: str, seconds: float = 20) -> CameraReader:
    """Open a virtual camera as soon as it can be read, as a call app does that started first."""
    opened: list[CameraReader] = []

    def try_to_open() -> bool:
        with suppress(AssertionError), suppress_opencv_logging():
            opened.append(CameraReader(path))
        return bool(opened)

    wait_for(try_to_open, seconds)
    return opened[0]


class Feed:
    """Fake webcam: a thread feeds a virtual camera with painted frames until the `with` block ends."""

    def __init__(self, path: str, size: Size, fps: float, paint: Callable[[int], Frame]) -> None:
        self._path, self._size, self._fps, self._paint = path, size, fps, paint
        self._stopping, self._running = threading.Event(), threading.Event()
        self.paused = threading.Event()
        self.number = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Feed":
        self._thread.start()
        assert self._running.wait(20), "the feed did not begin"
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(20)

    def _run(self) -> None:
        with VirtualCameraSink(self._size, self._fps, device=self._path) as camera:
            due = time.monotonic()
            while not self._stopping.is_set():
                if not self.paused.is_set():
                    self.number += 1
                    camera.send(self._paint(self.number))
                    self._running.set()
                due = max(due + 1 / self._fps, time.monotonic())
                time.sleep(max(0.0, due - time.monotonic()))


@contextmanager
def feed_with_ffmpeg(path: str, kind: str, size: Size) -> Iterator[None]:
    """Let ffmpeg feed a virtual camera with color bars of a format (mjpeg, yuyv422, ...) during the block."""
    arguments = ["ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", f"smptebars=size={size}:rate=10"]
    code = ["-c:v", "mjpeg", "-q:v", "2"] if kind == "mjpeg" else ["-pix_fmt", kind]
    with subprocess.Popen([*arguments, *code, "-f", "v4l2", path], stdin=subprocess.DEVNULL) as feed:
        try:
            # Not before: the first process that opens the device, even to read, decides its format.
            wait_for(lambda: is_fed(path), 20)
            yield
        finally:
            feed.kill()


def read_with_ffmpeg(path: str, size: Size, count: int = 1) -> list[Frame]:
    """Read frames with ffmpeg."""
    arguments = ["ffmpeg", "-v", "error", "-f", "v4l2", "-i", path, "-frames:v", str(count)]
    arguments += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(arguments, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    shape = (count, size.height, size.width, 3)
    return list(np.frombuffer(done.stdout, np.uint8).reshape(shape))


def _serve_forks(requests: int, replies: int) -> NoReturn:
    """Fork a livecam for each request and store the exit code of each."""
    files: dict[int, Path] = {}
    while True:
        ready, _, _ = select.select([requests], [], [], 0.05)
        while files:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            # Renamed when complete, so that a reader never sees a partial file.
            file = files.pop(pid)
            file.with_suffix(".part").write_text(str(os.waitstatus_to_exitcode(status)))
            file.with_suffix(".part").rename(file)
        if ready:
            request = json.loads(os.read(requests, 65536) or os._exit(0))
            pid = os.fork()
            if not pid:
                _run_livecam(request["arguments"], request["log"])
            files[pid] = Path(request["log"]).with_suffix(".code")
            os.write(replies, f"{pid}\n".encode())


def _run_livecam(arguments: list[str], log: str) -> NoReturn:
    code: Any = 70
    try:
        out = os.open(log, os.O_WRONLY | os.O_APPEND)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.closerange(3, 100)
        # pytest has replaced both streams.
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        sys.argv[1:] = arguments
        main()
    except SystemExit as ended:
        code = ended.code or 0
    finally:
        os._exit(code)
