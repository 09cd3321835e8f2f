"""The pool of workers: every fault of a machine, and nothing done twice."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="Ray is missing: pip install 'livecam[cluster]'")

from livecam.cluster.messages import Task
from livecam.cluster.pool import MAX_ATTEMPTS, TaskDone, TaskFailed, TaskUpdate, WorkerPool
from livecam.cluster.transfer import FileSet, FileStamp, SharedFolder
from livecam.core.errors import ModelError
from tests.cluster.conftest import STORE_BYTES
from tests.support.cluster_jobs import (
    BrokenModelJob,
    CopyJob,
    CountingJob,
    FullDiskJob,
    KillingJob,
    ThreadsJob,
    processes,
)


def numbers(count: int) -> list[Task]:
    return [Task(number, f"number {number}") for number in range(count)]


def done(events: list[Any]) -> dict[Any, Any]:
    return {each.task.value: each.value for each in events if isinstance(each, TaskDone)}


def failed(events: list[Any]) -> dict[Any, str]:
    return {each.task.value: str(each.error) for each in events if isinstance(each, TaskFailed)}


def begun(folder: Path, number: int) -> int:
    return (folder / f"begun-{number}").read_text().count("\n")


def test_every_task_is_done_once_by_workers_on_all_nodes(cluster: Any, tmp_path: Path) -> None:
    with WorkerPool(CountingJob(tmp_path, together=3)) as pool:
        events = list(pool.run(numbers(20), 20))
        assert done(events) == {number: number**2 for number in range(20)}
        assert [each.value for each in events if isinstance(each, TaskUpdate)]
        assert {begun(tmp_path, number) for number in range(20)} == {1}
        assert len(processes(tmp_path)) == 3
        # The same workers do a second list: models are loaded once.
        assert done(list(pool.run(numbers(3), 3))) == {0: 0, 1: 1, 2: 4}
        assert len(processes(tmp_path)) == 3
        assert (len(pool.stats.nodes), pool.stats.workers) == (3, 3)


def test_worker_uses_one_thread_for_all_tasks(cluster: Any, tmp_path: Path) -> None:
    with WorkerPool(ThreadsJob(tmp_path), max_workers=1) as pool:
        found = set(done(list(pool.run(numbers(5), 5))).values())
    assert len(found) == 1, "a thread for each task leaves memory behind"
    assert found.pop()[1:] == (1, 1)


def test_tasks_are_read_when_a_worker_is_free(cluster: Any, tmp_path: Path) -> None:
    taken = 0

    def tasks() -> Iterator[Task]:
        nonlocal taken
        for task in numbers(1000):
            taken += 1
            yield task

    with WorkerPool(CountingJob(tmp_path, seconds=0.05)) as pool:
        ends = 0
        for event in pool.run(tasks(), 1000):
            ends += isinstance(event, TaskDone)
            assert taken <= ends + 3
            if ends >= 10:
                break


def test_killed_worker_is_replaced_and_its_task_done_by_another(cluster: Any, tmp_path: Path) -> None:
    with WorkerPool(KillingJob(tmp_path, deadly=4)) as pool:
        events = list(pool.run(numbers(8), 8))
        assert done(events) == {number: number**2 for number in range(8)}
        assert begun(tmp_path, 4) == 2
        assert (pool.stats.lost_workers, pool.stats.retried) == (1, 1)


def test_task_that_kills_every_worker_is_listed_as_failed(cluster: Any, tmp_path: Path) -> None:
    with WorkerPool(KillingJob(tmp_path, deadly=1, times=99)) as pool:
        events = list(pool.run(numbers(4), 4))
    assert sorted(done(events)) == [0, 2, 3]
    assert list(failed(events)) == [1]
    assert "4 workers have ended" in failed(events)[1]
    assert begun(tmp_path, 1) == MAX_ATTEMPTS


def test_node_that_joins_is_used_and_may_leave_in_the_middle(cluster: Any, tmp_path: Path) -> None:
    node = cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    name, events = f" {node.node_id[:8]}", []
    with WorkerPool(CountingJob(tmp_path, seconds=0.4)) as pool:
        for event in pool.run(numbers(40), 40):
            events.append(event)
            if node is not None and any(each.endswith(name) for each in pool.stats.nodes):
                cluster.remove_node(node, allow_graceful=False)
                node = None
        assert node is None
        assert done(events) == {number: number**2 for number in range(40)}
        assert pool.stats.lost_workers == 1


def test_task_that_finds_a_full_disk_is_tried_on_another_node(cluster: Any, tmp_path: Path) -> None:
    with WorkerPool(FullDiskJob(tmp_path, seconds=0.2)) as pool:
        events = list(pool.run(numbers(6), 6))
        assert sorted(done(events)) == list(range(6))
        assert pool.stats.retried >= 1


def test_task_is_listed_where_every_disk_is_full(cluster: Any, tmp_path: Path) -> None:
    with WorkerPool(FullDiskJob(tmp_path, everywhere=True)) as pool:
        events = list(pool.run(numbers(2), 2))
    assert sorted(failed(events)) == [0, 1]
    assert "No space left" in failed(events)[0]


def test_model_that_can_not_be_loaded_ends_the_run(cluster: Any, tmp_path: Path) -> None:
    with WorkerPool(BrokenModelJob(tmp_path)) as pool, pytest.raises(ModelError, match="copy it again"):
        list(pool.run(numbers(4), 4))


def test_workers_have_ended_when_the_pool_is_closed(cluster: Any, tmp_path: Path) -> None:
    with WorkerPool(CountingJob(tmp_path, seconds=30)) as pool:
        next(pool.run(numbers(4), 4))
        start = time.monotonic()
    assert time.monotonic() - start < 5
    for process in processes(tmp_path):
        with pytest.raises(ProcessLookupError):
            os.kill(int(process), 0)


@pytest.mark.parametrize("visible", [True, False])
def test_files_are_sent_where_the_worker_does_not_see_them(
    cluster: Any, tmp_path: Path, visible: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "in.txt", tmp_path / "out" / "out.txt"
    source.write_text("words")
    target.parent.mkdir()
    with SharedFolder.offer(target.parent) as folder:
        files = FileSet.of([source])
        if not visible:
            other = [stamp._replace(modified_ns=0) for stamp in files.stamps]
            files, folder = FileSet(tuple(other)), SharedFolder(folder.path, "another text")
        task = Task((source, target), "in.txt", files)
        with WorkerPool(CopyJob(tmp_path, folders=(folder,))) as pool:
            assert done(list(pool.run([task], 1))) == {(source, target): 5}
            assert pool.stats.sent_files == (0 if visible else 2)
    assert target.read_text() == "WORDS"
    assert [path.name for path in target.parent.iterdir()] == ["out.txt"]


def test_file_that_is_too_large_to_send_is_listed(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livecam.cluster.transfer.MAX_SENT_BYTES", 3)
    source = tmp_path / "in.txt"
    source.write_text("words")
    stamp = FileStamp(source, 5, 0)
    task = Task((source, tmp_path / "out.txt"), "in.txt", FileSet((stamp,)))
    with WorkerPool(CopyJob(tmp_path)) as pool:
        (reason,) = failed(list(pool.run([task], 1))).values()
    assert "put it on storage that all machines share" in reason
