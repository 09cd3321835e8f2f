"""Hours of frames, in short: what the soak does, and that it would notice."""

import copy
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from livecam.core.clock import ManualClock
from livecam.core.errors import CameraError
from livecam.core.geometry import Size
from livecam.core.types import Frame
from tests.support.fakes import secret_frame
from tests.support.fault_injection import FastClock, FaultyCamera
from tests.support.scripts import load_script
from tests.support.soak_watch import Heartbeat, WatchingSink, beside_the_person, shows_stripes

SMALL = (Size(192, 128), Size(160, 120), Size(256, 144))
OFTEN = {"drop": 20, "repeat": 20, "size": 100, "stall": 200, "disconnect": 500}


@pytest.fixture(scope="module")
def soak() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.support.fault_injection.SIZES", SMALL)
        yield load_script("soak")


@pytest.fixture(scope="module")
def result(soak: ModuleType) -> dict[str, Any]:
    made = soak.soak(1500, 1, gaps=OFTEN)
    # Too short to tell warm-up from growth: the real one is a step of its own.
    made["megabytes"]["growth"] = 0.0
    return {**made, "broken": soak.faults(made)}


def test_a_short_soak_goes_through_every_fault_and_loses_nothing(result: dict[str, Any]) -> None:
    assert set(result["faults"]) == set(OFTEN)
    assert len(result["sizes"]) == len(SMALL)
    assert (result["frames"], result["leaks"], result["failed"]) == (1500, 0, 0)
    assert result["shown"] > 1300
    assert result["received"] == result["sent"] >= result["shown"]
    assert result["lost"] == result["faults"]["disconnect"]
    assert result["broken"] == []


def test_a_short_soaks_table_names_every_figure(soak: ModuleType, result: dict[str, Any]) -> None:
    table = soak.table(result)
    assert all(kind in table for kind in OFTEN)
    assert {line.count("|") for line in table.splitlines()} == {3}
    assert str(result["frame_ms"]["p99"]) in table


def test_a_soak_ends_when_its_time_is_up(soak: ModuleType) -> None:
    made = soak.soak(30_000, 2, wall=1.0)
    assert 0 < made["frames"] < 30_000
    assert made["left_running"] == []
    assert made["seconds"] < 20


FAULTY_RESULTS = [
    ("showed the room", "leaks", 1),
    ("nothing was sent", "longest_silence_ms", 1600),
    ("memory grew", "megabytes", {"growth": 5.5}),
    ("files stay open", "files", {"most_early": 7, "most_late": 8, "before": 6, "after": 6}),
    ("files stay open", "files", {"most_early": 7, "most_late": 7, "before": 6, "after": 7}),
    ("threads stay", "threads", {"most_early": 7, "most_late": 8}),
    ("threads stay", "left_running", ["livecam-worker"]),
    ("frames failed", "failed", 3),
    ("frames were shown", "shown", 10),
]


@pytest.mark.parametrize(("spec", "name", "value"), FAULTY_RESULTS)
def test_a_soak_says_what_must_not_be(soak: ModuleType, spec: str, name: str, value: object) -> None:
    fine = {
        "leaks": 0,
        "longest_silence_ms": 1400,
        "machine_late_ms": 500,
        "megabytes": {"growth": 1.0},
        "files": {"most_early": 7, "most_late": 7, "before": 6, "after": 6},
        "threads": {"most_early": 7, "most_late": 7},
        "left_running": [],
        "failed": 0,
        "messages": [],
        "shown": 100,
        "frames": 100,
    }
    assert soak.faults(fine) == []
    broken = copy.deepcopy(fine) | {name: value}
    assert [spec in message for message in soak.faults(broken)] == [True]


@pytest.mark.parametrize("keep", ["replace", "open"])
def test_a_soak_notices_a_frame_that_gets_through(
    soak: ModuleType, monkeypatch: pytest.MonkeyPatch, keep: str
) -> None:
    replaced, stack = soak.TimedPipeline.replace, ExitStack()

    def careless(self: Any, frame: Frame) -> Any:
        if keep == "open":
            stack.callback(os.close, os.open(__file__, os.O_RDONLY))
        return frame if keep == "replace" and self.replaced % 50 == 7 else replaced(self, frame)

    monkeypatch.setattr(soak.TimedPipeline, "replace", careless)
    with stack:
        broken = soak.soak(300, 1)["broken"]
    assert any(
        ("showed the room" if keep == "replace" else "files stay open") in message for message in broken
    )


def events(seed: int) -> list[Any]:
    clock = ManualClock()
    camera = FaultyCamera(300, seed=seed, clock=clock, gaps=OFTEN)
    camera._taken.wait = lambda timeout=None: True  # type: ignore[assignment, method-assign]
    recorded: list[Any] = []

    def frames() -> Iterator[Frame]:
        while camera.given < 300:
            try:
                yield from camera
            except CameraError:
                recorded.append("lost")
                clock.sleep(0.5)

    recorded += [(Size.of(frame), int(frame.sum())) for frame in frames()]
    return [*recorded, clock.now(), dict(camera.fault_counts)]


def test_the_same_seed_is_the_same_script_and_another_is_another() -> None:
    assert events(3) == events(3)
    assert events(3) != events(4)


def test_a_lost_camera_stays_lost_for_a_while() -> None:
    clock = ManualClock()
    camera = FaultyCamera(10, seed=1, clock=clock, gaps={"disconnect": 1})
    with pytest.raises(CameraError, match="plug it in"):
        list(camera)
    with pytest.raises(CameraError, match="still"):
        next(iter(camera))


def test_hurried_time_runs_faster() -> None:
    clock = FastClock(50)
    start = clock.now()
    clock.sleep(1.0)
    assert 1.0 <= clock.now() - start < 30


def test_a_heartbeat_is_late_when_nothing_else_may_run() -> None:
    with Heartbeat(0.01) as heartbeat:
        # Holds the interpreter, as a machine that is busy would.
        sorted(range(3_000_000, 0, -1), key=float)
        time.sleep(0.1)
    assert heartbeat.latest > 0.1


def test_the_watcher_sees_the_room_sharp_or_blurred_and_silence() -> None:
    moments = iter([0.0, 0.5, 2.0, 2.1])
    sink = WatchingSink(lambda: None, lambda: next(moments))
    room, flat = secret_frame(size=SMALL[0]), np.full((128, 192, 3), 90, np.uint8)
    tinted = np.full((128, 192, 3), (255, 120, 255), np.uint8)
    sink.blurred = True
    for frame in (tinted, flat, room):
        sink.send(frame)
    assert sink.leaks == 1
    sink.blurred = False
    sink.send(tinted)
    assert (sink.leaks, sink.frames, sink.longest_silence) == (2, 4, 1.5)


def test_the_stripes_of_the_room_are_beside_the_person() -> None:
    assert shows_stripes(beside_the_person(secret_frame(size=SMALL[0])))
    assert not shows_stripes(np.full((9, 9, 3), 200, np.uint8))
