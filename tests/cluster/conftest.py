"""A local cluster of three nodes with one processor each, started once for all tests of this folder."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from livecam.cluster.session import open_cluster
from livecam.cluster.transfer import FileSet, SharedFolder
from tests.support.command_line import TOP

NODES = 3
STORE_BYTES = 80 << 20


def import_cluster() -> Any:
    """Return `ray.cluster_utils.Cluster`; skip if Ray is missing."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    pytest.importorskip("ray", reason="Ray is missing: pip install 'livecam[cluster]'")
    from ray.cluster_utils import Cluster

    return Cluster


def start_nodes(cluster_class: Any) -> Any:
    """Start the nodes; a node that needs more than Ray's 30 seconds on a busy machine is started again."""
    cluster = cluster_class()
    for number in range(NODES):
        options = {"num_cpus": 1, "object_store_memory": STORE_BYTES}
        options |= {"include_dashboard": False} if number == 0 else {}
        for attempt in range(4):
            try:
                cluster.add_node(**options)
            except Exception as error:
                if attempt == 3 or "timed out" not in str(error):
                    raise
            else:
                break
    return cluster


@pytest.fixture(scope="session")
def three_nodes() -> Iterator[Any]:
    """Start the cluster; the workers import the tests' own modules."""
    cluster_class = import_cluster()
    patch = pytest.MonkeyPatch()
    patch.setenv("PYTHONPATH", str(TOP))
    # Ray gives its workers a niceness of 15: beside other programs each test would take minutes.
    patch.setenv("RAY_worker_niceness", "0")
    cluster = start_nodes(cluster_class)
    yield cluster
    cluster.shutdown()
    patch.undo()


@pytest.fixture(scope="module")
def cluster(three_nodes: Any) -> Iterator[Any]:
    """Join the cluster for the tests of one module."""
    with open_cluster(three_nodes.address):
        yield three_nodes


@pytest.fixture
def unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files and folders look other on a worker, so that they are sent."""
    of = FileSet.of

    def other_time(paths: Iterable[Path]) -> FileSet:
        return FileSet(tuple(stamp._replace(modified_ns=0) for stamp in of(paths).stamps))

    monkeypatch.setattr(FileSet, "of", other_time)
    monkeypatch.setattr(SharedFolder, "__reduce__", lambda self: (SharedFolder, (self.path, "other")))
