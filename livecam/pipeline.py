"""The way of a frame: segment, smooth, sharpen, composite."""

from __future__ import annotations

from collections import deque

import numpy as np

from livecam.backgrounds.base import Background
from livecam.backgrounds.factory import FitMode, create_background
from livecam.backgrounds.placeholder import placeholder_frame
from livecam.backgrounds.static import TransparentBackground
from livecam.core.clock import Clock, StageTimer, SystemClock
from livecam.core.errors import FrameError, UsageError
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte, RgbaFrame, check_frame, check_matte
from livecam.imaging.compositing import alpha_composite, extract_foreground
from livecam.matting.base import MatteUpsampler, TemporalFilter
from livecam.matting.cleanup import clean_matte
from livecam.matting.guided_filter import GuidedFilterSettings, GuidedFilterUpsampler
from livecam.matting.scene_cut import SceneCutDetector
from livecam.matting.temporal_filter import AdaptiveTemporalFilter
from livecam.models.base import MatteModel
from livecam.models.segmenter import LiteRTSegmenter

STALL_SECONDS = 0.5


class Pipeline:
    """Frames in, frames with another background out. What raises gives no frame at all: it fails closed."""

    def __init__(
        self,
        segmenter: MatteModel,
        temporal_filter: TemporalFilter,
        upsampler: MatteUpsampler,
        background: Background,
        *,
        light_wrap: float = 0.0,
        clock: Clock | None = None,
    ) -> None:
        if not 0.0 <= light_wrap <= 1.0:
            raise UsageError(f"light-wrap must lie between 0 and 1, not {light_wrap:g}")
        self.segmenter, self.temporal_filter, self.upsampler, self.background = (
            segmenter,
            temporal_filter,
            upsampler,
            background,
        )
        self.light_wrap = light_wrap
        self.timer = StageTimer()
        self._clock: Clock = clock or SystemClock()
        self._scene_cuts = SceneCutDetector()
        self._last_seconds: float | None = None
        self._pending_close: deque[Background] = deque()

    @classmethod
    def load(
        cls,
        model: str = "person",
        background: str = "blur",
        *,
        fit: FitMode = FitMode.COVER,
        slide_seconds: float = 10.0,
        edge: float = 0.0,
        light_wrap: float = 0.0,
        threads: int = 2,
        clock: Clock | None = None,
    ) -> Pipeline:
        """Put the stages together.

        Args:
            model: a shipped model's name, or the path of a ``.tflite`` file.
            background: what ``--background`` takes: a picture, a video, a colour, ``blur`` and so on.
            fit: how a picture or video fills the frame.
            slide_seconds: how long each picture of a folder stays.
            edge: pixels of a 720 pixel high frame; negative shrinks what is kept, positive grows it.
            light_wrap: 0 to 1, how much of the backdrop's light falls on the subject's edges.
            threads: for the network.
            clock: what time it is for videos behind you and for noticing a stall.

        Raises:
            UsageError: no such model or background.
            ModelError: weights that can't be used.
            ImageError, VideoError: a background that can't be read.
        """
        clock = clock or SystemClock()
        segmenter = LiteRTSegmenter.load(model, threads)
        backdrop = create_background(background, fit=fit, clock=clock, slide_seconds=slide_seconds)
        edges = GuidedFilterUpsampler(GuidedFilterSettings(edge_offset=edge))
        return cls(segmenter, AdaptiveTemporalFilter(), edges, backdrop, light_wrap=light_wrap, clock=clock)

    @property
    def transparent(self) -> bool:
        """Whether `replace` gives cutouts (RGBA) instead of frames."""
        return isinstance(self.background, TransparentBackground)

    def matte(self, frame: Frame) -> Matte:
        """The matte of this frame, float32 (height, width) in [0, 1].

        Raises:
            FrameError: `picture` is none.
            MatteError: a stage gave nonsense.
        """
        check_frame(frame)
        self._reset_on_scene_change(frame)
        with self.timer.measure("segment"):
            rough = self.segmenter.predict(frame)
        small = np.shape(rough)
        check_matte(rough, small)
        with self.timer.measure("smooth"):
            calm = self.temporal_filter.apply(clean_matte(rough))
        check_matte(calm, small)
        with self.timer.measure("sharpen"):
            matte = self.upsampler.upsample(calm, frame)
        return check_matte(matte, frame.shape[:2])

    def replace(self, frame: Frame) -> Frame | RgbaFrame:
        """This frame before another background, uint8 RGB; RGBA if the background is ``transparent``.

        Raises:
            FrameError, MatteError: the frame or what a stage gave is nonsense.
        """
        self._close_pending()
        matte = self.matte(frame)
        backdrop = self.background
        with self.timer.measure("backdrop"):
            behind = (
                None
                if isinstance(backdrop, TransparentBackground)
                else _check_size(backdrop.render(frame, matte), frame)
            )
        with self.timer.measure("composite"):
            if behind is None:
                return extract_foreground(frame, matte)
            return _check_size(alpha_composite(frame, behind, matte, self.light_wrap), frame)

    def render_standalone(self, size: Size) -> Frame | RgbaFrame:
        """What is shown when there is no matte: the backdrop, or a card if even that fails. Never raises."""
        return safe_standalone_frame(self.background, size)

    def set_background(self, background: Background) -> None:
        """Show another backdrop from the next frame on; the one before is closed then."""
        # Not here: another thread may be asking it for a picture just now.
        self._pending_close.append(self.background)
        self.background = background

    def close(self) -> None:
        """Let go of the backdrop; afterwards nothing more can be replaced. Quiet when called again."""
        self._pending_close.append(self.background)
        self._close_pending()

    def _close_pending(self) -> None:
        while self._pending_close:
            self._pending_close.popleft().close()

    def reset(self) -> None:
        """Forget all frames so far: another source, another clip."""
        self.temporal_filter.reset()
        self._scene_cuts.reset()
        self._last_seconds = None

    def _reset_on_scene_change(self, frame: Frame) -> None:
        now, last = self._clock.now(), self._last_seconds
        stalled = last is not None and not 0 <= now - last <= STALL_SECONDS
        self._last_seconds = now
        if self._scene_cuts.is_cut(frame) or stalled:
            self.temporal_filter.reset()


def safe_standalone_frame(background: Background, size: Size) -> Frame | RgbaFrame:
    """The backdrop without a subject, or a card if it fails at that. Never raises."""
    if isinstance(background, TransparentBackground):
        return np.zeros((size.height, size.width, 4), np.uint8)
    try:
        shown = background.render_standalone(size)
        if shown.shape == (size.height, size.width, 3) and shown.dtype == np.uint8:
            return shown
    except Exception:  # whatever a backdrop does wrong, something must stand before the room
        return placeholder_frame(size)
    return placeholder_frame(size)


def _check_size(made: Frame, frame: Frame) -> Frame:
    if check_frame(made).shape != frame.shape:
        raise FrameError(f"a stage made a frame of {made.shape} out of one of {frame.shape}")
    return made
