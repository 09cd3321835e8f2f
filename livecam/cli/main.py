"""Words to settings to a run. Only here, and in the modules `words` of other commands, is anything printed.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

import argparse
import difflib
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from livecam.cli import options as arguments
from livecam.cli.parser import ArgumentParser
from livecam.cli.signals import handle_termination
from livecam.core.config import LiveSettings, config_path, read_config, with_values, write_config
from livecam.core.errors import LivecamError, UsageError

if TYPE_CHECKING:
    from livecam.runtime.convert import ConversionResult

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def main(words: Sequence[str] | None = None) -> int:
    """Run livecam with the words of a command line; give back the exit code."""
    words = list(sys.argv[1:] if words is None else words)
    try:
        return _run(words)
    except KeyboardInterrupt:
        print_message("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Who read our output has gone; nothing more can be said to them.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if "--debug" in words:
            traceback.print_exception(error)
        return _fail(error)


def _run(words: list[str]) -> int:
    commands = {
        "clip": clip,
        "doctor": doctor,
        "devices": devices,
        "train": _in("cli.train", "train"),
        "export": _in("cli.train", "export"),
        "evaluate": _in("cli.train", "evaluate"),
        "segment": _in("cli.segment", "segment"),
        "label": _in("cli.label", "label"),
        "learn": _in("cli.learn", "learn"),
        "models": _in("cli.models", "models"),
    }
    name = words[0] if words and not words[0].startswith("-") else ""
    if name and name not in commands:
        near = difflib.get_close_matches(name, commands, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(commands)}"
        raise UsageError(f"there is no command {name!r}; {hint} (see `livecam --help`)")
    try:
        code = commands[name](words[1:]) if name else live(words)
    except SystemExit as asked:  # --help and --version
        code = int(asked.code or 0)
    # Here, where a reader that has gone is still an error of ours.
    sys.stdout.flush()
    return code


def _in(module: str, name: str) -> Callable[[Sequence[str]], int]:
    """A command of a module that is only loaded when it is asked for."""

    def run(words: Sequence[str]) -> int:
        with handle_termination():
            return int(getattr(import_module(f"livecam.{module}"), name)(words))

    return run


def _fail(error: Exception) -> int:
    if isinstance(error, LivecamError):
        print_message(_line(error))
        return USAGE if isinstance(error, UsageError) else FAILED
    if isinstance(error, ImportError):
        print_message(f"something can't be loaded ({_line(error)}); `livecam doctor` says what is missing")
        return FAILED
    print_message(f"something went wrong: {type(error).__name__}: {_line(error)} (see more with --debug)")
    return FAILED


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


def print_message(words: str) -> None:
    """Print one line for the user to stderr; a closed stream is ignored."""
    # A call goes on when whoever read our messages has gone.
    with suppress(OSError):
        print(f"livecam: {words}", file=sys.stderr, flush=True)


def _load_settings(
    parser: ArgumentParser, words: Sequence[str]
) -> tuple[argparse.Namespace, LiveSettings, Path]:
    """Parse, and lay what was said over the configuration file."""
    said = parser.parse_args(words)
    named: Path | None = getattr(said, "config", None)
    path = named or config_path()
    fields = LiveSettings.__dataclass_fields__
    values: dict[str, Any] = {name: value for name, value in vars(said).items() if name in fields}
    if "background" in values:
        values["background"] = tuple(values["background"])
    saving = getattr(said, "save_config", False)
    settings = read_config(path, required=named is not None and not saving)
    return said, with_values(settings, values), path


def _with_absolute_paths(settings: LiveSettings) -> LiveSettings:
    """With the files they name by their whole paths: the next run may begin in another folder."""
    return replace(
        settings,
        camera=_absolute(settings.camera),
        background=tuple(_absolute(word) for word in settings.background),
        model=_absolute(settings.model),
    )


def _absolute(word: str) -> str:
    # Only what can't be a name of ours: those have neither suffix nor separator.
    path = Path(word).expanduser()
    return str(path.absolute()) if (path.suffix or len(path.parts) > 1) and path.exists() else word


def live(words: Sequence[str]) -> int:
    """`livecam`: webcam to virtual camera, recording, preview."""
    said, settings, path = _load_settings(arguments.live_parser(), words)
    if getattr(said, "save_config", False):
        write_config(_with_absolute_paths(settings), path)
        print(f"kept in {path}")
        return 0
    from livecam.runtime.live_loop import RunControls
    from livecam.runtime.session import run_live

    controls = RunControls()
    interrupted: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        # The first asks the loop to end, the second ends whatever is running.
        controls.stop()
        interrupted.append(number)
        if len(interrupted) > 1 or not controls.running:
            raise KeyboardInterrupt

    with handle_termination(stop):
        report = run_live(settings, controls, print_message)
    rate = report.frames_shown / max(report.seconds, 1e-6)
    hidden = f", {report.frames_failed} hidden as a stage failed" if report.frames_failed else ""
    print_message(f"{report.frames_shown} frames in {report.seconds:.1f} s ({rate:.1f} a second){hidden}")
    return INTERRUPTED if interrupted else 0


def clip(words: Sequence[str]) -> int:
    """`livecam clip`: a video file to another."""
    said, settings, _ = _load_settings(arguments.clip_parser(), words)
    from tqdm import tqdm

    from livecam.core.clock import ManualClock
    from livecam.runtime.convert import Progress, convert_video
    from livecam.runtime.session import build_pipeline

    clock = ManualClock()
    # None: no bar where nobody watches.
    quiet = getattr(said, "quiet", None)
    with (
        handle_termination(),
        closing(build_pipeline(settings, clock)) as pipeline,
        tqdm(unit="frame", disable=quiet, desc=Path(said.out).name, dynamic_ncols=True) as bar,
    ):

        def show(progress: Progress) -> None:
            bar.total = max(progress.total, progress.frames) if progress.total else None
            bar.update(progress.frames - bar.n)

        done = convert_video(
            said.clip, said.out, pipeline, overwrite=settings.overwrite, clock=clock, progress=show
        )
        bar.total = bar.n
    return _print_result(said.out, done)


def _print_result(out: str, done: "ConversionResult") -> int:
    sound = f", {done.audio_streams} audio stream(s)" if done.audio_streams else ""
    lost = f", {done.dropped_audio_streams} audio stream(s) left out" if done.dropped_audio_streams else ""
    print(f"{out}: {done.frames} frames, {done.seconds:.2f} s{sound}{lost}")
    if done.failed_frames:
        print_message(
            f"{done.failed_frames} frames show the background alone, as a stage failed: {done.first_error}"
        )
        return FAILED
    return 0


def doctor(words: Sequence[str]) -> int:
    """`livecam doctor`: what is fine, what is not, what mends it."""
    said, settings, _ = _load_settings(arguments.doctor_parser(), words)
    from livecam.doctor import Level, run_checks

    as_json, found = getattr(said, "json", False), []
    with handle_termination():
        for finding in run_checks(settings):
            found.append(finding)
            if not as_json:
                print(finding, flush=True)
    if as_json:
        print(json.dumps([finding.to_dict() for finding in found], indent=1, ensure_ascii=False))
    return FAILED if any(finding.level is Level.ERROR for finding in found) else 0


def devices(words: Sequence[str]) -> int:
    """`livecam devices`: what there is."""
    said = arguments.devices_parser().parse_args(words)
    from livecam.devices.device_info import list_devices

    found = list_devices()
    if getattr(said, "json", False):
        print(json.dumps([device.to_dict() for device in found], indent=1, ensure_ascii=False))
    elif found:
        print("\n".join(line for device in found for line in device.format_lines()))
    else:
        print_message("there is no camera and no virtual camera; `livecam doctor` says what to do")
    return 0
