"""Guided recording of the user in front of the webcam, in parts, so that an interrupted one is continued."""

from collections.abc import Callable
from pathlib import Path

from livecam.core.clock import Clock
from livecam.core.errors import CameraError, VideoError
from livecam.core.progress import Notify, ProgressLine
from livecam.sinks.recorder import Recorder
from livecam.sources.base import Source
from livecam.video.video_reader import VideoReader

COUNTDOWN_SECONDS = 3
POSE_INSTRUCTIONS = (
    (0.0, "sit as in a call, and talk"),
    (0.2, "move a little: left, right, nearer, further away"),
    (0.4, "turn your head and your shoulders"),
    (0.6, "raise your hands, hold what you often hold"),
    (0.8, "lean out of the frame once, and come back"),
)
"""Start of each instruction as a fraction of the recording, and its text."""
_MIN_MISSING_SECONDS = 0.5
"""If less is missing, no further part is recorded."""


def recorded(folder: Path) -> dict[Path, float]:
    """Return the parts recorded so far in order, with their seconds. Unreadable files are left out."""
    parts = {}
    for path in sorted(folder.glob("part-*.mp4")):
        try:
            with VideoReader(path) as clip:
                parts[path] = clip.duration_seconds or 0.0
        except VideoError:
            continue
    return parts


def record_guided(
    source: Callable[[], Source], folder: Path, seconds: float, notify: Notify, clock: Clock
) -> Path:
    """Record until `folder` has `seconds` of the camera, with instructions for the user.

    Args:
        source: opens the camera.
        folder: directory of the parts, created if it does not exist.
        seconds: length of all parts together.
        notify: receives the countdown and the instructions.
        clock: the time source.

    Returns:
        One clip with all parts.

    Raises:
        CameraError: the camera can't be opened, or stopped sending frames.
        SinkError: nothing can be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = sum(recorded(folder).values())
    if done < seconds - _MIN_MISSING_SECONDS:
        numbers = [int(path.stem.partition("-")[2]) for path in folder.glob("part-*.mp4")]
        path = folder / f"part-{max(numbers, default=0) + 1:03d}.mp4"
        _record_part(source(), path, done, seconds, notify, clock)
    parts = list(recorded(folder))
    if not parts:
        raise CameraError("the camera gave no frames; `livecam doctor` says why, --from takes a clip")
    return parts[0] if len(parts) == 1 else _join(parts, folder / "all.mp4")


def _join(parts: list[Path], out: Path) -> Path:
    """Join the parts into one clip, because prompts belong to the first frame of one clip."""
    with VideoReader(parts[0]) as first:
        recorder = Recorder(out, first.size, first.fps, overwrite=True)
    start = 0.0
    with recorder:
        for part in parts:
            with VideoReader(part) as clip:
                for image, timestamp, _ in clip.frames():
                    recorder.send(image, start + timestamp)
            start = recorder.seconds
    return out


def _record_part(
    source: Source, path: Path, done: float, seconds: float, notify: Notify, clock: Clock
) -> None:
    with source:
        _count_down(seconds - done, notify, clock)
        instructions = [(fraction * seconds, text) for fraction, text in POSE_INSTRUCTIONS]
        with Recorder(path, source.size, source.fps, clock=clock) as recorder:
            start: float | None = None
            for frame in source:
                start = clock.now() if start is None else start
                elapsed = done + clock.now() - start
                while instructions and elapsed >= instructions[0][0]:
                    text = instructions.pop(0)[1]
                    # Of the instructions of an earlier part, only the last one is repeated.
                    if not instructions or elapsed < instructions[0][0]:
                        notify(ProgressLine(text, "record", seconds_left=max(0.0, seconds - elapsed)))
                recorder.send(frame)
                if elapsed >= seconds:
                    return


def _count_down(seconds: float, notify: Notify, clock: Clock) -> None:
    text = f"recording {seconds:.0f} s from the camera; have in the frame what you want to be kept"
    notify(ProgressLine(text, "record", seconds_left=COUNTDOWN_SECONDS + seconds))
    for remaining in range(COUNTDOWN_SECONDS, 0, -1):
        notify(ProgressLine(f"{remaining} ...", "record", seconds_left=remaining + seconds))
        clock.sleep(1.0)
