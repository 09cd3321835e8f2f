"""`livecam clip`: replace the background of video files."""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livecam.cli.command import FAILED
from livecam.cli.messages import print_message
from livecam.cli.options import (
    add_cluster_option,
    add_config_option,
    add_json_option,
    add_quiet_option,
    add_setting_groups,
    add_settings,
    load_settings,
)
from livecam.cli.parser import ArgumentParser
from livecam.cli.progress import ProgressReporter
from livecam.cli.signals import handle_termination
from livecam.core.config import BACKGROUND, MODEL, PICTURE, LiveSettings
from livecam.core.errors import UsageError
from livecam.core.fileio import not_found_message
from livecam.core.paths import expand_user

if TYPE_CHECKING:
    from livecam.runtime.clip_batch import ClipOutcome, ClipRunner, ClipSettings, ClipTask
    from livecam.runtime.convert import ConversionResult
    from livecam.video.metadata import MetadataPolicy


class ClipCommand:
    """Convert video files."""

    name = "clip"
    help = "replace the background of video files; audio and metadata are kept"
    description = (
        "Replaces the background of every frame of a video; audio, timing and order stay as they are. "
        "Title, dates, chapters and text subtitles are kept where OUT can hold them. "
        "Where the clip was made is left out. Several clips, or those of a folder, go into the folder OUT; "
        "one that fails does not stop the others, and the same command continues an interrupted run."
    )
    epilog = """\
examples:
  livecam clip talk.mov talk-beach.mp4 --background beach.jpg
  livecam clip talk.mov talk.webm --background transparent
  livecam clip talks/ more.mp4 converted/ --background beach.jpg
  livecam clip talks/ converted/ --cluster auto        on all processors; HOST:PORT: on a Ray cluster

exit code: 0 all is converted; 1 a clip can't be converted or breaks off, or a stage failed for some
frames (OUT holds the rest)
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add input, output, and the live settings for background and model."""
        parser.add_argument("clip", type=Path, nargs="+", metavar="IN", help="videos, or folders with videos")
        parser.add_argument(
            "out",
            metavar="OUT",
            help=".mp4, .webm, .mov (ProRes 4444), .y4m, or a folder of PNGs; for several videos a folder",
        )
        add_settings(parser, "overwrite", overwrite="replace OUT if it exists")
        parser.add_argument(
            "--format",
            metavar="TYPE",
            help="type of the results of several videos: mp4, webm, mov or y4m (default: mp4, or webm for a "
            "transparent background)",
        )
        kept = parser.add_mutually_exclusive_group()
        kept.add_argument(
            "--keep-metadata", action="store_true", help="keep also where the clip was made (GPS tags)"
        )
        kept.add_argument(
            "--no-metadata", action="store_true", help="leave out title, dates, chapters and subtitles too"
        )
        add_cluster_option(parser)
        add_quiet_option(parser)
        add_json_option(parser)
        add_setting_groups(parser, BACKGROUND, PICTURE, MODEL)
        add_config_option(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Convert the videos; 1 if one fails or breaks off, or a stage failed for some frames."""
        inputs = args.clip
        is_batch = len(inputs) > 1 or inputs[0].is_dir()
        # Before anything is loaded, so that a usage error is fast.
        for clip in map(expand_user, map(str, inputs) if is_batch else ()):
            if not clip.exists():
                raise UsageError(not_found_message(clip))
        settings, _ = load_settings(args)
        if is_batch:
            return _convert_batch(args, settings)
        if hasattr(args, "format"):
            raise UsageError("--format is for several videos; the name of OUT says the type of one")
        if hasattr(args, "cluster"):
            return _convert_one_on_cluster(args, settings)
        return _convert_one(args, settings)


def _convert_one(args: argparse.Namespace, settings: LiveSettings) -> int:
    from livecam.runtime.convert import Progress, convert_video
    from livecam.runtime.session import build_pipeline

    (clip,) = args.clip
    start = time.perf_counter()
    with (
        handle_termination(),
        closing(build_pipeline(settings)) as pipeline,
        ProgressReporter(getattr(args, "quiet", None), Path(args.out).name) as reporter,
    ):

        def show(progress: Progress) -> None:
            reporter("convert", progress.frames, progress.total or 0)

        result = convert_video(
            clip,
            args.out,
            pipeline,
            overwrite=settings.overwrite,
            metadata=_metadata_policy(args),
            progress=show,
        )
        reporter("convert", result.frames, result.frames)
    if getattr(args, "json", False):
        from livecam.runtime.clip_batch import ClipTask, converted

        return _print_json([converted(ClipTask(clip, Path(args.out)), result)], time.perf_counter() - start)
    return _print_result(clip, args.out, result)


def _convert_one_on_cluster(args: argparse.Namespace, settings: LiveSettings) -> int:
    from livecam.runtime.clip_batch import ClipTask, batch_suffix

    (clip,), out = map(expand_user, map(str, args.clip)), expand_user(args.out)
    if not clip.exists():
        raise UsageError(not_found_message(clip))
    batch_suffix(out.suffix, _is_transparent(settings))
    return _convert_tasks(args, settings, [ClipTask(clip, out)], out.parent, out.name)


def _convert_batch(args: argparse.Namespace, settings: LiveSettings) -> int:
    from livecam.runtime.clip_batch import batch_suffix, collect_clips

    folder = Path(args.out)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; name a folder for the results of several clips")
    suffix = batch_suffix(getattr(args, "format", None), _is_transparent(settings))
    tasks = collect_clips(args.clip, folder, suffix)
    return _convert_tasks(args, settings, tasks, folder, f"{len(tasks)} clips")


def _is_transparent(settings: LiveSettings) -> bool:
    return settings.background[0].strip().casefold() == "transparent"


def _convert_tasks(
    args: argparse.Namespace, settings: LiveSettings, tasks: "list[ClipTask]", folder: Path, label: str
) -> int:
    """Convert clips into a folder; return the exit code."""
    from livecam.runtime.clip_batch import ClipBatch, ClipOutcome, ClipSettings

    clip_settings = ClipSettings(settings, _metadata_policy(args))
    start = time.perf_counter()
    with (
        handle_termination(),
        ProgressReporter(getattr(args, "quiet", None), label) as reporter,
        _runner(clip_settings, getattr(args, "cluster", None), reporter) as (runner, stats),
    ):
        batch = ClipBatch(tasks, clip_settings, folder, overwrite=settings.overwrite)
        frames = 0

        def advance(count: int) -> None:
            nonlocal frames
            frames += count
            reporter("convert", frames, batch.total_frames)

        def report(outcome: ClipOutcome) -> None:
            reporter.show_failures(sum(bool(each.problem) for each in batch.outcomes))

        outcomes = batch.run(runner, advance, report)
    seconds = time.perf_counter() - start
    if getattr(args, "json", False):
        return _print_json(outcomes, seconds, stats())
    return _print_batch(outcomes, seconds)


@contextmanager
def _runner(
    settings: "ClipSettings", cluster: str | None, reporter: ProgressReporter
) -> "Iterator[tuple[ClipRunner, Callable[[], dict[str, Any]]]]":
    """Yield what converts the clips, and what gives the figures of the cluster for JSON."""
    if cluster is None:
        from livecam.runtime.clip_batch import run_locally
        from livecam.runtime.session import build_pipeline

        yield run_locally(settings, lambda live, model: build_pipeline(live, model=model)), dict
        return
    from livecam.cluster.session import open_cluster

    with open_cluster(cluster) as info:
        from livecam.cluster.clips import run_on_cluster
        from livecam.cluster.pool import PoolStats

        reporter.print_message(str(info))
        figures = PoolStats()
        runner = run_on_cluster(settings, figures, reporter.print_message)
        yield runner, lambda: {"cluster": figures.to_dict()}


def _print_json(
    outcomes: "Sequence[ClipOutcome]", wall_seconds: float, more: "dict[str, Any] | None" = None
) -> int:
    """Print the summary for scripts, with `more` values; return the exit code."""
    import json
    from collections import Counter

    from livecam.runtime.clip_batch import ClipState

    states = Counter(outcome.state for outcome in outcomes)
    frames = sum(outcome.frames for outcome in outcomes if outcome.state is ClipState.CONVERTED)
    summary = {
        "clips": [outcome.to_dict() for outcome in outcomes],
        "converted": states[ClipState.CONVERTED],
        "done_before": states[ClipState.DONE_BEFORE],
        "failed": states[ClipState.FAILED],
        "frames": frames,
        "wall_seconds": round(wall_seconds, 3),
        "frames_per_second": round(frames / max(wall_seconds, 1e-6), 2),
        **(more or {}),
    }
    print(json.dumps(summary, indent=1, ensure_ascii=False))
    return FAILED if any(outcome.problem for outcome in outcomes) else 0


def _print_batch(outcomes: "Sequence[ClipOutcome]", wall_seconds: float) -> int:
    """Print what was done, and the failures at the end; return the exit code."""
    from livecam.runtime.clip_batch import ClipState

    done = [outcome for outcome in outcomes if outcome.state is ClipState.CONVERTED]
    before = sum(outcome.state is ClipState.DONE_BEFORE for outcome in outcomes)
    frames, seconds = sum(each.frames for each in done), sum(each.seconds for each in done)
    earlier = f", {before} done before" if before else ""
    speed = f"{frames / max(wall_seconds, 1e-6):.1f} frames/s"
    print(
        f"{len(done)} of {len(outcomes)} clips converted{earlier}: {frames} frames, {seconds:.2f} s, {speed}"
    )
    problems = [outcome for outcome in outcomes if outcome.problem]
    for outcome in problems:
        name = str(outcome.task.input)
        print_message(outcome.problem if name in outcome.problem else f"{name}: {outcome.problem}")
    return FAILED if problems else 0


def _metadata_policy(args: argparse.Namespace) -> "MetadataPolicy":
    from livecam.video.metadata import MetadataPolicy

    if getattr(args, "keep_metadata", False):
        return MetadataPolicy.ALL
    return MetadataPolicy.NONE if getattr(args, "no_metadata", False) else MetadataPolicy.WITHOUT_LOCATION


def _print_result(clip: Path, out: str, result: "ConversionResult") -> int:
    audio = f", {result.audio_streams} audio stream(s)" if result.audio_streams else ""
    dropped = result.dropped_audio_streams
    lost = f", {dropped} audio stream(s) left out" if dropped else ""
    texts = f", {result.subtitle_streams} subtitle stream(s)" if result.subtitle_streams else ""
    print(f"{out}: {result.frames} frames, {result.seconds:.2f} s{audio}{lost}{texts}")
    missing = [*result.lost_metadata]
    if result.dropped_subtitle_streams:
        missing.append(f"{result.dropped_subtitle_streams} subtitle stream(s)")
    if missing:
        print_message(f"{out} can't hold all of the clip's metadata; left out: {', '.join(missing)}")
    if result.location_dropped:
        print_message(f"{out} does not tell where the clip was made; --keep-metadata keeps that")
    if result.broken_off_at is not None:
        print_message(f"{clip} breaks off at {result.broken_off_at:.1f} s; {out} keeps what is before")
    if result.failed_frames:
        why = f"as a stage failed: {result.first_error}"
        print_message(f"{result.failed_frames} frames show the background alone, {why}")
        return FAILED
    return 0 if result.broken_off_at is None else FAILED
