"""Pipeline: segment a frame, filter and upsample its matte, and composite it with a background."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from livecam.backgrounds.base import Background
from livecam.backgrounds.factory import FitMode, create_background
from livecam.backgrounds.placeholder import placeholder_frame
from livecam.core.clock import Clock, StageTimer, SystemClock
from livecam.core.config import PictureSettings
from livecam.core.digest import digest
from livecam.core.errors import FrameError
from livecam.core.geometry import Crop, FramingMode, Size
from livecam.core.types import Frame, Matte, RgbaFrame, check_frame, check_matte
from livecam.imaging.compositing import extract_foreground
from livecam.imaging.foreground import composite_foreground
from livecam.matting.base import MatteUpsampler, TemporalFilter
from livecam.matting.cleanup import clean_matte
from livecam.matting.crop_tracker import CropTracker
from livecam.matting.guided_filter import GuidedFilterSettings, GuidedFilterUpsampler
from livecam.matting.motion_detector import MotionDetector
from livecam.matting.person_selection import PersonSelector
from livecam.matting.scene_cut import SceneCutDetector
from livecam.matting.temporal_filter import AdaptiveTemporalFilter
from livecam.models.base import MatteModel
from livecam.models.segmenter import LiteRTSegmenter
from livecam.picture.color_match import ColorMatcher
from livecam.picture.framing import AutoFraming
from livecam.picture.low_light import LowLightFilter

STALL_SECONDS = 0.5
"""Longest time between two frames of one shot; after a longer gap the temporal filter starts again."""


_NO_MEMORY = frozenset(
    {"segmenter", "upsampler", "background", "picture", "timer"}
    | {"_clock", "_pending_close", "_closed", "_picture_in_use"}
)
"""Attributes of a pipeline that are no memory of earlier frames. All others are: none can be forgotten."""


@dataclass(frozen=True, eq=False)
class PipelineMemory:
    """What a pipeline keeps of earlier frames, as a value that can be pickled.

    It holds a filtered coarse matte and some colors of the last frame. Do not write it to a file: the person
    and the room could be recognized in it.

    Attributes:
        values: The attributes of the pipeline that change from frame to frame, by name.
    """

    values: Mapping[str, Any]

    def digest(self) -> str:
        """Return a text that is the same for memories that are equal to the bit."""
        return digest(self.values)


class Pipeline:
    """Replaces the background of frames. It fails closed: where a stage fails, it raises and gives no frame.

    One thread calls `matte`, `replace` and `reset`; another may call `render_standalone`, `set_background`
    and `set_picture`.

    Attributes:
        timer: Times of the stages ``segment``, ``filter``, ``upsample``, ``background`` and ``composite``,
            and of those of `livecam.picture` that are on.
        picture: The settings that `set_picture` changes.
        crop: The part of the newest frame that was segmented; the matte is 0 outside it.
    """

    def __init__(
        self,
        segmenter: MatteModel,
        temporal_filter: TemporalFilter,
        upsampler: MatteUpsampler,
        background: Background,
        *,
        light_wrap: float = 0.0,
        picture: PictureSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.segmenter = segmenter
        self.temporal_filter = temporal_filter
        self.upsampler = upsampler
        self.background = background
        self.picture = picture or PictureSettings(light_wrap=light_wrap)
        self.timer = StageTimer()
        self._clock: Clock = clock or SystemClock()
        self._scene_cuts = SceneCutDetector()
        self._crop_tracker = CropTracker()
        self._motion_detector = MotionDetector()
        self.crop: Crop | None = None
        self._last_timestamp: float | None = None
        self._pending_close: deque[Background] = deque()
        self._closed = False
        self._person_selector = PersonSelector()
        self._low_light = LowLightFilter()
        self._framing = AutoFraming()
        self._color_matcher = ColorMatcher()
        self._picture_in_use = self.picture

    @classmethod
    def load(
        cls,
        model: str | MatteModel = "person",
        background: str | Background = "blur",
        *,
        fit: FitMode = FitMode.COVER,
        slide_seconds: float = 10.0,
        edge: float = 0.0,
        light_wrap: float = 0.0,
        frame: FramingMode = FramingMode.WHOLE,
        color_match: float = 0.0,
        low_light: bool = False,
        only_me: bool = False,
        threads: int = 2,
        clock: Clock | None = None,
    ) -> Pipeline:
        """Load a model and a background, and build the stages.

        Args:
            model: Name of a built-in or personal model, or path of a ``.tflite`` file; or a loaded model.
            background: What ``--background`` takes: an image, a video, a color, ``blur`` and so on; or an
                opened background, which the pipeline closes.
            fit: How an image or video fills the frame.
            slide_seconds: How long each image of a folder is shown.
            edge: Pixels of a frame of height 720; negative shrinks the foreground, positive grows it.
            light_wrap: 0 to 1, how much of the background's light falls on the foreground's edges.
            frame: Show the whole frame, or the part around the person.
            color_match: 0 to 1, how far the foreground's colors move towards the background's.
            low_light: Brighten dark frames and remove their noise, for the network and in the result.
            only_me: Keep the largest and most central person only, and remove all others.
            threads: Threads of the network.
            clock: Time of frames that come without a timestamp.

        Raises:
            UsageError: There is no such model or background, or a number is outside its range.
            ModelError: The model file cannot be used.
            ImageError, VideoError: The background cannot be read.
        """
        clock = clock or SystemClock()
        picture = PictureSettings(edge, light_wrap, frame, color_match, low_light, only_me)
        segmenter = LiteRTSegmenter.load(model, threads) if isinstance(model, str) else model
        opened = background
        if isinstance(opened, str):
            opened = create_background(opened, fit=fit, clock=clock, slide_seconds=slide_seconds)
        upsampler = GuidedFilterUpsampler(GuidedFilterSettings(edge_offset=edge))
        return cls(segmenter, AdaptiveTemporalFilter(), upsampler, opened, picture=picture, clock=clock)

    @property
    def transparent(self) -> bool:
        """True if `replace` returns RGBA frames."""
        return self.background.is_transparent

    def matte(self, frame: Frame, timestamp: float | None = None) -> Matte:
        """Compute the full-resolution matte of a frame.

        Args:
            frame: uint8 RGB of shape (height, width, 3).
            timestamp: Time of the frame in seconds, from any origin; None: now, by the clock. A gap of more
                than `STALL_SECONDS` between two frames starts the temporal filter again.

        Returns:
            A float32 array of shape (height, width) in [0, 1]; 1 is foreground.

        Raises:
            FrameError: `frame` is not a frame.
            MatteError: A stage returned an array that is not a matte.
        """
        return self._segment(check_frame(frame), self._use_new_settings(), self._time(timestamp))[1]

    def remember(self, frame: Frame, timestamp: float | None = None) -> None:
        """Bring the memory over time to where `matte` brings it; the matte itself is not computed to the end.

        Raises:
            FrameError, MatteError: As `matte` raises them.
        """
        picture, now = self._use_new_settings(), self._time(timestamp)
        self._filtered_matte(self._brighten(check_frame(frame), picture, now)[1], picture, now)

    def _segment(self, frame: Frame, picture: PictureSettings, now: float) -> tuple[Frame, Matte]:
        """Return the frame, brightened if that is on, and its matte."""
        shown, source = self._brighten(frame, picture, now)
        filtered, crop = self._filtered_matte(source, picture, now)
        with self.timer.measure("upsample"):
            matte = self.upsampler.upsample(filtered, source, crop)
        return shown, check_matte(matte, source.shape[:2])

    def _brighten(self, frame: Frame, picture: PictureSettings, now: float) -> tuple[Frame, Frame]:
        """Return the frame that is shown, and that from which the matte is computed."""
        if not picture.low_light:
            return frame, frame
        with self.timer.measure("low light"):
            shown = _check_size(self._low_light.brighten(frame, now), frame)
            return shown, _check_size(self._low_light.smooth(shown), frame)

    def _filtered_matte(self, frame: Frame, picture: PictureSettings, now: float) -> tuple[Matte, Crop]:
        """Return the filtered coarse matte, and the part of the frame that it covers."""
        self._reset_on_scene_change(frame, now)
        with self.timer.measure("segment"):
            coarse, crop = self._crop_tracker.segment(frame, self.segmenter.predict, now)
        coarse_shape = coarse.shape
        with self.timer.measure("clean"):
            cleaned = clean_matte(coarse)
        if picture.only_me:
            with self.timer.measure("only me"):
                cleaned = self._person_selector.apply_to_crop(cleaned, crop, frame, now)
            check_matte(cleaned, coarse_shape)
        with self.timer.measure("filter"):
            if crop != self.crop and self.crop is not None:
                self.temporal_filter.move(self.crop, crop)
            self.crop = crop
            motion = self._motion_detector.detect(frame, crop, Size.of(cleaned))
            # Another person is removed at once, although nothing moves there.
            filtered = self.temporal_filter.apply(cleaned, None if picture.only_me else motion)
        return check_matte(filtered, coarse_shape), crop

    def replace(self, frame: Frame, timestamp: float | None = None) -> Frame | RgbaFrame:
        """Replace the background of a frame.

        Args:
            frame: uint8 RGB of shape (height, width, 3).
            timestamp: As for `matte`; a background that moves is rendered for this time.

        Returns:
            A new uint8 array of the frame's size, RGB, or RGBA if `transparent`.

        Raises:
            FrameError, MatteError: The frame, or what a stage returned, has a wrong type, shape or range.
        """
        self._close_pending()
        picture, now = self._use_new_settings(), self._time(timestamp)
        frame, matte = self._segment(check_frame(frame), picture, now)
        if picture.low_light:
            with self.timer.measure("denoise"):
                frame = _check_size(self._low_light.denoise(frame), frame)
        if picture.frame is FramingMode.AUTO:
            with self.timer.measure("frame"):
                frame, matte = self._framing.apply(frame, matte, now)
        background = self.background
        with self.timer.measure("background"):
            rendered = background.render(frame, matte, timestamp)
        if background.is_transparent:
            with self.timer.measure("composite"):
                return extract_foreground(frame, matte)
        rendered = _check_size(rendered, frame)
        if picture.color_match:
            with self.timer.measure("color match"):
                matched = self._color_matcher.apply(frame, rendered, matte, picture.color_match, now)
                frame = _check_size(matched, frame)
        with self.timer.measure("composite"):
            return _check_size(composite_foreground(frame, rendered, matte, picture.light_wrap), frame)

    def render_standalone(self, size: Size, timestamp: float | None = None) -> Frame | RgbaFrame:
        """Render what is shown without a matte: the background, or the placeholder. Never raises."""
        return safe_standalone_frame(self.background, size, timestamp)

    def set_background(self, background: Background) -> None:
        """Show another background, which is open already, from the next frame on.

        The previous one is closed by the next `replace` or by `close`, because another thread may be
        rendering it now.
        """
        # The old background is queued last: a frame that is being processed may still use it.
        previous, self.background = self.background, background
        self._pending_close.append(previous)
        if self._closed:
            self._pending_close.append(background)
            self._close_pending()

    def set_picture(self, picture: PictureSettings) -> None:
        """Use other settings of the picture from the next frame on. Any thread may call it."""
        self.picture = picture

    def continue_from(self, previous: Pipeline) -> None:
        """Take the place of `previous`, which has the same background and must not be used any more.

        The memory over time is kept if the model is the same, and that of the chosen person if the coarse
        matte has the same size. Called between two frames, on the thread that calls `replace`.
        """
        self._framing = previous._framing
        self._person_selector = previous._person_selector
        if self.segmenter is previous.segmenter:
            self.temporal_filter = previous.temporal_filter
            self._crop_tracker, self.crop = previous._crop_tracker, previous.crop
            self._motion_detector = previous._motion_detector
            self._scene_cuts = previous._scene_cuts
            self._last_timestamp = previous._last_timestamp
        previous._closed = True
        while previous._pending_close:
            self._pending_close.append(previous._pending_close.popleft())

    def close(self) -> None:
        """Close the background; no frame can be replaced afterwards. May be called again."""
        if not self._closed:
            self._closed = True
            self._pending_close.append(self.background)
        self._close_pending()

    def _close_pending(self) -> None:
        while self._pending_close:
            self._pending_close.popleft().close()

    def reset(self) -> None:
        """Forget all earlier frames: another source or another video begins."""
        self.temporal_filter.reset()
        self._crop_tracker.reset()
        self._motion_detector.reset()
        self._scene_cuts.reset()
        self._person_selector.reset()
        self._low_light.reset()
        self._framing.reset()
        self._color_matcher.reset()
        self._last_timestamp = None

    @property
    def memory(self) -> PipelineMemory:
        """A copy of what is kept of earlier frames, without the background."""
        return deepcopy(self._shared_memory())

    @memory.setter
    def memory(self, memory: PipelineMemory) -> None:
        """Go on as the pipeline of `memory` would have; it has the same model and settings."""
        vars(self).update(deepcopy(dict(memory.values)))

    def memory_digest(self) -> str:
        """Return the digest of `memory`, without a copy of it."""
        return self._shared_memory().digest()

    def _shared_memory(self) -> PipelineMemory:
        return PipelineMemory({name: each for name, each in vars(self).items() if name not in _NO_MEMORY})

    def _time(self, timestamp: float | None) -> float:
        return self._clock.now() if timestamp is None else timestamp

    def _use_new_settings(self) -> PictureSettings:
        """Bring the stages to the newest settings and return these, for the whole of one frame."""
        picture, before = self.picture, self._picture_in_use
        if picture is before:
            return picture
        self._picture_in_use = picture
        if picture.edge != before.edge and isinstance(self.upsampler, GuidedFilterUpsampler):
            self.upsampler.settings = replace(self.upsampler.settings, edge_offset=picture.edge)
        if picture.frame is not before.frame:
            self._framing.reset()
        if not picture.only_me:
            self._person_selector.reset()
        if not picture.low_light:
            self._low_light.reset()
        if not picture.color_match:
            self._color_matcher.reset()
        return picture

    def _reset_on_scene_change(self, frame: Frame, now: float) -> None:
        last, self._last_timestamp = self._last_timestamp, now
        stalled = last is not None and not 0 <= now - last <= STALL_SECONDS
        if self._scene_cuts.is_cut(frame) or stalled:
            self.temporal_filter.reset()
            self._crop_tracker.reset()
            self._motion_detector.reset()
            self._person_selector.begin_shot()


def safe_standalone_frame(
    background: Background, size: Size, timestamp: float | None = None
) -> Frame | RgbaFrame:
    """Render `background` without a foreground, or the placeholder if that fails. Never raises."""
    try:
        if background.is_transparent:
            return np.zeros((size.height, size.width, 4), np.uint8)
        frame = background.render_standalone(size, timestamp)
        if frame.shape == (size.height, size.width, 3) and frame.dtype == np.uint8:
            return frame
    except Exception:  # whatever a background raises, the sinks must get a frame
        return placeholder_frame(size)
    return placeholder_frame(size)


def _check_size(image: Frame | None, frame: Frame) -> Frame:
    checked = check_frame(image)
    if checked.shape != frame.shape:
        raise FrameError(f"a stage made a frame of {checked.shape} out of one of {frame.shape}")
    return checked
