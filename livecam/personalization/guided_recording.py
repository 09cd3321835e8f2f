"""About twenty seconds of the user before the webcam, in parts: what was interrupted is gone on with."""

from collections.abc import Callable
from pathlib import Path

from livecam.core.clock import Clock
from livecam.core.errors import CameraError, VideoError
from livecam.sinks.recorder import Recorder
from livecam.sources.base import Source
from livecam.video.video_reader import VideoReader

Notify = Callable[[str], None]

COUNTDOWN_SECONDS = 3
POSE_INSTRUCTIONS = (
    (0.0, "sit as in a call, and talk"),
    (0.2, "move a little: left, right, nearer, further away"),
    (0.4, "turn your head and your shoulders"),
    (0.6, "raise your hands, hold what you often hold"),
    (0.8, "lean out of the picture once, and come back"),
)
"""What to do, and from which share of the time on."""
_NEARLY_SECONDS = 0.5
"""So little missing is no reason to begin another part."""


def recorded(folder: Path) -> dict[Path, float]:
    """The parts recorded so far, in order, and the seconds of each; what can't be played doesn't count."""
    parts = {}
    for path in sorted(folder.glob("part-*.mp4")):
        try:
            with VideoReader(path) as clip:
                parts[path] = clip.duration_seconds or 0.0
        except VideoError:
            continue
    return parts


def record_guided(
    source: Callable[[], Source], folder: Path, seconds: float, tell: Notify, clock: Clock
) -> Path:
    """Record until `folder` holds `seconds` of the camera, telling the user what to do; one clip of it all.

    Raises:
        CameraError: the camera can't be opened, or fell silent. SinkError: nothing can be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    have = sum(recorded(folder).values())
    if have < seconds - _NEARLY_SECONDS:
        taken = [int(path.stem.partition("-")[2]) for path in folder.glob("part-*.mp4")]
        path = folder / f"part-{max(taken, default=0) + 1:03d}.mp4"
        _record_part(source(), path, have, seconds, tell, clock)
    parts = list(recorded(folder))
    if not parts:
        raise CameraError("the camera gave no picture; `livecam doctor` says why, --from takes a clip")
    return parts[0] if len(parts) == 1 else _join(parts, folder / "all.mp4")


def _join(parts: list[Path], out: Path) -> Path:
    """One clip of several, as points are said in the first frame of one."""
    with VideoReader(parts[0]) as first:
        recorder = Recorder(out, first.size, first.fps, overwrite=True)
    begin = 0.0
    with recorder:
        for part in parts:
            with VideoReader(part) as clip:
                for image, timestamp, _ in clip.frames():
                    recorder.send(image, begin + timestamp)
            begin = recorder.seconds
    return out


def _record_part(source: Source, path: Path, have: float, seconds: float, tell: Notify, clock: Clock) -> None:
    with source:
        _count_down(seconds - have, tell, clock)
        hints = [(share * seconds, words) for share, words in POSE_INSTRUCTIONS]
        with Recorder(path, source.size, source.fps, clock=clock) as recorder:
            start: float | None = None
            for frame in source:
                start = clock.now() if start is None else start
                passed = have + clock.now() - start
                while hints and passed >= hints[0][0]:
                    due = hints.pop(0)[1]
                    # Of those that an earlier part had, only the last is said again.
                    if not hints or passed < hints[0][0]:
                        tell(due)
                recorder.send(frame)
                if passed >= seconds:
                    return


def _count_down(seconds: float, tell: Notify, clock: Clock) -> None:
    tell(f"recording {seconds:.0f} s from the camera; have in the picture what you want to be kept")
    for left in range(COUNTDOWN_SECONDS, 0, -1):
        tell(f"{left} ...")
        clock.sleep(1.0)
