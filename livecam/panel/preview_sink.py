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
    """Daemon thread that makes small JPEGs of frames and passes them on to `publish`, one at a time."""

    def __init__(self, publish: Callable[[bytes], None]) -> None:
        """Prepare the thread. `publish` is called on it with each JPEG; it must not block."""
        super().__init__("livecam-panel")
        self.is_free = True
        """True if no frame waits or is being encoded. Set by the thread, cleared by `put`."""
        self._input: LatestSlot[Frame] = LatestSlot()
        self._publish = publish

    def put(self, frame: Frame) -> None:
        """Hand a frame over without a copy; nothing may write to it any more. Returns at once."""
        self.is_free = False
        self._input.put(frame)

    def stop(self) -> None:
        """Ask the thread to end and return at once."""
        super().stop()
        self._input.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                frame = self._input.get(_POLL_SECONDS)
            except SlotClosed:
                return
            if frame is not None:
                self._publish(_encode_small(frame))
                del frame  # so that its memory can be used again
                self.is_free = True


def _encode_small(frame: Frame) -> bytes:
    size = Size.of(frame)
    goal = size.fit_within(MAX_SIDE)
    return encode_jpeg(frame if goal == size else resize(frame, goal), _JPEG_QUALITY)


class PanelSink:
    """Sink that hands frames to an encoder, `FRAMES_PER_SECOND` times a second at most.

    The thread of the loop neither copies, resizes nor encodes: nothing writes to a frame once it is sent, so
    the encoder gets a reference. While no page waits for a frame nothing is kept. The sink never waits: while
    the encoder is busy it takes no frame, and the next one that it takes is the newest.
    """

    def __init__(
        self, encoder: PreviewEncoder, is_wanted: Callable[[], bool], *, clock: Clock | None = None
    ) -> None:
        """Use an encoder, which the caller starts and stops.

        Args:
            encoder: gets the frames.
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
        if not (self._is_wanted() and self._encoder.is_free):
            return
        now = self._clock.now()
        if now < self._due - _EARLY_SECONDS:
            return
        self._due = max(self._due + 1.0 / FRAMES_PER_SECOND, now)
        self._encoder.put(frame)
