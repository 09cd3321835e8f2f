"""Where frames go: any number of sinks, of which one's trouble is not another's."""

from collections.abc import Callable, Iterable
from typing import Protocol

from livecam.core.errors import LivecamError, SinkError
from livecam.core.types import Frame, RgbaFrame


class Sink(Protocol):
    """Where frames go."""

    def send(self, frame: Frame) -> None: ...  # noqa: D102


class SinkGroup:
    """The sinks that still work."""

    def __init__(self, sinks: Iterable[Sink], tell: Callable[[str], None]) -> None:
        self._working = list(sinks)
        self._tell = tell
        self.errors: list[Exception] = []

    def send(self, frame: Frame | RgbaFrame) -> None:
        """Hand a frame to each; one that fails is left out, the others go on.

        Raises:
            LivecamError: no sink is left.
        """
        for sink in tuple(self._working):
            try:
                sink.send(frame)
            except Exception as error:  # one sink's trouble is not another's
                self._working.remove(sink)
                self.errors.append(error)
                # The last one's error ends the run, and is told by that.
                if self._working:
                    self._tell(str(as_sink_error(error)))
        if self.errors and not self._working:
            raise as_sink_error(self.errors[-1])


def as_sink_error(error: Exception) -> Exception:
    """What a sink raised, as an error of livecam."""
    if isinstance(error, LivecamError):
        return error
    made = SinkError(f"an output failed ({error!r}); start again without it")
    made.__cause__ = error
    return made
