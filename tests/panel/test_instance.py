"""A second `livecam panel` finds the first."""

import stat
import sys

import pytest
from starlette.applications import Starlette

from livecam.panel.instance import announced, instance_path, running_address
from livecam.web.server import LocalWebServer
from tests.support.panel_run import PanelClient


def test_no_panel_runs() -> None:
    assert running_address() is None


def test_running_panel_gives_an_address_that_opens_it_once() -> None:
    with LocalWebServer(Starlette) as server, announced(server.access):
        address = running_address()
        assert address is not None
        assert address.startswith(f"http://127.0.0.1:{server.port}/open/")
        client = PanelClient(server.access.new_address())
        path = address[len(client.origin) :]
        assert client.raw("GET", path).status == 200
        assert client.raw("GET", path).status == 403
        assert running_address() != address
    assert running_address() is None
    assert not instance_path().exists()


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_file_can_be_read_by_its_owner_only() -> None:
    with LocalWebServer(Starlette) as server, announced(server.access):
        assert stat.S_IMODE(instance_path().stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", '{"port": "x", "secret": 1}', '{"port": 1, "secret": "a"}']
)
def test_file_of_a_panel_that_has_gone_is_no_panel(content: str) -> None:
    instance_path().parent.mkdir(parents=True, exist_ok=True)
    instance_path().write_text(content)
    assert running_address() is None


def test_other_program_on_the_port_is_no_panel() -> None:
    with LocalWebServer(Starlette) as server:
        instance_path().parent.mkdir(parents=True, exist_ok=True)
        instance_path().write_text(f'{{"port": {server.port}, "secret": "wrong"}}')
        assert running_address() is None


def test_end_of_an_older_panel_leaves_the_file_of_a_newer_one() -> None:
    with LocalWebServer(Starlette) as first, LocalWebServer(Starlette) as second:
        with announced(first.access):
            newer = announced(second.access)
            newer.__enter__()
        assert running_address() is not None
        newer.__exit__(None, None, None)
    assert not instance_path().exists()
