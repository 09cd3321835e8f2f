"""Words to settings to a run: the only place that prints or exits.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from livecam import arguments
from livecam.errors import LivecamError, UsageError
from livecam.settings import Settings, apply, config_path, read_config, write_config

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def main(words: Sequence[str] | None = None) -> int:
    """Run livecam with the words of a command line; give back the exit code."""
    words = list(sys.argv[1:] if words is None else words)
    debug = "--debug" in words
    commands = {"clip": clip, "train": train, "export": export}
    command = commands.get(words[0], live) if words else live
    try:
        with _terminating():
            return command(words if command is live else words[1:])
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except LivecamError as error:
        if debug:
            raise
        _say(_line(error))
        return USAGE if isinstance(error, UsageError) else FAILED
    except BrokenPipeError:
        # Who read our output has gone; nothing more can be said to them.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if debug:
            raise
        _say(f"something went wrong: {type(error).__name__}: {_line(error)} (see more with --debug)")
        return FAILED


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _say(words: str) -> None:
    print(f"livecam: {words}", file=sys.stderr, flush=True)


@contextmanager
def _terminating() -> Iterator[None]:
    """SIGTERM ends livecam as Ctrl-C does, so that recordings are finished."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handling(interrupt, signal.SIGTERM):
        yield


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None], *numbers: signal.Signals) -> Iterator[None]:
    try:
        before = {number: signal.signal(number, handler) for number in numbers}
    except ValueError:  # not the main thread: signals are somebody else's
        yield
        return
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _settle(parser: arguments.Parser, words: Sequence[str]) -> tuple[argparse.Namespace, Settings, Path]:
    """Parse, and lay what was said over the configuration file."""
    said = parser.parse_args(words)
    named: Path | None = getattr(said, "config", None)
    path = named or config_path()
    fields = Settings.__dataclass_fields__
    values: dict[str, Any] = {name: value for name, value in vars(said).items() if name in fields}
    if "background" in values:
        values["background"] = tuple(values["background"])
    saving = getattr(said, "save_config", False)
    settings = read_config(path, required=named is not None and not saving)
    return said, apply(settings, values), path


def live(words: Sequence[str]) -> int:
    """`livecam`: webcam to virtual camera, recording, preview."""
    said, settings, path = _settle(arguments.live_parser(), words)
    if getattr(said, "save_config", False):
        write_config(settings, path)
        print(f"kept in {path}")
        return 0
    from livecam.live import go_live
    from livecam.loop import Controls

    controls = Controls()
    interrupted: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        # The first asks the loop to end, the second ends whatever is running.
        if interrupted:
            raise KeyboardInterrupt
        interrupted.append(number)
        controls.stop()
        if not controls.running:
            raise KeyboardInterrupt

    with _handling(stop, signal.SIGINT, signal.SIGTERM):
        report = go_live(settings, controls, _say)
    _say(
        f"{report.shown} frames in {report.seconds:.1f} s ({report.shown / max(report.seconds, 1e-6):.1f} a second)"
        + (f", {report.failed} hidden as a stage failed" if report.failed else "")
    )
    return INTERRUPTED if interrupted else 0


def clip(words: Sequence[str]) -> int:
    """`livecam clip`: a video file to another."""
    said, settings, _ = _settle(arguments.clip_parser(), words)
    from livecam.convert import Progress, convert
    from livecam.live import load_pipeline
    from livecam.timing import ManualClock

    from tqdm import tqdm

    clock = ManualClock()
    pipeline = load_pipeline(settings, clock)
    with tqdm(unit="frame", disable=getattr(said, "quiet", False), desc=said.out.name, dynamic_ncols=True) as bar:

        def show(progress: Progress) -> None:
            bar.total = max(progress.total, progress.frames) if progress.total else None
            bar.update(progress.frames - bar.n)

        done = convert(said.clip, said.out, pipeline, overwrite=settings.overwrite, clock=clock, progress=show)
        bar.total = bar.n
    sound = f", {done.audio_streams} audio stream(s)" if done.audio_streams else ""
    lost = f", {done.dropped_audio_streams} audio stream(s) left out" if done.dropped_audio_streams else ""
    print(f"{said.out}: {done.frames} frames, {done.seconds:.2f} s{sound}{lost}")
    if done.failed_frames:
        _say(f"{done.failed_frames} frames show the background alone, as a stage failed: {done.first_error}")
        return FAILED
    return 0


def train(words: Sequence[str]) -> int:
    """`livecam train`: data to a run's folder."""
    said = arguments.train_parser().parse_args(words)
    _need_keras()
    from livecam.training.train import TrainSettings, train

    values = {k: tuple(v) if isinstance(v, list) else v for k, v in vars(said).items() if k not in ("config", "debug")}
    best = train(TrainSettings(**values))
    print(f"best weights: {best}; make them a model with `livecam export {best.parent} mine.tflite`")
    return 0


def export(words: Sequence[str]) -> int:
    """`livecam export`: a run to a model."""
    said = arguments.export_parser().parse_args(words)
    _need_keras()
    from livecam.training.export import export

    card = export(said.run, said.out, notes=tuple(getattr(said, "note", ())))
    print(f"{said.out} and its card; parity with Keras: {card.about['parity_with_keras']}")
    return 0


def _need_keras() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import keras  # noqa: F401
        import tensorflow  # noqa: F401
    except ImportError as error:
        raise LivecamError(f"training needs more packages ({error.name}): pip install 'livecam[train]'") from error
