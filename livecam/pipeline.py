"""The way of a frame: segment, smooth, sharpen, composite."""

from __future__ import annotations

from collections import deque

import numpy as np

from livecam.backgrounds.base import Backdrop
from livecam.backgrounds.factory import Fit, choose
from livecam.backgrounds.placeholder import back_soon
from livecam.backgrounds.static import Transparent
from livecam.core.clock import Clock, Stopwatch, SystemClock
from livecam.core.errors import FrameError, UsageError
from livecam.core.geometry import Size
from livecam.core.types import Cutout, Frame, Matte, check_frame, check_matte
from livecam.imaging.compositing import composite, cut_out
from livecam.matting.base import Sharpens, Smooths
from livecam.matting.cleanup import tidy
from livecam.matting.guided_filter import Edges, EdgeSettings
from livecam.matting.scene_cut import CutDetector
from livecam.matting.temporal_filter import Smoother
from livecam.models.base import Segments
from livecam.models.segmenter import Segmenter

STALL_SECONDS = 0.5


class Pipeline:
    """Frames in, frames with another background out. What raises gives no frame at all: it fails closed."""

    def __init__(
        self,
        segmenter: Segments,
        smoother: Smooths,
        edges: Sharpens,
        backdrop: Backdrop,
        *,
        light_wrap: float = 0.0,
        clock: Clock | None = None,
    ) -> None:
        if not 0.0 <= light_wrap <= 1.0:
            raise UsageError(f"light-wrap must lie between 0 and 1, not {light_wrap:g}")
        self.segmenter, self.smoother, self.edges, self.backdrop = segmenter, smoother, edges, backdrop
        self.light_wrap = light_wrap
        self.stopwatch = Stopwatch()
        self._clock: Clock = clock or SystemClock()
        self._cuts = CutDetector()
        self._last_seconds: float | None = None
        self._retired: deque[Backdrop] = deque()

    @classmethod
    def load(
        cls,
        model: str = "person",
        background: str = "blur",
        *,
        fit: Fit = Fit.COVER,
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
            WeightsError: weights that can't be used.
            PictureError, ClipError: a background that can't be read.
        """
        clock = clock or SystemClock()
        segmenter = Segmenter.load(model, threads)
        backdrop = choose(background, fit=fit, clock=clock, slide_seconds=slide_seconds)
        edges = Edges(EdgeSettings(shift=edge))
        return cls(segmenter, Smoother(), edges, backdrop, light_wrap=light_wrap, clock=clock)

    @property
    def transparent(self) -> bool:
        """Whether `replace` gives cutouts (RGBA) instead of frames."""
        return isinstance(self.backdrop, Transparent)

    def matte(self, frame: Frame) -> Matte:
        """The matte of this frame, float32 (height, width) in [0, 1].

        Raises:
            FrameError: `frame` is none.
            MatteError: a stage gave nonsense.
        """
        check_frame(frame)
        self._forget_if_new_scene(frame)
        with self.stopwatch.lap("segment"):
            rough = self.segmenter.segment(frame)
        small = np.shape(rough)
        check_matte(rough, small)
        with self.stopwatch.lap("smooth"):
            calm = self.smoother.smooth(tidy(rough))
        check_matte(calm, small)
        with self.stopwatch.lap("sharpen"):
            matte = self.edges.sharpen(calm, frame)
        return check_matte(matte, frame.shape[:2])

    def replace(self, frame: Frame) -> Frame | Cutout:
        """This frame before another background, uint8 RGB; RGBA if the background is ``transparent``.

        Raises:
            FrameError, MatteError: the frame or what a stage gave is nonsense.
        """
        self._close_retired()
        matte = self.matte(frame)
        backdrop = self.backdrop
        with self.stopwatch.lap("backdrop"):
            behind = (
                None
                if isinstance(backdrop, Transparent)
                else _check_size(backdrop.behind(frame, matte), frame)
            )
        with self.stopwatch.lap("composite"):
            if behind is None:
                return cut_out(frame, matte)
            return _check_size(composite(frame, behind, matte, self.light_wrap), frame)

    def alone(self, size: Size) -> Frame | Cutout:
        """What is shown when there is no matte: the backdrop, or a card if even that fails. Never raises."""
        return stand_alone(self.backdrop, size)

    def switch(self, backdrop: Backdrop) -> None:
        """Show another backdrop from the next frame on; the one before is closed then."""
        # Not here: another thread may be asking it for a picture just now.
        self._retired.append(self.backdrop)
        self.backdrop = backdrop

    def close(self) -> None:
        """Let go of the backdrop; afterwards nothing more can be replaced. Quiet when called again."""
        self._retired.append(self.backdrop)
        self._close_retired()

    def _close_retired(self) -> None:
        while self._retired:
            self._retired.popleft().close()

    def reset(self) -> None:
        """Forget all frames so far: another source, another clip."""
        self.smoother.reset()
        self._cuts.reset()
        self._last_seconds = None

    def _forget_if_new_scene(self, frame: Frame) -> None:
        now, last = self._clock.now(), self._last_seconds
        stalled = last is not None and not 0 <= now - last <= STALL_SECONDS
        self._last_seconds = now
        if self._cuts.is_cut(frame) or stalled:
            self.smoother.reset()


def stand_alone(backdrop: Backdrop, size: Size) -> Frame | Cutout:
    """The backdrop without a subject, or a card if it fails at that. Never raises."""
    if isinstance(backdrop, Transparent):
        return np.zeros((size.height, size.width, 4), np.uint8)
    try:
        shown = backdrop.alone(size)
        if shown.shape == (size.height, size.width, 3) and shown.dtype == np.uint8:
            return shown
    except Exception:  # whatever a backdrop does wrong, something must stand before the room
        return back_soon(size)
    return back_soon(size)


def _check_size(made: Frame, frame: Frame) -> Frame:
    if check_frame(made).shape != frame.shape:
        raise FrameError(f"a stage made a frame of {made.shape} out of one of {frame.shape}")
    return made
