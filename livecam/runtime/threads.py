"""The two threads of a live run: one reads the source, one runs the pipeline."""

import threading
import time
from collections import deque
from dataclasses import dataclass

from livecam.core.background_thread import BackgroundThread, LatestSlot, SlotClosed
from livecam.core.errors import CameraError
from livecam.core.types import Frame, RgbaFrame
from livecam.runtime.base import FrameProcessor
from livecam.sources.base import Source, SourceIdle

_POLL_SECONDS = 0.1  # how often the processing thread checks whether it is stopped


class CaptureThread(BackgroundThread[Frame]):
    """Daemon thread that reads a source into `output` and closes the source when it ends.

    A CameraError is handed over to the consumer; then the source is iterated again every `retry_seconds`, so
    that a webcam that is plugged in again continues. After SourceIdle it is iterated again at once. Any other
    error, and the end of the source, end the thread.

    Attributes:
        is_camera_lost: True from a CameraError until the next frame.
    """

    def __init__(self, source: Source, *, retry_seconds: float = 0.5) -> None:
        """Prepare the thread; nothing is read before `start`.

        Args:
            source: Opened (entered) already. From `start` on, only this thread uses it.
            retry_seconds: Pause before a lost camera is opened again.
        """
        super().__init__("livecam-reader")
        self.is_camera_lost = False
        self._source = source
        self._retry_seconds = retry_seconds

    def _run(self) -> None:
        while not self._stopping.is_set() and self._read_until_lost():
            pass

    def _read_until_lost(self) -> bool:
        """Read frames. Returns True if the source is to be iterated again, False at its end."""
        try:
            for frame in self._source:
                if self._stopping.is_set():
                    return False
                self.is_camera_lost = False
                self.output.put(frame)
        except SourceIdle:
            return True
        except CameraError as error:
            self.is_camera_lost = True
            self.fail(error)
            self._stopping.wait(self._retry_seconds)
            return True
        return False

    def _release(self) -> None:
        self._source.__exit__(None, None, None)


@dataclass(frozen=True)
class ProcessedFrame:
    """Result of the pipeline for a frame that was taken in `generation`: a `frame` or an `error`.

    `taken` is the time at which the frame was taken from the source's slot, in seconds of `time.monotonic`.
    """

    generation: int
    frame: Frame | RgbaFrame | None
    error: Exception | None = None
    taken: float = 0.0


class ProcessingThread(BackgroundThread[ProcessedFrame]):
    """Daemon thread that takes the newest frame, runs the pipeline and publishes the result in `output`.

    It isolates the pipeline, so that a stage that blocks cannot stop the loop that feeds the sinks. Results
    carry the `generation` in which their frame was taken; the consumer ignores those of an earlier one.
    """

    def __init__(self, frames: LatestSlot[Frame], pipeline: FrameProcessor) -> None:
        """Prepare the thread. From `start` on, only this thread calls `pipeline.replace` and `reset`."""
        super().__init__("livecam-worker")
        self.generation = 0
        self._processed_generation = -1
        self._frames, self._pipeline = frames, pipeline
        self._next_pipelines: deque[FrameProcessor] = deque()
        self._paused = threading.Event()

    def begin_generation(self) -> None:
        """Make results of all frames so far stale, and reset the pipeline before the next frame."""
        self.generation += 1

    def pause(self) -> None:
        """Discard frames until `resume`."""
        self._paused.set()
        self.begin_generation()

    def resume(self) -> None:
        """Process frames again, in a new generation."""
        self.begin_generation()
        self._paused.clear()

    def set_input(self, frames: LatestSlot[Frame]) -> None:
        """Take frames from another slot, in a new generation. Close the old slot after this call only."""
        self._frames = frames
        self.begin_generation()

    def set_pipeline(self, pipeline: FrameProcessor) -> None:
        """Use `pipeline` from the next frame on; it continues from the present one."""
        self._next_pipelines.append(pipeline)

    def _run(self) -> None:
        while not self._stopping.is_set():
            # Read before the slot: a frame is never of a later generation than its slot.
            generation = self.generation
            frame = self._next_frame()
            self._change_pipeline()
            if frame is not None and not self._paused.is_set():
                self.output.put(self._process(generation, frame))

    def _change_pipeline(self) -> None:
        while self._next_pipelines:
            following = self._next_pipelines.popleft()
            following.continue_from(self._pipeline)
            self._pipeline = following

    def _next_frame(self) -> Frame | None:
        frames = self._frames
        try:
            return frames.get(_POLL_SECONDS)
        except CameraError as error:  # the capture thread opens the camera again by itself
            if frames is self._frames:
                self.fail(error)
            return None
        except SlotClosed:
            if frames is not self._frames:  # the source was replaced
                return None
            raise

    def _process(self, generation: int, frame: Frame) -> ProcessedFrame:
        taken = time.monotonic()
        try:
            if generation != self._processed_generation:
                self._pipeline.reset()
                self._processed_generation = generation
            return ProcessedFrame(generation, self._pipeline.replace(frame), taken=taken)
        except Exception as error:  # fail closed: a stage that raises gives no frame
            return ProcessedFrame(generation, None, error, taken)
