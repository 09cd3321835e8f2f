"""Starting and joining Ray: one clear line, in bounded time, where that fails."""

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from livecam.cli.main import main
from livecam.cluster import session
from livecam.cluster.session import open_cluster, parse_address
from livecam.core.errors import ClusterError, UsageError
from tests.support.synthetic_people import write_scenes


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=accept_all, args=(server,), daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        # Without it the thread would go on to wait, and leave its connections open.
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)
    assert not thread.is_alive()


def accept_all(server: socket.socket) -> None:
    with ExitStack() as accepted:
        while True:
            try:
                accepted.enter_context(server.accept()[0])
            except OSError:
                return


@pytest.mark.parametrize("text", ["", "head", "head:", "head:0", "head:99999", ":6379", "a b:1", "Auto"])
def test_wrong_address_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        parse_address(text)


def test_address_of_a_ray_client_says_how_to_join() -> None:
    with pytest.raises(UsageError, match="ray start --address"):
        parse_address("ray://head:10001")


@pytest.mark.parametrize(("text", "host"), [("head:6379", "head"), ("[::1]:6379", "::1")])
def test_addresses(text: str, host: str) -> None:
    assert parse_address(text) == (host, 6379)


def test_auto_is_no_address() -> None:
    assert parse_address("auto") is None


def test_missing_ray_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterError, match=r"pip install 'livecam\[cluster\]'"), open_cluster("auto"):
        pass


def test_address_without_a_server_fails_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ray", reason="Ray is missing: pip install 'livecam[cluster]'")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    clip = write_scenes(tmp_path / "talk.mkv", 2)
    start = time.monotonic()
    code = main(["label", str(clip), "--out", str(tmp_path / "set"), "--cluster", f"127.0.0.1:{port}"])
    assert code == 1
    assert time.monotonic() - start < session.CONNECT_SECONDS + 10
    output = capsys.readouterr()
    assert output.err.startswith(f"livecam: there is no Ray cluster at 127.0.0.1:{port} (")
    assert output.err.count("\n") == 1
    assert not (tmp_path / "set").exists()


def test_server_that_is_no_ray_is_given_up(silent_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray is missing: pip install 'livecam[cluster]'")
    monkeypatch.setattr(session, "ANSWER_SECONDS", 3.0)
    start = time.monotonic()
    with pytest.raises(ClusterError, match="no Ray cluster"), open_cluster(silent_server):
        pass
    assert time.monotonic() - start < 20


def test_other_version_of_ray_is_named(three_nodes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setattr(ray, "__version__", "1.2.3")
    with (
        pytest.raises(ClusterError, match=r"different versions \(.*1\.2\.3.*the same Ray"),
        open_cluster(three_nodes.address),
    ):
        pass
