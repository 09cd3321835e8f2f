"""`livecam doctor`: check camera, model and virtual camera, and name the command that fixes a problem."""

import argparse

from livecam.cli.command import FAILED
from livecam.cli.options import (
    add_config_option,
    add_json_option,
    add_setting_groups,
    add_settings,
    load_settings,
)
from livecam.cli.parser import ArgumentParser
from livecam.cli.signals import handle_termination
from livecam.core.config import INPUT, MODEL


class DoctorCommand:
    """Run all checks."""

    name = "doctor"
    help = "check camera, model and virtual camera; name the command that fixes a problem"
    description = """\
Checks the camera, the model and the virtual camera. Shows what works, what does not, and the command that
fixes it. Opens the camera for two seconds. Exit code 1 if something is broken.
"""
    epilog = """\
examples:
  livecam doctor
  livecam doctor --camera C920 --size 1280x720 --fps 30
  livecam doctor --json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the live settings that are checked."""
        add_setting_groups(parser, INPUT, MODEL)
        virtual = parser.add_argument_group("virtual camera")
        add_settings(
            virtual,
            "device",
            "virtual_camera",
            "on_demand",
            device="virtual camera by device file or label",
            virtual_camera="check the virtual camera",
            on_demand="check whether livecam can see that a program reads the virtual camera",
        )
        add_json_option(parser)
        add_config_option(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Print each finding as soon as it is there; 1 if one of them is an error."""
        settings, _ = load_settings(args)
        from livecam.doctor import Level, run_checks

        as_json, findings = getattr(args, "json", False), []
        with handle_termination():
            for finding in run_checks(settings):
                findings.append(finding)
                if not as_json:
                    print(finding, flush=True)
        if as_json:
            import json

            print(json.dumps([finding.to_dict() for finding in findings], indent=1, ensure_ascii=False))
        return FAILED if any(finding.level is Level.ERROR for finding in findings) else 0
