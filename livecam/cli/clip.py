"""`livecam clip`: replace the background of a video file."""

import argparse
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from livecam.cli.command import FAILED
from livecam.cli.messages import print_message
from livecam.cli.options import (
    add_config_option,
    add_quiet_option,
    add_setting_groups,
    add_settings,
    load_settings,
)
from livecam.cli.parser import ArgumentParser
from livecam.cli.progress import ProgressReporter
from livecam.cli.signals import handle_termination
from livecam.core.config import BACKGROUND, MODEL, PICTURE

if TYPE_CHECKING:
    from livecam.runtime.convert import ConversionResult
    from livecam.video.metadata import MetadataPolicy


class ClipCommand:
    """Convert one video file."""

    name = "clip"
    help = "replace the background of a video file; audio and metadata are kept"
    description = (
        "Replaces the background of every frame of a video; audio, timing and order stay as they are. "
        "Title, dates, chapters and text subtitles are kept where OUT can hold them. "
        "Where the clip was made is left out."
    )
    epilog = """\
examples:
  livecam clip talk.mov talk-beach.mp4 --background beach.jpg
  livecam clip talk.mov talk.webm --background transparent

exit code: 0 all of the clip is converted; 1 the clip breaks off, or a stage failed for some
frames (OUT holds the rest)
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add input, output, and the live settings for background and model."""
        parser.add_argument("clip", type=Path, metavar="IN", help="a video")
        parser.add_argument(
            "out", metavar="OUT", help=".mp4, .webm, .mov (ProRes 4444), .y4m, or a folder of PNGs"
        )
        add_settings(parser, "overwrite", overwrite="replace OUT if it exists")
        kept = parser.add_mutually_exclusive_group()
        kept.add_argument(
            "--keep-metadata", action="store_true", help="keep also where the clip was made (GPS tags)"
        )
        kept.add_argument(
            "--no-metadata", action="store_true", help="leave out title, dates, chapters and subtitles too"
        )
        add_quiet_option(parser)
        add_setting_groups(parser, BACKGROUND, PICTURE, MODEL)
        add_config_option(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Convert the video; 1 if it breaks off, or a stage failed for some frames."""
        settings, _ = load_settings(args)
        from livecam.runtime.convert import Progress, convert_video
        from livecam.runtime.session import build_pipeline

        with (
            handle_termination(),
            closing(build_pipeline(settings)) as pipeline,
            ProgressReporter(getattr(args, "quiet", None), Path(args.out).name) as reporter,
        ):

            def show(progress: Progress) -> None:
                reporter("convert", progress.frames, progress.total or 0)

            result = convert_video(
                args.clip,
                args.out,
                pipeline,
                overwrite=settings.overwrite,
                metadata=_metadata_policy(args),
                progress=show,
            )
            reporter("convert", result.frames, result.frames)
        return _print_result(args.clip, args.out, result)


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
