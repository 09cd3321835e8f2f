"""Settings to a live run: opens source, stages and sinks, hands them to the loop, closes them in reverse."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from livecam.backgrounds.base import Background
from livecam.backgrounds.factory import create_background
from livecam.backgrounds.procedural import PROCEDURAL_BACKGROUNDS
from livecam.core.clock import Clock, SystemClock
from livecam.core.config import LiveSettings
from livecam.core.errors import LivecamError, SinkError, UsageError
from livecam.devices.viewer_monitor import ViewerMonitor
from livecam.pipeline import Pipeline
from livecam.runtime.live_loop import RunControls, RunStats, Timeouts, run
from livecam.sinks.base import Sink
from livecam.sinks.preview import PreviewAction, PreviewSink
from livecam.sinks.recorder import Recorder
from livecam.sinks.virtual_camera import VirtualCameraSink
from livecam.sources.base import Source
from livecam.sources.factory import open_source
from livecam.sources.on_demand import OnDemandSource

Notify = Callable[[str], None]


def build_pipeline(settings: LiveSettings, clock: Clock) -> Pipeline:
    """The pipeline that settings ask for, with their first background.

    Raises:
        LivecamError: whatever `Pipeline.load` raises.
    """
    return Pipeline.load(
        settings.model,
        settings.background[0],
        fit=settings.fit,
        slide_seconds=settings.slide_seconds,
        edge=settings.edge,
        light_wrap=settings.light_wrap,
        threads=settings.threads,
        clock=clock,
    )


def run_live(settings: LiveSettings, controls: RunControls, tell: Notify) -> RunStats:
    """Run until the source ends or `controls` stop it.

    Raises:
        LivecamError: what can't be opened, or ends the run.
    """
    clock = SystemClock()
    if settings.record is None and not settings.preview and not settings.virtual_camera:
        raise UsageError(
            "nothing shows you: leave out --no-virtual-camera, or add --record FILE or --preview"
        )
    if settings.on_demand and (settings.record or settings.preview or not settings.virtual_camera):
        raise UsageError("--on-demand is for the virtual camera alone: leave out --record and --preview")
    pipeline = build_pipeline(settings, clock)
    with ExitStack() as stack:
        stack.callback(pipeline.close)
        shelf = BackgroundPlaylist(settings, clock)
        shelf.check()
        source = _make_source(settings, clock, tell)
        source.__enter__()
        # The loop closes it; should we not get there, we do.
        ours = stack.enter_context(ExitStack())
        ours.callback(source.__exit__, None, None, None)
        sinks = _open_sinks(settings, source, pipeline, shelf, controls, stack, tell)
        if isinstance(source, OnDemandSource):
            source.set_monitor(
                stack.enter_context(ViewerMonitor(_feeds_virtual_camera(sinks), notify=tell, clock=clock))
            )
        ours.pop_all()
        lasting = any(isinstance(sink, VirtualCameraSink | PreviewSink) for sink in sinks)
        patience = Timeouts(camera_lost=float("inf")) if lasting else Timeouts()
        return run(
            source,
            pipeline,
            sinks,
            controls=controls,
            clock=clock,
            timeouts=patience,
            seconds=settings.seconds,
            notify=tell,
            ready=lambda: tell(_describe(settings, source, sinks)),
        )


def _make_source(settings: LiveSettings, clock: Clock, tell: Notify) -> Source:
    def camera() -> Source:
        return open_source(settings.camera, size=settings.size, fps=settings.fps, clock=clock)

    if settings.on_demand:
        return OnDemandSource(camera, settings.size, settings.fps, notify=tell, clock=clock)
    return camera()


def _feeds_virtual_camera(sinks: list[Sink]) -> str:
    """The virtual camera's device file."""
    return next((sink.device for sink in sinks if isinstance(sink, VirtualCameraSink)), "")


def _describe(settings: LiveSettings, source: Source, sinks: list[Sink]) -> str:
    places = [f"virtual camera {s.device}" for s in sinks if isinstance(s, VirtualCameraSink)]
    places += [str(settings.record)] if settings.record else []
    places += ["preview"] if settings.preview else []
    return f"camera {settings.camera} ({source.format_description}) to {', '.join(places)}; Ctrl-C ends"


def _open_sinks(
    settings: LiveSettings,
    source: Source,
    pipeline: Pipeline,
    shelf: "BackgroundPlaylist",
    controls: RunControls,
    stack: ExitStack,
    tell: Notify,
) -> list[Sink]:
    sinks: list[Sink] = []
    named = settings.device is not None and settings.virtual_camera
    if pipeline.transparent and (settings.preview or settings.record is None or named):
        raise UsageError(
            "a transparent background can only be recorded: --record FILE.webm, .mov or a folder"
        )
    if settings.record is not None:
        recorder = Recorder(
            settings.record,
            source.size,
            source.fps,
            overwrite=settings.overwrite,
            transparent=pipeline.transparent,
        )
        sinks.append(stack.enter_context(recorder))
    if settings.preview:
        keys = KeyBindings(controls, shelf, tell)
        sinks.append(stack.enter_context(PreviewSink("livecam", mirror=settings.mirror, keys=keys.press)))
    if settings.virtual_camera and not pipeline.transparent:
        camera = VirtualCameraSink(source.size, source.fps, device=settings.device)
        try:
            sinks.append(stack.enter_context(camera))
        except SinkError as error:
            # Asked for by name, or the only way out: then it must work.
            if settings.device or not sinks:
                raise
            tell(f"going on without one: {error}")
    return sinks


@dataclass
class BackgroundPlaylist:
    """The backgrounds to go through with keys: the asked ones; if one only, the drawn ones and blur too."""

    settings: LiveSettings
    clock: Clock

    def __post_init__(self) -> None:
        asked = self.settings.background
        more = (
            [name for name in ("blur", *sorted(PROCEDURAL_BACKGROUNDS)) if name not in asked]
            if len(asked) == 1
            else []
        )
        self.names = [*asked, *more]
        self.place = 0

    def check(self) -> None:
        """Try the asked backgrounds that are not shown yet.

        Raises:
            LivecamError: one can't be read; better now than in the middle of a talk.
        """
        for name in self.settings.background[1:]:
            self._open(name).close()

    def step(self, step: int) -> Background:
        """The next (1) or previous (-1) background.

        Raises:
            LivecamError: it can't be read.
        """
        self.place = (self.place + step) % len(self.names)
        return self._open(self.names[self.place])

    def _open(self, name: str) -> Background:
        s = self.settings
        return create_background(name, fit=s.fit, clock=self.clock, slide_seconds=s.slide_seconds)


class KeyBindings:
    """What the preview's keys do."""

    def __init__(self, controls: RunControls, shelf: BackgroundPlaylist, tell: Notify) -> None:
        self._controls, self._shelf, self._tell = controls, shelf, tell

    def press(self, key: PreviewAction) -> None:
        """Do what a key asks for; a background that can't be read is told and left out."""
        if key is PreviewAction.QUIT:
            self._controls.stop()
        elif key is PreviewAction.PAUSE:
            self._controls.toggle_pause()
        elif key in (PreviewAction.NEXT, PreviewAction.PREVIOUS):
            try:
                self._controls.set_background(self._shelf.step(1 if key is PreviewAction.NEXT else -1))
                self._tell(f"background: {self._shelf.names[self._shelf.place]}")
            except LivecamError as error:
                self._tell(str(error))
