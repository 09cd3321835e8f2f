"""Start Ray on this machine, or join a running Ray cluster, with one clear line if that fails."""

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from livecam.core.errors import ClusterError, UsageError

AUTO = "auto"
"""The address that starts Ray on this machine."""
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 30.0
"""How long a machine may take to accept a connection, and Ray on it to answer."""
LOCAL_OBJECT_STORE_BYTES = 256 << 20
"""Object store of a Ray that livecam starts: there every worker sees all files, so little is sent."""
_INSTALL = "pip install 'livecam[cluster]'"
_CHECK = """
import sys
from ray._raylet import GcsClient
GcsClient(address=sys.argv[1])
"""
_log = logging.getLogger("livecam.cluster")


class Address(NamedTuple):
    """Where the head of a Ray cluster listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class ClusterInfo:
    """What was found at the start.

    Attributes:
        nodes: machines of the cluster.
        processors: processors that Ray may use.
        dashboard: address of Ray's dashboard; "" if there is none.
    """

    nodes: int
    processors: int
    dashboard: str

    def __str__(self) -> str:
        machines = "this machine" if self.nodes == 1 else f"{self.nodes} nodes"
        page = f"; Ray's dashboard: http://{self.dashboard}" if self.dashboard else ""
        return f"Ray on {machines} with {self.processors} processors{page}"


def parse_address(text: str) -> Address | None:
    """Return the address in ``HOST:PORT``; None for `AUTO`.

    Raises:
        UsageError: it is neither.
    """
    if text == AUTO:
        return None
    if "://" in text:
        host = text.partition("://")[2] or "HOST:6379"
        raise UsageError(
            f"--cluster {text} is the address of a Ray client",
            f"let this machine join the cluster (ray start --address=HOST:6379), not {host} from outside",
        )
    match = re.fullmatch(r"\[?([^\s\[\]/]+?)\]?:(\d{1,5})", text)
    if match is None or not 1 <= int(match[2]) <= 65535:
        raise UsageError(f"--cluster {text} is no address", "give auto, or HOST:PORT, for example head:6379")
    return Address(match[1], int(match[2]))


@contextmanager
def open_cluster(where: str = AUTO, *, processors: int | None = None) -> Iterator[ClusterInfo]:
    """Use Ray inside the block; a Ray that was started for it ends with the block.

    Args:
        where: `AUTO`, or ``HOST:PORT`` of a running cluster that this machine is a node of.
        processors: of a Ray that is started; by default all.

    Raises:
        UsageError: `where` is no address.
        ClusterError: Ray is missing or can't be started, the cluster can't be reached within
            `CONNECT_SECONDS` and `ANSWER_SECONDS`, or it runs another version of Ray or Python.
    """
    address = parse_address(where)
    ray = _import_ray()
    if address is not None:
        _check_reachable(address)
    with _messages_in_log():
        context = _connect(ray, address, processors)
        try:
            resources = ray.cluster_resources()
            alive = sum(bool(node["Alive"]) for node in ray.nodes())
            yield ClusterInfo(alive, int(resources.get("CPU", 0)), context.dashboard_url or "")
        finally:
            ray.shutdown()


def _import_ray() -> Any:
    # Ray reports nothing home, and starts no second environment below `uv run`.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    # Without it Ray warns at every start that it will leave accelerators visible to workers without any.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise ClusterError(f"--cluster needs Ray ({error.name or error} is missing)", _INSTALL) from error
    return ray


def _check_reachable(address: Address) -> None:
    """Find out in bounded time whether Ray answers; `ray.init` itself may wait for minutes.

    Raises:
        ClusterError: it does not.
    """
    try:
        socket.create_connection(address, timeout=CONNECT_SECONDS).close()
    except OSError as error:
        reason = "it does not answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise ClusterError(
            f"there is no Ray cluster at {address} ({reason})",
            "check the address that `ray start --head` has shown, and the firewall",
        ) from error
    with suppress(subprocess.TimeoutExpired):
        code = [sys.executable, "-c", _CHECK, str(address)]
        # Another process, because the C++ of Ray ends a process that gets no answer.
        if not subprocess.run(code, capture_output=True, timeout=ANSWER_SECONDS, check=False).returncode:
            return
    raise ClusterError(f"what listens at {address} is no Ray cluster", "give the port of `ray start --head`")


def _connect(ray: Any, address: Address | None, processors: int | None) -> Any:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        # "local", because Ray's own "auto" would join a cluster that someone else has started here.
        options |= {"address": "local", "include_dashboard": False, "num_cpus": processors}
        options |= {"object_store_memory": LOCAL_OBJECT_STORE_BYTES}
    else:
        options |= {"address": str(address)}
    try:
        with _own_sigterm():
            return ray.init(**options)
    except Exception as error:  # Ray raises RuntimeError, ConnectionError, ValueError and others
        # A refused connection would stay half open, and fail at exit.
        ray.shutdown()
        raise _translate(error, address) from error


def _translate(error: Exception, address: Address | None) -> ClusterError:
    text = " ".join(str(error).split())
    if "ersion mismatch" in text:
        found = ", ".join(re.findall(r"(?:Ray|Python): [\d.\w+-]+", text))
        return ClusterError(
            f"the cluster at {address} and this machine have different versions ({found or text})",
            "install the same Ray and the same Python on all machines",
        )
    if address is None:
        return ClusterError(f"Ray can't be started here ({text[:300]})", "`ray stop` ends what is left of it")
    return ClusterError(
        f"the cluster at {address} can't be joined ({text[:300]})",
        f"this machine must be one of its nodes: ray start --address={address}",
    )


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Undo that `ray.init` makes SIGTERM end the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _messages_in_log() -> Iterator[None]:
    """Send what Ray says about ended workers to the log: it would be printed to stdout, amid JSON."""
    from ray._private import worker

    name = "print_to_stdstream"
    before = getattr(worker, name, None)
    if before is None:  # a version without it; its messages are only too many
        yield
        return

    def log(data: dict[str, Any], *_: Any, **__: Any) -> None:
        for line in data.get("lines", ()):
            _log.debug("Ray: %s", " ".join(str(line).split()))

    setattr(worker, name, log)
    try:
        yield
    finally:
        setattr(worker, name, before)
