"""`livecam panel`: a live run with its control panel in the browser, and ``--panel`` of other live runs."""

import argparse
from typing import TYPE_CHECKING

from livecam.cli.live import LiveCommand
from livecam.cli.messages import print_message
from livecam.core.config import LiveSettings
from livecam.core.errors import LivecamError

if TYPE_CHECKING:
    from livecam.panel.control_panel import ControlPanel
    from livecam.runtime.controls import RunControls


class PanelCommand(LiveCommand):
    """Run the live loop with its control panel."""

    name = "panel"
    help = "everything livecam does, in a page of this machine's browser"
    description = """\
Starts livecam with all its options, and a page in the browser of this machine: see yourself, click a
background, drag a picture in, record. Closing the page changes nothing; Ctrl-C ends both. A second
`livecam panel` opens the page of the one that runs.

  livecam panel                      your webcam
  livecam panel --camera demo        try it without a webcam
  livecam panel --no-browser         only print the address; over SSH also the command for a tunnel
"""

    def run(self, args: argparse.Namespace) -> int:
        """Run the live loop with its page, or open the page of the running one."""
        args.panel = True
        return super().run(args)


def open_running_panel(settings: LiveSettings) -> bool:
    """Open the page of a panel that runs already. Returns whether there is one."""
    from livecam.panel.instance import running_address
    from livecam.web.browser import open_browser

    address = running_address()
    if address is None:
        return False
    opened = settings.browser and open_browser(address)
    print_message(
        f"livecam runs already, with the options of before{'; its page opens' if opened else ''}: {address}"
    )
    return True


def make_panel(settings: LiveSettings, controls: "RunControls") -> "ControlPanel":
    """Make the control panel of a run.

    Raises:
        LivecamError: the packages of the panel are missing.
    """
    try:
        from livecam.panel.control_panel import ControlPanel
        from livecam.web.browser import open_browser, tunnel_command
        from livecam.web.server import LocalWebServer
    except ImportError as error:
        raise LivecamError(
            f"the panel needs more packages ({error.name})", "pip install 'livecam[panel]'"
        ) from error
    import os

    def show(server: LocalWebServer) -> None:
        address = server.access.new_address()
        opened = settings.browser and open_browser(address)
        print_message(f"the panel{' opens in your browser' if opened else ''}: {address}")
        if os.environ.get("SSH_CONNECTION"):
            print_message(f"on your own machine first: {tunnel_command(server.port)}")

    return ControlPanel(controls, port=settings.port, opened=show)
