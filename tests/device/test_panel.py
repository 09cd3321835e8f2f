"""The panel of a livecam between webcam and virtual camera, through the interface of its page."""

import json
import re
from typing import Any

import pytest
from images import hides_room_bars, shows_person
from kernel import CALL, CAMERA, is_fed, processes_using, wait_for
from programs import Livecam, Starter, open_when_ready

pytest.importorskip("uvicorn", reason="the panel needs pip install '.[panel]'")
from websockets.sync.client import connect

from tests.support.panel_run import PanelClient

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("webcam", "loopback")]


def open_page(program: Livecam) -> PanelClient:
    program.wait_for("the panel: http")
    found = re.search(r"http://127\S+", program.output)
    assert found
    return PanelClient(found[0])


def virtual_camera(page: PanelClient) -> Any:
    """Return what the page shows of the virtual camera: its device, and who watches it."""
    address = f"ws://127.0.0.1:{page.port}/live"
    headers = {"Cookie": page.cookie}
    with connect(address, origin=page.origin, additional_headers=headers) as socket:  # type: ignore[arg-type]
        while True:
            message = socket.recv(20)
            if isinstance(message, str) and (status := json.loads(message))["type"] == "status":
                return status["virtualCamera"]


def test_virtual_camera_is_switched_off_and_on_and_viewers_are_named(livecam: Starter) -> None:
    program = livecam("--panel", "--no-browser")
    page = open_page(program)
    wait_for(lambda: is_fed(CALL), 20)
    for _ in range(3):
        wait_for(lambda: virtual_camera(page) == {"device": CALL, "viewers": []}, 10)
        with open_when_ready(CALL) as reader:
            assert hides_room_bars(reader.read_until(shows_person))
            wait_for(lambda: virtual_camera(page)["viewers"], 10)
            assert "python" in virtual_camera(page)["viewers"][0]
        assert page.post("/api/virtual-camera", {"on": False}).status == 200
        assert virtual_camera(page)["device"] == ""
        assert not is_fed(CALL)
        assert program.pid not in processes_using(CALL)
        assert page.post("/api/virtual-camera", {"on": True}).status == 200
    with open_when_ready(CALL) as reader:
        assert hides_room_bars(reader.read_until(shows_person))
    assert program.end() == 130


def test_call_app_that_stays_open_sees_the_camera_again_after_off_and_on(livecam: Starter) -> None:
    program = livecam("--panel", "--no-browser")
    page = open_page(program)
    with open_when_ready(CALL) as reader:
        assert hides_room_bars(reader.read_until(shows_person))
        assert page.post("/api/virtual-camera", {"on": False}).status == 200
        assert page.post("/api/virtual-camera", {"on": True}).status == 200
        assert hides_room_bars(reader.read_until(shows_person))
    assert program.end() == 130


def test_on_demand_is_switched_while_livecam_runs(livecam: Starter) -> None:
    program = livecam("--panel", "--no-browser")
    page = open_page(program)
    wait_for(lambda: program.pid in processes_using(CAMERA), 20)
    assert page.post("/api/settings", {"on_demand": True}).status == 200
    wait_for(lambda: program.pid not in processes_using(CAMERA), 10)
    with open_when_ready(CALL) as reader:
        assert hides_room_bars(reader.read_until(shows_person, 15))
        assert program.pid in processes_using(CAMERA)
        refused = page.post("/api/virtual-camera", {"on": False})
        assert refused.status == 400
        assert "on demand" in refused.json["problem"]
    wait_for(lambda: program.pid not in processes_using(CAMERA), 10)
    assert page.post("/api/settings", {"on_demand": False}).status == 200
    wait_for(lambda: program.pid in processes_using(CAMERA), 10)
    assert program.end() == 130
