"""The live loop: it owns time, threads and stopping, and decides what the sinks get when there is no matte.

The fail-closed contract: no pixel of the source reaches a sink except through a matte computed from the same
frame. The loop never touches a frame of the source. It has two statements that send: `_send_result` sends a
frame that the pipeline returned, in state LIVE only; `_send_placeholder` sends the background alone.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from livecam.backgrounds.base import Background
from livecam.backgrounds.placeholder import with_caption
from livecam.core.background_thread import LatestSlot, SlotClosed
from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import CameraError, CameraLostError
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.pipeline import Pipeline, safe_standalone_frame
from livecam.runtime.controls import (
    AddSink,
    Command,
    ReleaseSource,
    RemoveSink,
    ReplacePipeline,
    ReplaceSource,
    RunControls,
    RunFigures,
    SetBackground,
    SetPicture,
    Stop,
    TogglePause,
    close_quietly,
)
from livecam.runtime.states import LoopEvent, LoopState, next_state
from livecam.runtime.threads import CaptureThread, ProcessedFrame, ProcessingThread
from livecam.sinks.base import Sink, SinkGroup, as_sink_error
from livecam.sources.base import Source

logger = logging.getLogger("livecam.runtime")

CAMERA_LOST_CAPTION = "camera lost"
_WAITING = frozenset({LoopState.STALLED, LoopState.PAUSED, LoopState.CAMERA_LOST})


@dataclass(frozen=True)
class Timeouts:
    """Times of a live run, in seconds.

    Attributes:
        stall: After so long without a result the placeholder is shown.
        placeholder_interval: The placeholder is sent again after so long.
        camera_lost: A lost camera ends the run after so long.
        shutdown: Each thread may take so long to release its resources at the end.
    """

    stall: float = 1.0
    placeholder_interval: float = 0.1
    camera_lost: float = 5.0
    shutdown: float = 0.5


@dataclass(frozen=True)
class RunStats:
    """Statistics of a run.

    Attributes:
        frames_shown: Frames with a replaced background that were sent to the sinks.
        frames_failed: Frames that were hidden because a stage failed.
        frames_dropped: Frames that were dropped because a newer one was there.
        seconds: Duration of the run.
    """

    frames_shown: int
    frames_failed: int
    frames_dropped: int
    seconds: float


def run(
    source: Source,
    pipeline: Pipeline,
    sinks: Sequence[Sink],
    *,
    controls: RunControls | None = None,
    clock: Clock | None = None,
    timeouts: Timeouts | None = None,
    seconds: float | None = None,
    ready: Callable[[], None] = lambda: None,
) -> RunStats:
    """Send the frames of a source, with a replaced background, to all sinks until it ends or is stopped.

    Messages for the user (lost camera, failed stage, failed sink) go to the logger ``livecam.runtime``.

    Args:
        source: Opened (entered) already; the capture thread closes it at the end.
        pipeline: Replaces the background.
        sinks: Opened already, closed by the caller. One that fails is left out, the others continue.
        controls: Command queue: stop, pause, another background. It is closed at the end.
        clock: Measures the timeouts and `seconds`.
        timeouts: How long to wait for results and for a lost camera.
        seconds: Stop after so long; None: when the source ends.
        ready: Called once every sink has its first frame. Call programs can open a virtual camera only then.

    Raises:
        CameraError: The camera stayed lost.
        SinkError: No sink is left, or one had failed during the run.
    """
    loop = LiveLoop(
        source,
        pipeline,
        sinks,
        controls or RunControls(),
        clock or SystemClock(),
        timeouts or Timeouts(),
    )
    return loop.run(seconds, ready)


class LiveLoop:
    """Loop that feeds the sinks; see `run`. All methods run on the thread that calls `run`."""

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        sinks: Sequence[Sink],
        controls: RunControls,
        clock: Clock,
        timeouts: Timeouts,
    ) -> None:
        self._pipeline, self._controls, self._clock, self._timeouts = pipeline, controls, clock, timeouts
        self._size = Size(*source.size)
        self._sinks = SinkGroup(sinks)
        self._capture = CaptureThread(source)
        self._processing = ProcessingThread(self._capture.output, pipeline)
        self._first_pipeline = pipeline
        # Events to set once a released source is closed: (the capture thread's end, the event).
        self._releasing: list[tuple[threading.Event, threading.Event]] = []
        self._dropped_before = 0  # frames dropped from sources that were replaced
        self._frames_shown = self._frames_failed = 0
        self._paused = False  # requested by the user, also while the camera is lost
        self._last_failure = ""
        # Rendered now and kept: when a stage hangs, the loop must not need a stage.
        self._placeholder = pipeline.render_standalone(self._size)
        self._camera_lost_placeholder = with_caption(self._placeholder, CAMERA_LOST_CAPTION)
        self._last_result_time = self._last_placeholder_time = self._lost_time = clock.now()

    def run(self, limit: float | None, ready: Callable[[], None]) -> RunStats:
        """Run until the source ends, `limit` seconds have passed or a stop is requested."""
        start = self._clock.now()
        self._controls.running = True
        try:
            # First, because from here on the capture thread closes the source.
            self._capture.start()
            self._send_placeholder()
            ready()
            self._processing.start()
            while self._state is not LoopState.STOPPING and (
                limit is None or self._clock.now() - start < limit
            ):
                self._step()
        except SlotClosed:  # the source ended
            pass
        finally:
            seconds = self._clock.now() - start
            self._shut_down()
        if self._sinks.errors:
            raise as_sink_error(self._sinks.errors[0])
        return RunStats(self._frames_shown, self._frames_failed, self._count_dropped(), seconds)

    def _count_dropped(self) -> int:
        return self._dropped_before + self._capture.output.dropped + self._processing.output.dropped

    def _shut_down(self) -> None:
        self._processing.stop()
        self._capture.stop()
        self._handle(LoopEvent.STOP)
        # The last frame that a sink gets is the background alone; an error must not prevent the clean-up.
        with suppress(Exception):
            self._send_placeholder()
        self._controls.close()
        self._processing.ended.wait(self._timeouts.shutdown)
        self._capture.ended.wait(self._timeouts.shutdown)
        for _, released in self._releasing:
            released.set()
        if self._pipeline is not self._first_pipeline:  # the caller closes the first one
            self._pipeline.close()

    @property
    def _state(self) -> LoopState:
        return self._controls.state

    def _handle(self, event: LoopEvent) -> None:
        """Apply `event` to the state; the only place that changes the state."""
        before, after = self._state, next_state(self._state, event)
        if before is after:
            return
        logger.debug("state: %s -> %s (%s)", before.value, after.value, event.value)
        self._controls.state = after
        if after is LoopState.CAMERA_LOST:
            self._lost_time = self._clock.now()
            self._processing.begin_generation()
        elif before is LoopState.CAMERA_LOST and event in (
            LoopEvent.RESULT,
            LoopEvent.CAMERA_BACK_WHILE_PAUSED,
        ):
            logger.info("the camera is back")
        if after is LoopState.STARTING:
            self._last_result_time = self._clock.now()

    def _step(self) -> None:
        self._execute_commands()
        self._report_released()
        if self._state is LoopState.STOPPING:
            return
        try:
            result = self._processing.get(self._timeouts.placeholder_interval)
        except CameraError as error:
            self._on_camera_error(error)
            result = None
        if result is not None and result.generation == self._processing.generation and not self._paused:
            self._send_result(result)
            return
        self._check_time()
        if self._placeholder_due():
            self._send_placeholder()

    def _execute_commands(self) -> None:
        background: Background | None = None
        for command in self._controls.take():
            if isinstance(command, SetBackground):
                if background is not None:  # replaced before it was ever shown
                    close_quietly(background)
                background = command.background
            else:
                self._execute(command)
        if background is not None:
            self._set_background(background)

    def _execute(self, command: Command) -> None:
        if isinstance(command, Stop):
            self._handle(LoopEvent.STOP)
        elif isinstance(command, TogglePause):
            self._toggle_pause()
        elif isinstance(command, SetPicture):
            self._pipeline.set_picture(command.picture)
        elif isinstance(command, ReplacePipeline):
            self._replace_pipeline(command.build)
        elif isinstance(command, ReleaseSource):
            self._releasing.append((self._capture.ended, command.released))
            self._set_input(LatestSlot())
        elif isinstance(command, ReplaceSource):
            self._replace_source(command.source)
        elif isinstance(command, AddSink):
            self._sinks.add(command.sink)
        elif isinstance(command, RemoveSink):
            self._sinks.remove(command.sink)
            command.removed.set()

    def _replace_pipeline(self, build: Callable[[Pipeline], Pipeline]) -> None:
        try:
            pipeline = build(self._pipeline)
        except Exception as error:  # a setting that fails must not end the run
            logger.warning("the picture stays as it is: %s", error)
            return
        self._pipeline = pipeline
        self._processing.set_pipeline(pipeline)

    def _replace_source(self, source: Source) -> None:
        capture = CaptureThread(source)
        self._set_input(capture.output)
        self._dropped_before += self._capture.output.dropped
        self._capture = capture
        capture.start()
        if self._size != source.size:
            self._size = Size(*source.size)
            self._render_placeholders(self._pipeline.background)

    def _set_input(self, frames: LatestSlot[Frame]) -> None:
        """Take frames from another slot; the background alone is shown until its first result."""
        self._processing.set_input(frames)
        self._capture.stop()
        self._handle(LoopEvent.SOURCE_CHANGED)
        if self._paused:
            self._handle(LoopEvent.PAUSE)
        self._send_placeholder()

    def _report_released(self) -> None:
        for pair in tuple(self._releasing):
            if pair[0].is_set():
                self._releasing.remove(pair)
                pair[1].set()

    def _set_background(self, background: Background) -> None:
        self._render_placeholders(background)
        self._pipeline.set_background(background)

    def _render_placeholders(self, background: Background) -> None:
        self._placeholder = safe_standalone_frame(background, self._size)
        self._camera_lost_placeholder = with_caption(self._placeholder, CAMERA_LOST_CAPTION)

    def _toggle_pause(self) -> None:
        self._paused = self._controls.paused = not self._paused
        if self._paused:
            self._processing.pause()
            self._handle(LoopEvent.PAUSE)
            self._send_placeholder()
        else:
            self._handle(LoopEvent.RESUME)
            self._processing.resume()

    def _on_camera_error(self, error: CameraError) -> None:
        if self._state is not LoopState.CAMERA_LOST:
            self._handle(LoopEvent.CAMERA_LOST)
            logger.warning("%s", error)
            self._send_placeholder()
        self._give_up_if_lost_too_long(error)

    def _check_time(self) -> None:
        """Notice what only the clock and the capture thread know: a stall, a camera that stays lost."""
        if self._clock.now() - self._last_result_time >= self._timeouts.stall:
            self._handle(LoopEvent.STALL)
        if self._paused and not self._capture.is_camera_lost:
            # While paused no result says that the camera is back.
            self._handle(LoopEvent.CAMERA_BACK_WHILE_PAUSED)
        self._give_up_if_lost_too_long(None)

    def _give_up_if_lost_too_long(self, error: CameraError | None) -> None:
        lost = self._state is LoopState.CAMERA_LOST
        if lost and self._clock.now() - self._lost_time > self._timeouts.camera_lost:
            raise error or CameraLostError("the camera did not come back; plug it in and start livecam again")

    def _send_result(self, result: ProcessedFrame) -> None:
        self._last_result_time = self._clock.now()
        self._handle(LoopEvent.RESULT)
        if result.frame is None:
            self._frames_failed += 1
            self._warn_once(f"a stage failed, the background is shown instead: {result.error}")
            self._send_placeholder()
        elif self._state is LoopState.LIVE:
            self._last_failure = ""
            self._frames_shown += 1
            self._sinks.send(result.frame)
        self._controls.figures = RunFigures(
            self._frames_shown, self._frames_failed, self._count_dropped(), time.monotonic() - result.taken
        )

    def _warn_once(self, message: str) -> None:
        if message != self._last_failure:
            self._last_failure = message
            logger.warning("%s", message)

    def _placeholder_due(self) -> bool:
        elapsed = self._clock.now() - self._last_placeholder_time
        return self._state in _WAITING and elapsed >= self._timeouts.placeholder_interval

    def _send_placeholder(self) -> None:
        self._last_placeholder_time = self._clock.now()
        lost = self._state is LoopState.CAMERA_LOST
        self._sinks.send(self._camera_lost_placeholder if lost else self._placeholder)
