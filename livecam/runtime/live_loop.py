"""The loop that owns time, devices and stopping, and what sinks get when there is no matte.

The contract: no pixel of the source reaches a sink except through a matte computed from the same frame. The
loop itself never touches a frame of the source: it hands on what the pipeline made, or the backdrop alone.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from livecam.backgrounds.base import Background
from livecam.backgrounds.placeholder import with_caption
from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import CameraError, CameraLostError
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.pipeline import Pipeline, safe_standalone_frame
from livecam.runtime.threads import CaptureThread, ProcessedFrame, ProcessingThread, SlotClosed
from livecam.sinks.base import Sink, SinkGroup, as_sink_error
from livecam.sources.base import Source

CAMERA_LOST_CAPTION = "camera lost"


@dataclass(frozen=True)
class Timeouts:
    """How long the loop waits, in seconds.

    After `stall` without a result the backdrop alone is shown, and again every `placeholder_interval`. A
    lost camera is waited
    for, for `camera_lost`. At the end each thread may take `shutdown` to let go of what it holds.
    """

    stall: float = 1.0
    placeholder_interval: float = 0.1
    camera_lost: float = 5.0
    shutdown: float = 0.5


@dataclass(frozen=True)
class RunStats:
    """How a run went: frames shown, frames a stage failed on, frames dropped for newer ones, seconds."""

    frames_shown: int
    frames_failed: int
    frames_dropped: int
    seconds: float


class RunControls:
    """What may be asked of a running loop, from the thread that runs it (keys) or from a signal's handler."""

    def __init__(self) -> None:
        self.running = False
        self.stopping = False
        self.paused = False
        self.backdrop: Background | None = None

    def stop(self) -> None:
        """End the run after this frame."""
        self.stopping = True

    def toggle_pause(self) -> None:
        """Show the backdrop alone, or go on."""
        self.paused = not self.paused

    def set_background(self, backdrop: Background) -> None:
        """Show another backdrop, already made, from the next frame on."""
        self.backdrop = backdrop


def run(
    source: Source,
    pipeline: Pipeline,
    sinks: Sequence[Sink],
    *,
    controls: RunControls | None = None,
    clock: Clock | None = None,
    timeouts: Timeouts | None = None,
    seconds: float | None = None,
    notify: Callable[[str], None] = lambda words: None,
    ready: Callable[[], None] = lambda: None,
) -> RunStats:
    """Show a source's frames, their background replaced, in all sinks, until it ends or is stopped.

    Args:
        source: opened (entered) already; the loop's reading thread closes it at the end.
        pipeline: replaces the background.
        sinks: opened already, closed by the caller; one that fails is left out, the others go on.
        controls: stop and pause.
        clock: measures patience and `seconds`.
        patience: how long to wait for results and for a lost camera.
        seconds: stop after so long; None: when the source ends.
        tell: takes one line for the user now and then.
        ready: called once all sinks have their first picture; a virtual camera can't be opened before.

    Raises:
        CameraError: the camera stayed lost.
        SinkError: no sink is left, or, at the end, one had failed.
    """
    loop = LiveLoop(
        source,
        pipeline,
        sinks,
        controls or RunControls(),
        clock or SystemClock(),
        timeouts or Timeouts(),
        notify,
    )
    return loop.run(seconds, ready)


class LiveLoop:
    """Loop that feeds the sinks; see `run`."""

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        sinks: Sequence[Sink],
        controls: RunControls,
        clock: Clock,
        timeouts: Timeouts,
        notify: Callable[[str], None],
    ) -> None:
        self._pipeline, self._controls, self._clock = pipeline, controls, clock
        self._timeouts, self._tell = timeouts, notify
        self._size = Size(*source.size)
        self._outlets = SinkGroup(sinks, notify)
        self._reader: CaptureThread[Frame] = CaptureThread(source)
        self._worker = ProcessingThread(self._reader, pipeline)
        self._shown = self._failed = 0
        self._trouble: str | None = None
        self._lost_since: float | None = None
        self._paused = False
        # Drawn now and kept: when something hangs, nothing must be asked of a stage.
        self._alone = pipeline.render_standalone(self._size)
        self._lost_card = with_caption(self._alone, CAMERA_LOST_CAPTION)
        self._last_result = self._last_card = clock.now()

    def run(self, limit: float | None, ready: Callable[[], None]) -> RunStats:
        """Run until the source ends, `limit` seconds have passed or a stop is requested."""
        start = self._clock.now()
        self._controls.running = True
        try:
            # First of all, as from here on it closes the source.
            self._reader.start()
            self._send_placeholder()
            ready()
            self._worker.start()
            while not self._controls.stopping and (limit is None or self._clock.now() - start < limit):
                self._step()
        except SlotClosed:
            pass
        finally:
            seconds = self._clock.now() - start
            self._worker.stop()
            self._reader.stop()
            # The last thing anyone sees is the backdrop; on the way out nothing may stand in its way.
            self._lost_since = None
            with suppress(Exception):
                self._send_placeholder()
            self._worker.ended.wait(self._timeouts.shutdown)
            self._reader.ended.wait(self._timeouts.shutdown)
        if self._outlets.errors:
            raise as_sink_error(self._outlets.errors[0])
        dropped = self._reader.latest.dropped + self._worker.results.dropped
        return RunStats(self._shown, self._failed, dropped, seconds)

    def _step(self) -> None:
        self._apply_background_switch()
        self._apply_pause()
        try:
            result = self._worker.results.get(self._timeouts.placeholder_interval)
        except CameraError as error:
            self._on_camera_lost(error)
            result = None
        if result is not None and result.generation == self._worker.generation and not self._paused:
            self._send_result(result)
        else:
            self._give_up_if_lost()
            if self._placeholder_due():
                self._send_placeholder()

    def _apply_background_switch(self) -> None:
        backdrop, self._controls.backdrop = self._controls.backdrop, None
        if backdrop is not None:
            self._alone = safe_standalone_frame(backdrop, self._size)
            self._lost_card = with_caption(self._alone, CAMERA_LOST_CAPTION)
            self._pipeline.set_background(backdrop)

    def _apply_pause(self) -> None:
        if self._controls.paused == self._paused:
            return
        self._paused = self._controls.paused
        if self._paused:
            self._worker.pause()
            self._send_placeholder()
        else:
            self._last_result = self._clock.now()
            self._worker.resume()

    def _on_camera_lost(self, error: CameraError) -> None:
        if self._lost_since is None:
            self._lost_since = self._clock.now()
            self._worker.begin_generation()
            self._tell(f"{error}")
            self._send_placeholder()
        self._give_up_if_lost(error)

    def _give_up_if_lost(self, error: CameraError | None = None) -> None:
        if self._lost_since is not None and self._clock.now() - self._lost_since > self._timeouts.camera_lost:
            raise error or CameraLostError("the camera did not come back; plug it in and start livecam again")

    def _send_result(self, result: ProcessedFrame) -> None:
        if self._lost_since is not None:
            self._tell("the camera is back")
        self._last_result, self._lost_since = self._clock.now(), None
        if result.frame is None:
            self._failed += 1
            self._notify_once(f"a stage failed, the backdrop is shown instead: {result.error}")
            self._send_placeholder()
            return
        self._trouble = None
        self._shown += 1
        self._outlets.send(result.frame)

    def _notify_once(self, words: str) -> None:
        if words != self._trouble:
            self._trouble = words
            self._tell(words)

    def _placeholder_due(self) -> bool:
        now = self._clock.now()
        waiting = (
            self._paused or self._lost_since is not None or now - self._last_result >= self._timeouts.stall
        )
        return waiting and now - self._last_card >= self._timeouts.placeholder_interval

    def _send_placeholder(self) -> None:
        self._last_card = self._clock.now()
        self._outlets.send(self._alone if self._lost_since is None else self._lost_card)
