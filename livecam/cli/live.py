"""`livecam` without a command: webcam to virtual camera, recording and preview."""

import argparse
import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from livecam.cli.command import COMMANDS, INTERRUPTED, load_command
from livecam.cli.messages import print_message
from livecam.cli.options import add_config_option, add_setting_groups, load_settings
from livecam.cli.parser import ArgumentParser
from livecam.cli.signals import handle_termination
from livecam.core.config import (
    BACKGROUND,
    INPUT,
    MODEL,
    OUTPUT,
    PANEL,
    PICTURE,
    config_path,
    write_config,
)

DESCRIPTION = """\
Replaces your background in every video call, and never shows your room.

  livecam --background beach.jpg                  from the webcam to the virtual camera
  livecam --camera demo --preview                 try it without a webcam
  livecam --background blur:40 --record me.mp4    record during the call
  livecam clip talk.mov talk-beach.mp4 --background beach.jpg
"""
BACKGROUNDS = """\
A background is an image, a video or GIF, a folder of images (slides), a color (#00b140, green), blur or
blur:STRENGTH (1 to 100), transparent (for recordings), or one that livecam draws:
{names}.
--save-config stores the options in {config}; the command line takes precedence.
"""


class LiveCommand:
    """Run the live loop until Ctrl-C, the end of the source, or ``--seconds``."""

    name = "live"
    help = "replace the background of the webcam (the default command)"
    description = DESCRIPTION
    epilog = ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add all live settings, and those of the configuration file."""
        add_setting_groups(parser, INPUT, BACKGROUND, PICTURE, MODEL, OUTPUT, PANEL)
        config = parser.add_argument_group("configuration file")
        config.add_argument(
            "--save-config", action="store_true", help="store these options for the next time, and stop"
        )
        add_config_option(config)
        parser.make_epilog = _make_epilog

    def run(self, args: argparse.Namespace) -> int:
        """Run the live loop, or store the options."""
        settings, path = load_settings(args)
        if getattr(args, "save_config", False):
            write_config(settings.resolve(), path)
            print(f"kept in {path}")
            return 0
        # Before NumPy is imported: its BLAS is not used live, but each of its threads takes memory and time.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        if settings.panel:
            from livecam.cli.panel import make_panel, open_running_panel

            if open_running_panel(settings):
                return 0
        with _garbage_collection_paused():
            from livecam.runtime.controls import RunControls
            from livecam.runtime.session import run_live

        controls = RunControls()
        interrupted: list[int] = []

        def stop(number: int, frame: FrameType | None) -> None:
            # The first signal asks the loop to end, the second one interrupts whatever is running.
            controls.stop()
            interrupted.append(number)
            if len(interrupted) > 1 or not controls.running:
                raise KeyboardInterrupt

        with ExitStack() as stack:
            stack.enter_context(handle_termination(stop))
            panel = stack.enter_context(make_panel(settings, controls)) if settings.panel else None
            stats = run_live(settings, controls, panel)
        rate = stats.frames_shown / max(stats.seconds, 1e-6)
        hidden = f", {stats.frames_failed} hidden as a stage failed" if stats.frames_failed else ""
        print_message(f"{stats.frames_shown} frames in {stats.seconds:.1f} s ({rate:.1f} a second){hidden}")
        return INTERRUPTED if interrupted else 0


@contextmanager
def _garbage_collection_paused() -> Iterator[None]:
    """Pause the garbage collector, and let it ignore what the body has made from then on.

    Imports make no garbage. To search them again and again takes 65 of 400 ms of processor time until the
    first frame.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def _make_epilog() -> str:
    from livecam.core.media_types import PROCEDURAL_NAMES

    commands = [f"  {name:<9} {load_command(name).help}" for name in COMMANDS]
    texts = BACKGROUNDS.format(names=", ".join(PROCEDURAL_NAMES), config=config_path())
    return "\n".join(["commands (livecam COMMAND --help):", *commands, "", texts])
