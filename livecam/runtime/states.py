"""States of the live loop and the transitions between them."""

from enum import Enum


class LoopState(Enum):
    """State of a live loop. Frames of the pipeline reach the sinks in LIVE only."""

    STARTING = "starting"  # no result yet, since the start or since a pause
    LIVE = "live"  # results arrive
    STALLED = "stalled"  # no result for `Timeouts.stall` seconds
    PAUSED = "paused"  # the user wants the background alone
    CAMERA_LOST = "camera lost"  # the source raised a CameraError
    STOPPING = "stopping"  # final


class LoopEvent(Enum):
    """Event that may change the state of a live loop."""

    RESULT = "result"
    STALL = "stall"
    PAUSE = "pause"
    RESUME = "resume"
    CAMERA_LOST = "camera lost"
    CAMERA_BACK_WHILE_PAUSED = "camera back while paused"
    SOURCE_CHANGED = "source changed"
    STOP = "stop"


_TRANSITIONS = {
    (LoopState.STARTING, LoopEvent.RESULT): LoopState.LIVE,
    (LoopState.STARTING, LoopEvent.STALL): LoopState.STALLED,
    (LoopState.STARTING, LoopEvent.PAUSE): LoopState.PAUSED,
    (LoopState.LIVE, LoopEvent.STALL): LoopState.STALLED,
    (LoopState.LIVE, LoopEvent.PAUSE): LoopState.PAUSED,
    (LoopState.STALLED, LoopEvent.RESULT): LoopState.LIVE,
    (LoopState.STALLED, LoopEvent.PAUSE): LoopState.PAUSED,
    (LoopState.PAUSED, LoopEvent.RESUME): LoopState.STARTING,
    (LoopState.LIVE, LoopEvent.SOURCE_CHANGED): LoopState.STARTING,
    (LoopState.STALLED, LoopEvent.SOURCE_CHANGED): LoopState.STARTING,
    (LoopState.CAMERA_LOST, LoopEvent.SOURCE_CHANGED): LoopState.STARTING,
    (LoopState.CAMERA_LOST, LoopEvent.RESULT): LoopState.LIVE,
    (LoopState.CAMERA_LOST, LoopEvent.CAMERA_BACK_WHILE_PAUSED): LoopState.PAUSED,
}


def next_state(state: LoopState, event: LoopEvent) -> LoopState:
    """Return the state after `event`. An event that has no meaning in `state` keeps it."""
    if LoopState.STOPPING is state or event is LoopEvent.STOP:
        return LoopState.STOPPING
    if event is LoopEvent.CAMERA_LOST:
        return LoopState.CAMERA_LOST
    return _TRANSITIONS.get((state, event), state)
