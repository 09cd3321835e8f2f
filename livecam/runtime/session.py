"""Live session: opens source, stages and sinks of the settings, and closes them in reverse order."""

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from livecam.backgrounds.base import Background
from livecam.backgrounds.factory import create_background
from livecam.backgrounds.procedural import PROCEDURAL_BACKGROUNDS
from livecam.core.clock import Clock, SystemClock
from livecam.core.config import LiveSettings
from livecam.core.errors import LivecamError, SinkError, UsageError
from livecam.core.geometry import Size
from livecam.devices.viewer_monitor import ViewerMonitor
from livecam.imaging.ops import use_one_opencv_thread
from livecam.models.base import MatteModel
from livecam.models.segmenter import LiteRTSegmenter
from livecam.pipeline import Pipeline
from livecam.runtime.controls import RunControls
from livecam.runtime.live_changes import LiveChanges, RunningSink, Stages
from livecam.runtime.live_loop import RunStats, Timeouts, run
from livecam.sinks.base import Sink
from livecam.sinks.preview import PreviewAction, PreviewSink
from livecam.sinks.virtual_camera import VirtualCameraSink
from livecam.sources.base import Source
from livecam.sources.factory import open_source
from livecam.sources.on_demand import OnDemandSource

if TYPE_CHECKING:
    from livecam.sinks.recorder import Recorder

logger = logging.getLogger("livecam.runtime")


class LiveCompanion(Protocol):
    """Program beside a live run that watches and changes it: the control panel."""

    @property
    def sink(self) -> Sink:
        """Sink that gets the frames of the run."""

    def attach(self, changes: LiveChanges) -> None:
        """Start; called before the first frame, when everything is open."""


def build_pipeline(
    settings: LiveSettings,
    clock: Clock | None = None,
    model: MatteModel | None = None,
    background: Background | None = None,
) -> Pipeline:
    """Build the pipeline of the settings.

    Args:
        settings: All settings of the stages.
        clock: Time of frames that come without a timestamp.
        model: A loaded model; None loads that of the settings.
        background: An open background, which the pipeline closes; None opens the first of the settings.

    Raises:
        LivecamError: As `Pipeline.load` raises it.
    """
    return Pipeline.load(
        settings.model if model is None else model,
        settings.background[0] if background is None else background,
        fit=settings.fit,
        slide_seconds=settings.slide_seconds,
        **vars(settings.picture),
        threads=settings.threads,
        clock=clock,
    )


def run_live(
    settings: LiveSettings, controls: RunControls, companion: LiveCompanion | None = None
) -> RunStats:
    """Run until the source ends or `controls` stop it. Messages go to the logger ``livecam.runtime``.

    Args:
        settings: All settings of the run.
        controls: Command queue of the run.
        companion: Watches and changes the run; the caller closes it.

    Raises:
        LivecamError: Something cannot be opened, or an error ended the run.
    """
    use_one_opencv_thread()
    clock = SystemClock()
    watched = settings.preview or companion is not None
    if settings.record is None and not watched and not settings.virtual_camera:
        raise UsageError(
            "nothing shows you: leave out --no-virtual-camera, or add --record FILE or --preview"
        )
    if settings.on_demand and (settings.record or settings.preview or not settings.virtual_camera):
        raise UsageError("--on-demand is for the virtual camera alone: leave out --record and --preview")
    pipeline = build_pipeline(settings, clock)
    with ExitStack() as stack:
        stack.callback(pipeline.close)
        stack.callback(controls.close)
        playlist = BackgroundPlaylist(settings, clock)
        playlist.check()
        source = _make_source(settings, clock)
        source.__enter__()
        # The loop closes the source; this stack closes it if the loop is never reached.
        until_loop = stack.enter_context(ExitStack())
        until_loop.callback(source.__exit__, None, None, None)
        sinks = _open_sinks(settings, source, pipeline, playlist, controls, stack, companion)
        monitor = stack.enter_context(ExitStack())
        if isinstance(source, OnDemandSource):
            device = _virtual_camera_device(sinks)
            source.set_monitor(monitor.enter_context(ViewerMonitor(device, clock=clock)))
        if companion is not None:
            camera = next((sink for sink in sinks if isinstance(sink, VirtualCameraSink)), None)
            # A recorder is the first sink; its class costs an import that other runs don't need.
            recorder = cast("Recorder", sinks[0]) if settings.record is not None else None
            stages = make_stages(clock, monitor)
            changes = LiveChanges(settings, controls, stages, source, pipeline.segmenter, camera, recorder)
            stack.callback(changes.close)
            companion.attach(changes)
        until_loop.pop_all()
        endless = companion is not None or any(
            isinstance(sink, VirtualCameraSink | PreviewSink) for sink in sinks
        )
        return run(
            source,
            pipeline,
            sinks,
            controls=controls,
            clock=clock,
            timeouts=Timeouts(camera_lost=float("inf")) if endless else Timeouts(),
            seconds=settings.seconds,
            ready=lambda: logger.info("%s", _describe(settings, source, sinks)),
        )


def make_stages(clock: Clock, monitor: ExitStack) -> Stages:
    """Return what builds the parts of a run that is changed while it runs.

    Args:
        clock: Clock of the run.
        monitor: Holds the viewer monitor of the present source, if it has one. A source that is opened
            closes the monitor of the source before; the caller closes the last one.
    """

    def open_source_of(settings: LiveSettings, device: str) -> Source:
        source = _make_source(settings, clock)
        with ExitStack() as opened:
            if isinstance(source, OnDemandSource):
                source.set_monitor(opened.enter_context(ViewerMonitor(device, clock=clock)))
            source.__enter__()
            # Only now: if the source can't be opened, the present one goes on with its monitor.
            monitor.close()
            monitor.push(opened.pop_all())
        return source

    def open_background(settings: LiveSettings, spec: str) -> Background:
        return create_background(spec, fit=settings.fit, clock=clock, slide_seconds=settings.slide_seconds)

    def open_virtual_camera(settings: LiveSettings, size: Size, fps: float) -> RunningSink:
        return VirtualCameraSink(size, fps, device=settings.device).__enter__()

    return Stages(
        open_source_of,
        lambda settings: LiteRTSegmenter.load(settings.model, settings.threads),
        open_background,
        lambda settings, model, background: build_pipeline(settings, clock, model, background),
        open_virtual_camera,
    )


def _make_source(settings: LiveSettings, clock: Clock) -> Source:
    def camera() -> Source:
        return open_source(settings.camera, size=settings.size, fps=settings.fps, clock=clock)

    if settings.on_demand:
        return OnDemandSource(camera, settings.size, settings.fps, clock=clock)
    return camera()


def _virtual_camera_device(sinks: list[Sink]) -> str:
    """Return the device file of the virtual camera; empty if there is none."""
    return next((sink.device for sink in sinks if isinstance(sink, VirtualCameraSink)), "")


def _describe(settings: LiveSettings, source: Source, sinks: list[Sink]) -> str:
    outputs = [f"virtual camera {s.device}" for s in sinks if isinstance(s, VirtualCameraSink)]
    outputs += [str(settings.record)] if settings.record else []
    outputs += ["preview"] if settings.preview else []
    outputs += ["panel"] if settings.panel else []
    return f"camera {settings.camera} ({source.format_description}) to {', '.join(outputs)}; Ctrl-C ends"


def _open_sinks(
    settings: LiveSettings,
    source: Source,
    pipeline: Pipeline,
    playlist: "BackgroundPlaylist",
    controls: RunControls,
    stack: ExitStack,
    companion: LiveCompanion | None,
) -> list[Sink]:
    sinks: list[Sink] = []
    device_named = settings.device is not None and settings.virtual_camera
    watched = settings.preview or companion is not None
    if pipeline.transparent and (watched or settings.record is None or device_named):
        raise UsageError(
            "a transparent background can only be recorded: --record FILE.webm, .mov or a folder"
        )
    if settings.record is not None:
        # Imported here, because PyAV costs 80 ms that a run without a recording does not need.
        from livecam.sinks.recorder import Recorder

        recorder = Recorder(
            settings.record,
            source.size,
            source.fps,
            overwrite=settings.overwrite,
            transparent=pipeline.transparent,
        )
        sinks.append(stack.enter_context(recorder))
    if settings.preview:
        keys = KeyBindings(controls, playlist)
        sinks.append(stack.enter_context(PreviewSink("livecam", mirror=settings.mirror, keys=keys.press)))
    if companion is not None:
        sinks.append(companion.sink)
    if settings.virtual_camera and not pipeline.transparent:
        camera = VirtualCameraSink(source.size, source.fps, device=settings.device)
        try:
            sinks.append(stack.enter_context(camera))
        except SinkError as error:
            # A device that was named, or the only output, must work.
            if settings.device or not sinks:
                raise
            logger.warning("going on without one: %s", error)
    return sinks


@dataclass
class BackgroundPlaylist:
    """Backgrounds that the preview's keys step through.

    They are those of the settings; if there is only one, blur and the procedural backgrounds follow it.

    Attributes:
        names: What `create_background` takes, in order.
        position: Index of the current one.
    """

    settings: LiveSettings
    clock: Clock

    def __post_init__(self) -> None:
        chosen = self.settings.background
        more = (
            [name for name in ("blur", *sorted(PROCEDURAL_BACKGROUNDS)) if name not in chosen]
            if len(chosen) == 1
            else []
        )
        self.names = [*chosen, *more]
        self.position = 0

    def check(self) -> None:
        """Open and close the backgrounds of the settings that are not shown yet.

        Raises:
            LivecamError: One cannot be read; an error now is better than in the middle of a call.
        """
        for name in self.settings.background[1:]:
            self._open(name).close()

    def step(self, offset: int) -> Background:
        """Open the next (1) or previous (-1) background.

        Raises:
            LivecamError: It cannot be read.
        """
        self.position = (self.position + offset) % len(self.names)
        return self._open(self.names[self.position])

    def _open(self, name: str) -> Background:
        settings = self.settings
        return create_background(
            name, fit=settings.fit, clock=self.clock, slide_seconds=settings.slide_seconds
        )


class KeyBindings:
    """Maps the preview's keys to commands of the run."""

    def __init__(self, controls: RunControls, playlist: BackgroundPlaylist) -> None:
        self._controls, self._playlist = controls, playlist

    def press(self, key: PreviewAction) -> None:
        """Execute a key. A background that cannot be read is reported and skipped."""
        if key is PreviewAction.QUIT:
            self._controls.stop()
        elif key is PreviewAction.PAUSE:
            self._controls.toggle_pause()
        elif key in (PreviewAction.NEXT, PreviewAction.PREVIOUS):
            try:
                background = self._playlist.step(1 if key is PreviewAction.NEXT else -1)
            except LivecamError as error:
                logger.warning("%s", error)
                return
            self._controls.set_background(background)
            logger.info("background: %s", self._playlist.names[self._playlist.position])
