"""`livecam devices`: list cameras and virtual cameras."""

import argparse

from livecam.cli.messages import print_message
from livecam.cli.options import add_json_option
from livecam.cli.parser import ArgumentParser


class DevicesCommand:
    """List all devices."""

    name = "devices"
    help = "list cameras and virtual cameras with their formats"
    description = "Lists cameras and virtual cameras with driver, formats, sizes and frame rates."
    epilog = """\
--camera and --device accept a name from this list, or a part of it.

examples:
  livecam devices
  livecam devices --json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add ``--json``."""
        add_json_option(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Print the devices."""
        from livecam.devices.device_info import list_devices

        devices = list_devices()
        if getattr(args, "json", False):
            import json

            print(json.dumps([device.to_dict() for device in devices], indent=1, ensure_ascii=False))
        elif devices:
            print("\n".join(line for device in devices for line in device.format_lines()))
        else:
            print_message("there is no camera and no virtual camera; `livecam doctor` says what to do")
        return 0
