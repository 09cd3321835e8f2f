"""The HTTP interface of the panel: what it changes (read from the sinks' frames), and what it refuses."""

import errno
import io
import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from livecam.backgrounds import procedural
from livecam.core.config import LiveSettings, config_path, data_dir, read_config
from livecam.core.geometry import Size
from livecam.panel import api
from livecam.panel.gallery import MAX_PENDING, MAX_VIDEO_BYTES
from livecam.panel.hub import MAX_PAGES
from livecam.video.video_reader import VideoReader
from tests.support.panel_run import PanelClient, PanelRun, corner, is_near

BLUE, RED, GREEN = (0x20, 0x40, 0x60), (200, 30, 20), (30, 160, 60)


def shows(color: tuple[int, ...], tolerance: int = 8) -> Callable[[Any], bool]:
    return lambda frame: is_near(corner(frame), color, tolerance)


def live(run: PanelRun, **headers: str) -> Any:
    given = {"Cookie": run.client.cookie} | headers
    origin = given.pop("Origin", run.client.origin)
    return connect(
        f"ws://127.0.0.1:{run.server.port}/live",
        additional_headers=given,
        origin=origin or None,
        proxy=None,  # type: ignore[arg-type]
    )


def test_state_describes_the_run(client: PanelClient) -> None:
    state = client.get("/api/state").json
    assert state["background"] == {"kind": "color", "value": "#204060"}
    assert state["settings"]["size"] == "320x180"
    assert "beach" in state["backgrounds"]["builtin"]
    assert {"name": "demo", "value": "demo"}.items() <= {
        "name": "demo",
        **state["input"]["cameras"][-1],
    }.items()
    assert {"edge", "light_wrap", "fit", "mirror"} <= {each["name"] for each in state["picture"]}


def test_recording_that_the_command_line_began_is_shown_and_finished(
    settings: LiveSettings, tmp_path: Path
) -> None:
    path = tmp_path / "call.mp4"
    with PanelRun(replace(settings, record=path)) as run, live(run) as socket:
        run.wait_for_frame(lambda frame: run.count > 5)
        status = json.loads(socket.recv())["recording"]
        assert (status["name"], status["running"]) == ("call.mp4", True)

        answer = run.client.post("/api/recording", {"on": False})

        assert answer.json == {"name": "call.mp4", "onPage": False}
        with VideoReader(path) as clip:
            assert len(list(clip)) > 0
        shown = run.count
        run.wait_for_frame(lambda frame: run.count > shown + 5)
        assert run.client.post("/api/recording", {"on": True}).status == 200
        shown = run.count
        run.wait_for_frame(lambda frame: run.count > shown + 5)
        own = run.client.post("/api/recording", {"on": False}).json
        assert own["onPage"]
        assert run.client.get(f"/recordings/{own['name']}").status == 200
    assert run.error is None


@pytest.mark.parametrize(
    ("choice", "color"),
    [({"kind": "color", "value": "#c81e14"}, RED), ({"kind": "builtin", "value": "paper"}, None)],
)
def test_background_is_switched_within_a_tenth_of_a_second(
    run: PanelRun, choice: dict[str, str], color: tuple[int, ...] | None
) -> None:
    # The best of some switches, because other programs may need the processor.
    seconds = []
    for _ in range(6):
        assert run.client.post("/api/background", {"kind": "color", "value": "#204060"}).status == 200
        run.wait_for_frame(shows(BLUE))
        start = time.monotonic()
        assert run.client.post("/api/background", choice).status == 200
        run.wait_for_frame(shows(color) if color else lambda frame: not shows(BLUE)(frame))
        seconds.append(time.monotonic() - start)
    assert min(seconds) < 0.1
    assert run.client.get("/api/state").json["background"] == choice


@pytest.mark.parametrize(
    "choice",
    [
        {"kind": "file", "value": "/etc/passwd"},
        {"kind": "item", "value": "../../etc/passwd"},
        {"kind": "item", "value": "/etc/passwd"},
        {"kind": "builtin", "value": "../beach"},
        {"kind": "color", "value": "red; x"},
        {"kind": "blur", "value": 1000},
        {"kind": "blur", "value": "25"},
        {"kind": "start", "value": 7},
        {"kind": "start", "value": -1},
        {"kind": "transparent"},
        {},
        [],
        None,
        "beach",
    ],
)
def test_background_that_the_page_does_not_offer_is_refused(run: PanelRun, choice: Any) -> None:
    answer = run.client.post("/api/background", choice)
    assert answer.status == 400
    assert "problem" in answer.json
    assert run.changes.settings.background == ("#204060",)


def test_picture_is_put_behind_within_a_second(run: PanelRun, make_png: Callable[..., bytes]) -> None:
    seconds = []
    for color in (RED, GREEN, RED):
        content = make_png(color, (1920, 1080))
        start = time.monotonic()
        answer = run.client.upload("holiday.png", content)
        assert answer.status == 200
        assert run.client.post("/api/background", {"kind": "item", "value": answer.json["id"]}).status == 200
        run.wait_for_frame(shows(color))
        seconds.append(time.monotonic() - start)
    assert min(seconds) < 1.0
    item = run.client.get("/api/state").json["backgrounds"]["items"][0]
    assert (item["title"], item["kind"]) == ("holiday", "picture")
    thumbnail = run.client.get(f"/thumbnails/{item['id']}")
    assert (thumbnail.status, thumbnail.body[:3]) == (200, b"\xff\xd8\xff")


def test_scene_is_shown_coarse_until_it_is_drawn(run: PanelRun, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def draw(size: Size) -> Any:
        is_full = size == run.settings.size
        assert not is_full or go_on.wait(20)
        return np.full((size.height, size.width, 3), RED if is_full else GREEN, np.uint8)

    monkeypatch.setattr(procedural, "_drawn", {})
    for module in (procedural, api):
        monkeypatch.setattr(module, "PROCEDURAL_BACKGROUNDS", {"dusk": draw})
    choice = {"kind": "builtin", "value": "dusk"}
    thread = threading.Thread(target=run.client.post, args=("/api/background", choice))
    thread.start()
    run.wait_for_frame(shows(GREEN))
    go_on.set()
    run.wait_for_frame(shows(RED))
    thread.join(10)
    assert run.changes.settings.background == ("dusk",)


def test_upload_is_written_in_few_blocks(run: PanelRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block is written on another thread, and waits there for the interpreter."""
    written = list[int]()
    in_threadpool = api.run_in_threadpool

    async def counted(function: Callable[..., Any], *arguments: Any) -> Any:
        if getattr(function, "__name__", "") == "write":
            written.append(len(arguments[0]))
        return await in_threadpool(function, *arguments)

    monkeypatch.setattr(api, "run_in_threadpool", counted)
    noise = np.random.default_rng(1).integers(0, 256, (900, 1600, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(noise).save(content, "PNG")
    assert run.client.upload("noise.png", content.getvalue()).status == 200
    assert sum(written) == len(content.getvalue()) > 4_000_000
    assert len(written) <= 6


def test_video_is_put_behind(run: PanelRun, video: bytes) -> None:
    answer = run.client.upload("green.mp4", video)
    assert run.client.post("/api/background", {"kind": "item", "value": answer.json["id"]}).status == 200
    run.wait_for_frame(shows(GREEN, 16))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
        ("a.png", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
        ("a.jpg", b"<!doctype html><script>alert(1)</script>"),
        ("a.html", b"<html></html>"),
        ("a.mp4", b"#EXTM3U\nfile:///etc/passwd\n"),
        ("a.txt", b"ffconcat version 1.0\nfile /etc/passwd\n"),
        ("a.jpg", b"\xff\xd8\xff" + b"\0" * 100),
        ("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 100),
    ],
)
def test_upload_that_is_no_picture_is_refused_and_leaves_no_file(
    run: PanelRun, name: str, content: bytes
) -> None:
    answer = run.client.upload(name, content)
    assert answer.status in (400, 409)
    assert answer.json["problem"]
    assert str(data_dir()) not in answer.body.decode()
    assert stored_files() == []


def stored_files() -> list[str]:
    folder = data_dir() / "backgrounds"
    return (
        sorted(path.name for path in folder.rglob("*") if path.name != "gallery.json")
        if folder.exists()
        else []
    )


def test_truncated_video_is_refused(run: PanelRun, video: bytes) -> None:
    for part in (video[: len(video) // 2], video[:-200]):
        answer = run.client.upload("cut.mp4", part)
        assert answer.status == 409
        assert "cut" in answer.json["problem"]
    assert stored_files() == []


def test_picture_of_12000_pixels_is_refused_before_it_is_decoded(
    run: PanelRun, make_png: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livecam.panel.gallery.read_image", lambda *_, **__: pytest.fail("it was decoded"))
    answer = run.client.upload("huge.png", make_png((), (12_000, 12_000)))
    assert answer.status == 409
    assert "12000x12000" in answer.json["problem"]
    assert "megapixels" in answer.json["hint"]
    assert stored_files() == []


def test_name_of_an_upload_is_a_title_and_no_path(run: PanelRun, make_png: Callable[..., bytes]) -> None:
    names = [
        "../../evil.png",
        "..\\..\\evil.png",
        "/etc/passwd",
        "a\nb\x00\u202e.png",
        "<b>x</b>.png",
        "x" * 400,
    ]
    for name in names:
        assert run.client.upload(name, make_png()).status == 200
    titles = [each["title"] for each in run.client.get("/api/state").json["backgrounds"]["items"]]
    assert titles == ["evil", "evil", "passwd", "a b", "b>", "x" * 80]
    assert all(name[:16].strip("0123456789abcdef") == "" for name in stored_files())
    outside = {path.name for path in data_dir().iterdir()} - {"backgrounds", "panel.json"}
    assert outside == set()


def test_too_many_bytes_are_refused_before_they_are_sent(client: PanelClient) -> None:
    answer = client.post("/api/uploads", {"name": "a.mp4", "bytes": MAX_VIDEO_BYTES + 1})
    assert (answer.status, "512 MB" in answer.json["hint"]) == (400, True)
    for size in (0, -1, True, "9", None, 1.5):
        assert client.post("/api/uploads", {"name": "a", "bytes": size}).status == 400


def test_too_many_announced_uploads_are_refused(client: PanelClient) -> None:
    answers = [client.post("/api/uploads", {"name": "a", "bytes": 9}).status for _ in range(MAX_PENDING + 1)]
    assert answers == [200] * MAX_PENDING + [400]


def test_upload_must_be_what_was_announced(client: PanelClient, make_png: Callable[..., bytes]) -> None:
    ticket = client.post("/api/uploads", {"name": "a", "bytes": 10}).json["ticket"]
    headers = {"cookie": client.cookie, "origin": client.origin, "content_type": "application/octet-stream"}
    assert client.raw("PUT", f"/api/uploads/{ticket}", make_png(), **headers).status == 400
    assert client.raw("PUT", f"/api/uploads/{ticket}", b"0123456789", **headers).status == 400
    assert client.raw("PUT", "/api/uploads/0123456789abcdef", b"x", **headers).status == 400
    assert client.raw("PUT", "/api/uploads/..%2f..%2fx", b"x", **headers).status in (400, 404)
    assert stored_files() == []


def test_full_disk_is_named_and_leaves_no_file(
    run: PanelRun, make_png: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = SimpleNamespace(total=1 << 40, used=1 << 40, free=0)
    monkeypatch.setattr(api.shutil, "disk_usage", lambda path: full)
    answer = run.client.upload("a.png", make_png())
    assert (answer.status, answer.json["problem"]) == (507, "the disk is full")
    monkeypatch.undo()

    def write(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("livecam.panel.gallery.write_atomic", write)
    answer = run.client.upload("a.png", make_png())
    assert (answer.status, answer.json["problem"]) == (507, "the disk is full")
    assert stored_files() == []
    run.wait_for_frame(shows(BLUE))


def test_backgrounds_are_renamed_ordered_and_deleted(run: PanelRun, make_png: Callable[..., bytes]) -> None:
    client = run.client
    ids = [client.upload(f"{name}.png", make_png(RED)).json["id"] for name in "abc"]
    assert client.post("/api/backgrounds/rename", {"id": ids[0], "title": "My room"}).status == 200
    assert client.post("/api/backgrounds/order", {"ids": ids[::-1]}).status == 200
    assert client.post("/api/backgrounds/order", {"ids": ids[:2]}).status == 400
    items = client.get("/api/state").json["backgrounds"]["items"]
    assert [each["title"] for each in items] == ["c", "b", "My room"]
    client.post("/api/background", {"kind": "item", "value": ids[1]})
    assert client.post("/api/backgrounds/delete", {"id": ids[1]}).status == 200
    assert run.changes.settings.background == ("blur",)
    assert client.post("/api/backgrounds/delete", {"id": "../x"}).status == 400
    assert len(client.get("/api/state").json["backgrounds"]["items"]) == 2
    assert not [name for name in stored_files() if name.startswith(ids[1])]


def test_slide_show_of_several_pictures(run: PanelRun, make_png: Callable[..., bytes]) -> None:
    client = run.client
    ids = [client.upload(f"{n}.png", make_png(color)).json["id"] for n, color in enumerate((RED, RED))]
    made = client.post("/api/backgrounds/slides", {"ids": ids, "title": "Tour"})
    assert made.status == 200
    assert client.post("/api/backgrounds/slides", {"ids": ids[:1], "title": "One"}).status == 400
    assert (
        client.post("/api/backgrounds/slides", {"ids": [made.json["id"], ids[0]], "title": "x"}).status == 400
    )
    client.post("/api/background", {"kind": "item", "value": made.json["id"]})
    run.wait_for_frame(shows(RED))
    assert client.post("/api/settings", {"slide_seconds": 3}).status == 200


def test_settings_are_changed_and_reset(run: PanelRun) -> None:
    client = run.client
    assert (
        client.post("/api/settings", {"edge": 4, "light_wrap": 0.5, "fit": "contain", "mirror": False}).status
        == 200
    )
    assert (run.changes.settings.edge, run.changes.settings.fit.value) == (4, "contain")
    assert client.post("/api/settings/reset", {"names": ["edge", "mirror"]}).status == 200
    assert (run.changes.settings.edge, run.changes.settings.mirror) == (0.0, True)
    assert run.changes.settings.light_wrap == 0.5
    before = run.count
    run.wait_for_frame(lambda frame: run.count > before + 3)


@pytest.mark.parametrize(
    "body",
    [
        {"edge": 500},
        {"edge": "much"},
        {"mirror": 1},
        {"fit": "tile"},
        {"record": "/etc/x.mp4"},
        {"device": "/dev/sda"},
        {"port": 1},
        {"panel": False},
        {"background": ["/etc/passwd"]},
        {"nonsense": 1},
        {"camera": "/etc/passwd"},
        {"model": "/etc/passwd.tflite"},
        {"size": "9x9"},
        {},
        [],
        None,
    ],
)
def test_setting_that_cannot_be_changed_is_refused(run: PanelRun, body: Any) -> None:
    before = run.changes.settings
    assert run.client.post("/api/settings", body).status == 400
    assert run.changes.settings == before


def test_size_and_rate_are_changed_while_running(run: PanelRun) -> None:
    assert run.client.post("/api/settings", {"size": "640x360"}).status == 200
    run.wait_for_frame(lambda frame: frame.shape == (360, 640, 3))
    assert run.client.post("/api/settings", {"fps": 15, "threads": 1}).status == 200
    assert "640x360 at 15 fps" in run.client.get("/api/state").json["input"]["format"]


def test_kept_settings_are_the_defaults_of_the_next_run(run: PanelRun) -> None:
    run.client.post("/api/settings", {"edge": 3})
    run.client.post("/api/background", {"kind": "builtin", "value": "dusk"})
    assert run.client.post("/api/settings/keep").status == 200
    stored = read_config(config_path())
    assert (stored.edge, stored.background, stored.panel) == (3, ("dusk",), False)


def test_pause_shows_the_background_alone(run: PanelRun) -> None:
    assert run.client.post("/api/pause", {"paused": True}).status == 200
    with live(run) as socket:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and not run.controls.paused:
            time.sleep(0.02)
        assert json.loads(socket.recv(5))["type"] == "status"
    assert run.controls.paused
    run.client.post("/api/pause", {"paused": True})
    time.sleep(0.3)
    assert run.controls.paused
    run.client.post("/api/pause", {"paused": False})
    run.wait_for_frame(lambda frame: not run.controls.paused)


def test_recording_is_made_listed_and_played(run: PanelRun, tmp_path: Path) -> None:
    client = run.client
    assert client.post("/api/recording", {"on": True}).status == 200
    assert client.post("/api/recording", {"on": True}).status == 400
    before = run.count
    run.wait_for_frame(lambda frame: run.count > before + 15)
    name = client.post("/api/recording", {"on": False}).json["name"]
    assert [each["name"] for each in client.get("/api/state").json["output"]["recordings"]] == [name]
    part = client.get(f"/recordings/{name}", range="bytes=0-99")
    assert (part.status, len(part.body), part.headers["content-type"]) == (206, 100, "video/mp4")
    (tmp_path / "got.mp4").write_bytes(client.get(f"/recordings/{name}").body)
    with VideoReader(tmp_path / "got.mp4") as clip:
        frames = list(clip)
    assert len(frames) > 10
    assert is_near(corner(frames[5]), BLUE, 12)
    for other in ("../panel.json", f"../recordings/{name}", ""):
        assert client.post("/api/recordings/delete", {"name": other}).status == 400
    assert client.post("/api/recordings/delete", {"name": name}).status == 200
    assert client.get("/api/state").json["output"]["recordings"] == []
    assert client.get(f"/recordings/{name}").status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/recordings/../panel.json",
        "/recordings/..%2fpanel.json",
        "/recordings/%2e%2e%2fpanel.json",
        "/recordings/.hidden.mp4",
        "/page/../api.py",
        "/page/..%2fapi.py",
        "/page/%2e%2e/%2e%2e/core/errors.py",
        "/thumbnails/..%2f..%2fpanel.json",
        "/thumbnails/../gallery.json",
        "/etc/passwd",
        "//etc/passwd",
    ],
)
def test_paths_lead_nowhere_else(client: PanelClient, path: str) -> None:
    (data_dir() / "recordings").mkdir(exist_ok=True)
    (data_dir() / "recordings" / ".hidden.mp4").write_bytes(b"x")
    answer = client.get(path)
    assert answer.status == 404
    assert b"secret" not in answer.body


def test_changes_need_the_page_itself(run: PanelRun) -> None:
    body = {"kind": "color", "value": "#c81e14"}
    for headers, status in (
        ({"origin": "http://evil.example"}, 403),
        ({"host": "evil.example"}, 403),
        ({"cookie": ""}, 403),
        ({"content_type": "text/plain"}, 415),
    ):
        assert run.client.post("/api/background", body, **headers).status == status
    own = {"cookie": run.client.cookie, "origin": run.client.origin, "content_type": "application/json"}
    assert run.client.raw("POST", "/api/background", b"{not json", **own).status == 400
    assert run.changes.settings.background == ("#204060",)
    assert run.client.get("/api/background").status == 405


def test_websocket_sends_frames_when_asked_and_not_before(run: PanelRun) -> None:
    with live(run) as socket:
        assert json.loads(socket.recv(5))["type"] == "status"
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            try:
                assert isinstance(socket.recv(max(0.01, end - time.monotonic())), str)
            except TimeoutError:
                break
        socket.send("next")
        received = socket.recv(5)
        while isinstance(received, str):
            received = socket.recv(5)
        assert received[:3] == b"\xff\xd8\xff"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": ""},
        {"Cookie": ""},
        {"Cookie": "livecam=1"},
        {"Host": "evil.example"},
    ],
)
def test_foreign_websocket_is_refused(run: PanelRun, headers: dict[str, str]) -> None:
    with pytest.raises((InvalidStatus, ConnectionClosed)) as refused, live(run, **headers) as socket:
        socket.recv(2)
    if isinstance(refused.value, InvalidStatus):
        assert refused.value.response.status_code in (400, 403)


def test_slow_page_gets_the_newest_frame_and_does_not_slow_the_run(run: PanelRun) -> None:
    with live(run) as socket:
        socket.send("next")
        time.sleep(0.5)
        before, start = run.count, time.monotonic()
        time.sleep(1.0)
        rate = (run.count - before) / (time.monotonic() - start)
        assert rate > 10
        binary = [m for m in drain(socket) if isinstance(m, bytes)]
        assert len(binary) == 1


def drain(socket: Any) -> list[Any]:
    messages = []
    while True:
        try:
            messages.append(socket.recv(0.05))
        except TimeoutError:
            return messages


def test_fifty_pages_at_once_are_served_and_more_than_the_limit_are_not(run: PanelRun) -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(live(run)) for _ in range(50)]
        for socket in sockets:
            socket.send("next")
        for socket in sockets:
            while isinstance(socket.recv(10), str):
                pass
        before = run.count
        run.wait_for_frame(lambda frame: run.count > before + 10)
        for _ in range(MAX_PAGES - 50):
            stack.enter_context(live(run)).recv(5)
        extra = stack.enter_context(live(run))
        with pytest.raises(ConnectionClosed):
            extra.recv(5)


def test_page_is_told_when_the_state_changes(run: PanelRun) -> None:
    with live(run) as socket:
        run.client.post("/api/settings", {"mirror": False})
        kinds = set()
        while "changed" not in kinds:
            kinds.add(json.loads(socket.recv(5))["type"])


def test_camera_that_cannot_be_opened_leaves_the_present_one(
    run: PanelRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "livecam.panel.live_state.list_cameras", lambda: [SimpleNamespace(path="/dev/video77", name="gone")]
    )
    answer = run.client.post("/api/settings", {"camera": "/dev/video77"})
    assert answer.status == 409
    assert "/dev/video77" in answer.json["problem"]
    assert run.changes.settings.camera == "demo"
    before = run.count
    run.wait_for_frame(lambda frame: run.count > before + 3)


def test_virtual_camera_that_cannot_be_opened_is_explained(
    run: PanelRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    from livecam.core.errors import SinkError

    def fail(self: object) -> None:
        raise SinkError("no virtual camera: sudo modprobe v4l2loopback")

    monkeypatch.setattr("livecam.runtime.session.VirtualCameraSink.__enter__", fail)
    answer = run.client.post("/api/virtual-camera", {"on": True})
    assert (answer.status, "modprobe" in answer.json["problem"]) == (409, True)
    assert not run.changes.virtual_camera_device


def test_page_is_served_completely(client: PanelClient) -> None:
    page = client.get("/").body.decode()
    assert "<script>" not in page
    assert "style=" not in page
    assert "onclick" not in page
    for name in api.load_page_files():
        assert client.get(f"/page/{name}").status == 200
    assert client.get("/page/nothing.js").status == 404
