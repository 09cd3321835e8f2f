"""Sink of the control panel: small JPEG images of what the other sinks get, while a page is open."""

from collections.abc import Callable

from livecam.core.background_thread import BackgroundThread, LatestSlot, SlotClosed
from livecam.core.clock import Clock, SystemClock
from livecam.core.geometry import Size
from livecam.core.types import Frame, check_frame
from livecam.imaging.ops import encode_jpeg, resize

FRAMES_PER_SECOND = 15.0
MAX_SIDE = 960  # pixels of the longer side of an image
_JPEG_QUALITY = 82
# A frame that comes this much too early is taken; otherwise a source of 30 fps with jitter gives 10 a second.
_EARLY_SECONDS = 0.012
_POLL_SECONDS = 0.5


class PreviewEncoder(BackgroundThread[bytes]):
    """Daemon thread that encodes the newest frame and passes it on to `publish`."""

    def __init__(self, publish: Callable[[bytes], None]) -> None:
        """Prepare the thread. `publish` is called on it with each JPEG; it must not block."""
        super().__init__("livecam-panel")
        self.input: LatestSlot[Frame] = LatestSlot()
        self._publish = publish

    def stop(self) -> None:
        """Ask the thread to end and return at once."""
        super().stop()
        self.input.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                frame = self.input.get(_POLL_SECONDS)
            except SlotClosed:
                return
            if frame is not None:
                self._publish(encode_jpeg(frame, _JPEG_QUALITY))


class PanelSink:
    """Sink that hands small copies of the frames to an encoder, `FRAMES_PER_SECOND` times a second at most.

    It costs next to nothing while no page is open, and it never waits for a browser: a frame that is not
    encoded yet is replaced by the next one.
    """

    def __init__(
        self, encoder: PreviewEncoder, is_wanted: Callable[[], bool], *, clock: Clock | None = None
    ) -> None:
        """Use an encoder, which the caller starts and stops.

        Args:
            encoder: gets the small frames.
            is_wanted: whether a browser waits for a frame; called for each frame, on the thread of the loop.
            clock: measures the rate.
        """
        self._encoder, self._is_wanted = encoder, is_wanted
        self._clock = clock or SystemClock()
        self._due = self._clock.now()

    def send(self, frame: Frame) -> None:
        """Take a frame if one is due and wanted.

        Raises:
            FrameError: `frame` is not a frame.
        """
        check_frame(frame)
        now = self._clock.now()
        if now < self._due - _EARLY_SECONDS or not self._is_wanted():
            return
        self._due = max(self._due + 1.0 / FRAMES_PER_SECOND, now)
        small = resize(frame, Size.of(frame).fit_within(MAX_SIDE))
        self._encoder.input.put(small.copy() if small is frame else small)
