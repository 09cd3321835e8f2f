"""The page in Debian's Chromium, driven by Playwright. Effects are read from the frames of the sinks."""

import base64
import functools
import json
import logging
import os
import re
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecam.core.config import LiveSettings, config_path, read_config
from livecam.core.errors import CameraError, SinkError
from livecam.core.geometry import Size
from livecam.core.media_types import PROCEDURAL_NAMES
from livecam.devices.discovery import VideoDevice
from livecam.panel import control_panel
from livecam.panel.learning import LearnRun
from livecam.panel.live_state import recordings_dir
from livecam.personalization.config import workspace_dir
from livecam.personalization.journal import delete_workspace
from livecam.sinks.recorder import Recorder
from livecam.sources.demo import DemoSource
from tests.support.command_line import start_livecam
from tests.support.disc_data import write_pets
from tests.support.panel_run import PanelRun, corner, is_near
from tests.support.real_people import FRAME as SCENE
from tests.support.real_people import place, room
from tests.support.tiny_model import write_model

playwright = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is missing: pip install playwright, apt install chromium"
)
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe-core is missing: pip install axe-playwright-python"
)
logger = logging.getLogger("tests")
TEXTS = (Path(__file__).parents[2] / "livecam/panel/page/texts.js").read_text(encoding="utf-8")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing: apt install chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WIDE, NARROW = {"width": 1440, "height": 860}, {"width": 390, "height": 844}
BLUE, RED, GREEN = (0x20, 0x40, 0x60), (200, 30, 20), (30, 160, 60)
TIMEOUT = 20_000  # milliseconds; other programs may need the processor


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Open the page of the run, and fail at the end if the browser reported an error."""
    errors = list[str]()

    def open_it(
        *, of: PanelRun | None = None, prepare: Callable[[Any], object] = lambda page: None, **options: Any
    ) -> Any:
        shown = of or request.getfixturevalue("run")
        context = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce"} | options)
        context.set_default_timeout(TIMEOUT)
        # Before the run ends, also one that was begun after this fixture: no request of the page may fail.
        request.node.addfinalizer(context.close)
        page = context.new_page()
        prepare(page)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("response", lambda answer: errors.append(answer.url) if answer.status == 404 else None)
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(shown.server.access.new_address())
        page.wait_for_selector("html[data-ready] #preview[data-frames]")
        return page

    open_it.errors = errors  # type: ignore[attr-defined]
    yield open_it
    assert [error for error in errors if "409" not in error and "WebSocket" not in error] == []


@pytest.fixture
def page(run: PanelRun, open_page: Callable[..., Any]) -> Any:
    """Open the page; it is closed before the run ends, so that no request of it fails then."""
    return open_page()


def shows(color: tuple[int, ...], tolerance: int = 8) -> Callable[[Any], bool]:
    return lambda frame: is_near(corner(frame), color, tolerance)


def drop(page: Any, *files: tuple[str, str, bytes]) -> None:
    """Drop files (name, type, content) on the page."""
    encoded = [[name, kind, base64.b64encode(content).decode()] for name, kind, content in files]
    transfer = page.evaluate_handle(
        """files => {
            const transfer = new DataTransfer();
            for (const [name, type, content] of files) {
                const bytes = Uint8Array.from(atob(content), each => each.charCodeAt(0));
                transfer.items.add(new File([bytes], name, { type }));
            }
            return transfer;
        }""",
        encoded,
    )
    page.dispatch_event("main", "dragenter", {"dataTransfer": transfer})
    playwright.expect(page.locator("#drop")).to_be_visible()
    page.dispatch_event("main", "drop", {"dataTransfer": transfer})
    playwright.expect(page.locator("#drop")).to_be_hidden()


def preview_corner(page: Any) -> tuple[int, ...]:
    """Return a color of the preview near its top left corner."""
    canvas = "document.getElementById('preview').getContext('2d')"
    return tuple(page.evaluate(f"[...{canvas}.getImageData(4, 4, 1, 1).data].slice(0, 3)"))


def test_page_shows_what_the_sinks_get(page: Any, run: PanelRun) -> None:
    run.wait_for_frame(shows(BLUE))
    assert is_near(preview_corner(page), BLUE, 12)
    playwright.expect(page.locator("#safety")).to_have_text("Your room is hidden")
    frames = int(page.get_attribute("#preview", "data-frames"))
    page.wait_for_selector(f"#preview:not([data-frames='{frames}'])")
    assert page.url == f"http://127.0.0.1:{run.server.port}/#backgrounds"
    cookie = page.context.cookies()[0]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert page.evaluate("document.cookie") == ""


def test_dropped_picture_stands_behind_and_its_tile_is_marked(
    page: Any, run: PanelRun, make_png: Callable[..., bytes]
) -> None:
    drop(page, ("beach house.png", "image/png", make_png(RED)))
    run.wait_for_frame(shows(RED))
    tile = page.get_by_role("radio", name="beach house")
    playwright.expect(tile).to_have_attribute("aria-checked", "true")
    assert is_near(preview_corner(page), RED, 40) or page.wait_for_timeout(500) is None
    playwright.expect(page.locator(".toast")).to_contain_text("beach house.png is behind you now")


def test_dropped_video_picture_and_rubbish_together(
    page: Any, run: PanelRun, make_png: Callable[..., bytes], video: bytes
) -> None:
    drop(
        page,
        ("x.svg", "image/svg+xml", b"<svg/>"),
        ("clip.mp4", "video/mp4", video),
        ("b.png", "image/png", make_png()),
    )
    run.wait_for_frame(shows(GREEN, 16))
    playwright.expect(page.get_by_role("radio", name="clip")).to_have_attribute("aria-checked", "true")
    playwright.expect(page.get_by_role("radio", name="b", exact=True)).to_be_visible()
    playwright.expect(page.locator(".toast.bad")).to_contain_text("no picture and no video")


def test_files_are_chosen_with_the_button(page: Any, run: PanelRun, make_png: Callable[..., bytes]) -> None:
    with page.expect_file_chooser() as chooser:
        page.click("#add")
    chooser.value.set_files({"name": "chosen.png", "mimeType": "image/png", "buffer": make_png(RED)})
    run.wait_for_frame(shows(RED))


def test_backgrounds_are_clicked(page: Any, run: PanelRun) -> None:
    page.get_by_role("radio", name="Dusk").click()
    run.wait_for_frame(lambda frame: not shows(BLUE)(frame))
    playwright.expect(page.get_by_role("radio", name="Dusk")).to_have_attribute("aria-checked", "true")
    page.get_by_role("radio", name="Color").click()
    page.locator(".swatch").first.click()
    run.wait_for_frame(shows((0, 0xB1, 0x40)))
    page.fill("#background-color", "#c81e14")
    run.wait_for_frame(shows(RED))
    page.get_by_role("radio", name="Blur").click()
    page.fill("#blur-strength", "60")
    wait_until(lambda: run.changes.settings.background == ("blur:60",))


@pytest.fixture
def hold(page: Any) -> Callable[[str], list[Any]]:
    """Hold the requests to a path back; each can be continued, aborted or answered."""

    def hold_them(path: str) -> list[Any]:
        held = list[Any]()
        page.route(path, lambda route: held.append(route))  # a builtin is refused
        return held

    return hold_them


def expect_tile(page: Any, name: str, *, busy: bool) -> None:
    tile = page.get_by_role("radio", name=name)
    playwright.expect(tile).to_have_attribute("aria-checked", "true")
    playwright.expect(tile).to_have_attribute("aria-busy", str(busy).lower())
    assert page.locator("[role=radio][aria-checked=true]").count() == 1


def test_chosen_tile_is_busy_until_livecam_has_answered(
    page: Any, run: PanelRun, hold: Callable[[str], list[Any]]
) -> None:
    held = hold("**/api/background")
    page.get_by_role("radio", name="Dusk").click()
    expect_tile(page, "Dusk", busy=True)
    # A state of before the answer does not mark the old tile again.
    with page.expect_response("**/api/state"):
        run.client.post("/api/settings", {"edge": 1.0})
    page.wait_for_timeout(100)
    expect_tile(page, "Dusk", busy=True)
    held[0].continue_()
    expect_tile(page, "Dusk", busy=False)
    assert run.changes.settings.background == ("dusk",)


def test_refused_choice_marks_the_present_tile_again(page: Any, hold: Callable[[str], list[Any]]) -> None:
    held = hold("**/api/background")
    page.get_by_role("radio", name="Dusk").click()
    expect_tile(page, "Dusk", busy=True)
    held[0].fulfill(status=409, json={"problem": "no", "hint": ""})
    expect_tile(page, "Color", busy=False)
    playwright.expect(page.locator(".toast.bad")).to_contain_text("no")


def test_last_of_quick_choices_wins(page: Any, run: PanelRun, hold: Callable[[str], list[Any]]) -> None:
    """Requests that are on their way together may be executed in any order, so there is one at a time."""
    held = hold("**/api/background")
    for name in ("Dusk", "Waves", "Paper"):
        page.get_by_role("radio", name=name).click()
    page.wait_for_timeout(200)
    assert [route.request.post_data_json["value"] for route in held] == ["dusk"]
    held[0].continue_()
    page.wait_for_timeout(50)
    wait_until(lambda: page.wait_for_timeout(20) is None and len(held) == 2)
    held[1].continue_()
    expect_tile(page, "Paper", busy=False)
    assert run.changes.settings.background == ("paper",)
    assert len(held) == 2  # the one between was left out


def test_tile_of_a_dropped_picture_is_there_at_once(
    page: Any, run: PanelRun, make_png: Callable[..., bytes], hold: Callable[[str], list[Any]]
) -> None:
    held = hold("**/api/uploads/*")
    drop(page, ("harbor.png", "image/png", make_png(RED)))
    expect_tile(page, "harbor", busy=True)
    wait_until(lambda: page.wait_for_timeout(20) is None and len(held) == 1)
    held[0].continue_()
    expect_tile(page, "harbor", busy=False)
    run.wait_for_frame(shows(RED))
    assert page.get_by_role("radio", name="harbor").count() == 1


def test_choice_is_kept_while_a_file_is_added(
    page: Any, run: PanelRun, make_png: Callable[..., bytes], hold: Callable[[str], list[Any]]
) -> None:
    held = hold("**/api/uploads/*")
    drop(page, ("harbor.png", "image/png", make_png(RED)))
    wait_until(lambda: page.wait_for_timeout(20) is None and len(held) == 1)
    page.get_by_role("radio", name="Dusk").click()
    expect_tile(page, "Dusk", busy=False)
    held[0].continue_()
    playwright.expect(page.locator(".toast")).to_contain_text("harbor.png is among your backgrounds now")
    expect_tile(page, "Dusk", busy=False)
    assert page.get_by_role("radio", name="harbor").count() == 1
    assert run.changes.settings.background == ("dusk",)


def test_tile_of_a_refused_file_disappears(page: Any, hold: Callable[[str], list[Any]]) -> None:
    held = hold("**/api/uploads/*")
    drop(page, ("harbor.png", "image/png", b"no picture"))
    expect_tile(page, "harbor", busy=True)
    wait_until(lambda: page.wait_for_timeout(20) is None and len(held) == 1)
    held[0].continue_()
    expect_tile(page, "Color", busy=False)
    assert page.get_by_role("radio", name="harbor").count() == 0


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_keyboard_alone_is_enough(page: Any, run: PanelRun) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.get_by_role("radio", name="Color").focus()
    page.keyboard.press("ArrowRight")
    wait_until(lambda: run.changes.settings.background == ("beach",))
    assert page.evaluate("document.activeElement.textContent") == "Beach"
    page.keyboard.press("End")
    wait_until(lambda: run.changes.settings.background == ("waves",))
    page.locator("#tab-backgrounds").focus()
    page.keyboard.press("ArrowRight")
    playwright.expect(page.locator("#panel-picture")).to_be_visible()
    slider = page.get_by_role("slider", name="Outline")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    wait_until(lambda: run.changes.settings.edge == 1.5)  # three steps of a half
    page.locator("#dock-hide").focus()
    page.keyboard.press("Enter")
    wait_until(lambda: run.controls.paused)
    playwright.expect(page.locator("#dock-hide")).to_contain_text("Show me")
    playwright.expect(page.locator("#dock-hide")).to_be_focused()
    page.keyboard.press("Enter")
    wait_until(lambda: not run.controls.paused)
    playwright.expect(page.locator("#dock-hide")).to_be_focused()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "dock-record"


def test_every_control_has_a_name(page: Any) -> None:
    for tab in page.locator("#tabs [role=tab]").all():
        tab.click()
        unnamed = page.evaluate(
            """[...document.querySelectorAll('button, input, select, [role=radio], [role=tab]')]
               .filter(each => each.offsetParent && !each.getAttribute('aria-label')
                               && !each.textContent.trim() && !each.labels?.length)
               .map(each => each.outerHTML)"""
        )
        assert unnamed == []


def test_settings_of_the_picture_are_changed_and_reset(page: Any, run: PanelRun) -> None:
    page.click("#tab-picture")
    names = page.evaluate("[...document.querySelectorAll('.setting')].map(each => each.dataset.setting)")
    assert {"fit", "edge", "light_wrap", "frame", "mirror"} <= set(names)
    page.get_by_label("Fill the frame").select_option("stretch")
    page.get_by_role("slider", name="Light wrap").fill("0.5")
    page.get_by_role("switch", name="Mirror the preview").click()
    wait_until(lambda: run.changes.settings.light_wrap == 0.5 and not run.changes.settings.mirror)
    playwright.expect(page.locator("#preview")).not_to_have_class(re.compile("mirrored"))
    page.click("#dock-mirror")
    playwright.expect(page.locator("#preview")).to_have_class(re.compile("mirrored"))
    page.click("#dock-mirror")
    playwright.expect(page.locator("#preview")).not_to_have_class(re.compile("mirrored"))
    page.click("#reset-all")
    wait_until(lambda: run.changes.settings.light_wrap == 0 and run.changes.settings.mirror)
    assert run.changes.settings.fit.value == "cover"
    playwright.expect(page.get_by_role("slider", name="Light wrap")).to_have_value("0")


def blue_fraction(frame: Any) -> float:
    """Return how much of a frame is the background of the run."""
    return float((abs(frame.astype(int) - BLUE).max(axis=2) <= 8).mean())


def warmth(frame: Any) -> float:
    """Return how much redder than blue the middle of a frame is, where the person is."""
    height, width = frame.shape[:2]
    middle = frame[height // 3 : height * 2 // 3, width * 2 // 5 : width * 3 // 5].astype(float)
    return float((middle[..., 0] - middle[..., 2]).mean())


def test_model_and_picture_have_their_effect_in_the_frames(page: Any, run: PanelRun) -> None:
    run.wait_for_frame(lambda frame: blue_fraction(frame) > 0.99)  # the run's own model keeps nothing
    page.click("#tab-devices")
    page.get_by_label("Threads").fill("2")
    page.keyboard.press("Enter")
    wait_until(lambda: run.changes.settings.threads == 2)
    page.get_by_label("Model", exact=True).select_option("person-lite")
    run.wait_for_frame(lambda frame: blue_fraction(frame) < 0.9, 30)
    page.click("#dock-hide")
    run.wait_for_frame(shows_nothing, 20)
    playwright.expect(page.locator("#safety")).to_have_text("You are hidden too")
    playwright.expect(page.locator("#view-note")).to_have_text("You are hidden too")
    page.click("#dock-hide")
    run.wait_for_frame(lambda frame: blue_fraction(frame) < 0.9, 20)
    page.click("#tab-picture")
    page.get_by_role("slider", name="Outline").press("End")
    wait_until(lambda: run.changes.settings.edge > 0)
    wide = settled(run, blue_fraction)
    page.get_by_role("slider", name="Outline").press("Home")
    wait_until(lambda: run.changes.settings.edge < 0)
    run.wait_for_frame(lambda frame: blue_fraction(frame) > wide + 0.01, 20)
    page.get_by_role("button", name="Reset Outline to 0").click()
    wait_until(lambda: run.changes.settings.edge == 0)
    playwright.expect(page.get_by_role("slider", name="Outline")).to_have_value("0")
    assert run.changes.settings.model == "person-lite"
    before = settled(run, warmth)
    page.get_by_role("slider", name="Color match").press("End")
    run.wait_for_frame(lambda frame: warmth(frame) < before - 3, 20)
    page.click("#reset-all")
    run.wait_for_frame(lambda frame: warmth(frame) > before - 3, 20)


def settled(run: PanelRun, measure: Callable[[Any], Any]) -> Any:
    """Return the mean of a figure, or of an array, over the next ten frames."""
    values: list[Any] = []
    seen = run.count + 5  # frames that were on their way
    for number in range(seen, seen + 10):
        wait_until(functools.partial(lambda least: run.count > least, number))
        values.append(measure(run.frames[-1]))
    return sum(values) / len(values)


@pytest.fixture
def dim_clip(tmp_path: Path) -> Path:
    """A still clip in little light: a small person in the middle, another one apart on the left."""
    scene = room().astype(np.float32)
    for height, x, mirrored in ((180, 340, False), (150, 90, True)):
        image, matte = place(height, x, mirrored=mirrored)
        scene += matte[..., None] * (image - scene)
    path = tmp_path / "dim.mp4"
    with Recorder(path, SCENE, 10) as recorder:
        for number in range(20):
            recorder.send((0.2 * scene).astype(np.uint8), number / 10)
    return path


@pytest.fixture
def dim_run(settings: LiveSettings, dim_clip: Path) -> Iterator[PanelRun]:
    with PanelRun(replace(settings, camera=str(dim_clip), size=SCENE, model="person")) as running:
        yield running


def test_framing_low_light_only_me_and_light_wrap_have_their_effect_in_the_frames(
    open_page: Callable[..., Any], dim_run: PanelRun
) -> None:
    page, run = open_page(of=dim_run), dim_run
    left, middle = (slice(None), slice(0, 190)), (slice(None), slice(220, 440))

    def person(part: tuple[slice, slice]) -> Callable[[Any], float]:
        return lambda frame: 1 - blue_fraction(frame[part])

    def brightness(frame: Any) -> float:
        shown = frame[middle]
        return float(shown[abs(shown.astype(int) - BLUE).max(axis=2) > 40].mean())

    page.click("#tab-picture")
    run.wait_for_frame(lambda frame: person(left)(frame) > 0.1 and person(middle)(frame) > 0.1, 30)

    dark = settled(run, brightness)
    page.get_by_role("switch", name="Low light").click()
    run.wait_for_frame(lambda frame: brightness(frame) > 1.5 * dark, 30)

    page.get_by_role("switch", name="Only me").click()
    run.wait_for_frame(lambda frame: person(left)(frame) < 0.003 and person(middle)(frame) > 0.1, 30)

    page.get_by_role("slider", name="Light wrap").press("End")
    wait_until(lambda: run.changes.settings.light_wrap == 1)
    wrapped = settled(run, lambda frame: frame[middle].astype(float))
    page.get_by_role("slider", name="Light wrap").press("Home")
    wait_until(lambda: run.changes.settings.light_wrap == 0)
    bare = settled(run, lambda frame: frame[middle].astype(float))
    is_changed = abs(wrapped - bare).max(axis=2) > 8
    assert 0.002 < is_changed.mean() < 0.1  # the rim of the person, which takes the background's light
    assert abs(wrapped - BLUE)[is_changed].mean() < 0.9 * abs(bare - BLUE)[is_changed].mean()

    whole = settled(run, person((slice(None), slice(None))))
    page.get_by_label("Framing").select_option("auto")
    run.wait_for_frame(lambda frame: person((slice(None), slice(None)))(frame) > 1.5 * whole, 30)

    page.click("#reset-all")
    run.wait_for_frame(lambda frame: person(left)(frame) > 0.1 and brightness(frame) < 1.1 * dark, 30)


def test_camera_that_fails_leaves_the_old_one_with_a_message(
    page: Any, run: PanelRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    cameras = [VideoDevice("/dev/video7", "Broken Cam"), VideoDevice("/dev/video8", "Other Cam")]
    monkeypatch.setattr("livecam.panel.live_state.list_cameras", lambda: cameras)

    def open_it(camera: str, **options: Any) -> Any:
        if camera == "/dev/video7":
            raise CameraError("Broken Cam gives no frames", "plug it in again")
        return DemoSource(options["size"], options["fps"])

    monkeypatch.setattr("livecam.runtime.session.open_source", open_it)
    page.reload()
    page.wait_for_selector("html[data-ready] #preview[data-frames]")
    page.click("#tab-devices")
    before = run.changes.source
    page.locator("#input-camera").select_option("/dev/video7")
    playwright.expect(page.locator(".toast.bad")).to_contain_text(
        "Broken Cam gives no frames; plug it in again"
    )
    playwright.expect(page.locator("#input-camera")).to_have_value("demo")
    count = run.count
    wait_until(lambda: run.count > count + 5)
    assert run.changes.source is before
    assert run.changes.settings.camera == "demo"
    page.locator("#input-camera").select_option("/dev/video8")
    wait_until(lambda: run.changes.settings.camera == "/dev/video8")
    playwright.expect(page.locator("#input-camera")).to_have_value("/dev/video8")
    count = run.count
    wait_until(lambda: run.count > count + 5)
    assert run.changes.source is not before


def test_fit_has_its_effect_in_the_frames(page: Any, run: PanelRun, make_png: Callable[..., bytes]) -> None:
    drop(page, ("tall.png", "image/png", make_png(RED, (100, 400))))
    run.wait_for_frame(shows(RED))
    page.click("#tab-picture")
    page.get_by_label("Fill the frame").select_option("contain")
    run.wait_for_frame(lambda frame: not shows(RED, 40)(frame), 20)
    page.get_by_label("Fill the frame").select_option("stretch")
    run.wait_for_frame(shows(RED), 20)


def test_camera_is_changed_and_a_failure_is_explained(
    page: Any, run: PanelRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.click("#tab-devices")
    page.get_by_label("Size").select_option("640x360")
    run.wait_for_frame(lambda frame: frame.shape == (360, 640, 3), 20)
    playwright.expect(page.get_by_text("The camera gives 640x360 at 30 fps.")).to_be_visible()

    def fail(self: object) -> None:
        raise SinkError("no virtual camera: sudo modprobe v4l2loopback")

    monkeypatch.setattr("livecam.runtime.session.VirtualCameraSink.__enter__", fail)
    page.get_by_role("switch", name="Virtual camera").click()
    playwright.expect(page.locator(".toast.bad")).to_contain_text("modprobe")
    playwright.expect(page.get_by_role("switch", name="Virtual camera")).not_to_be_checked()
    page.get_by_label("Rate").select_option("15")
    wait_until(lambda: run.changes.settings.fps == 15 and run.changes.source.fps == 15)


def test_clip_is_recorded_and_played(page: Any, run: PanelRun) -> None:
    page.click("#dock-record")
    playwright.expect(page.locator("#recording-time")).to_be_visible()
    wait_until(lambda: (run.changes.recording or pytest.fail("no recording")).seconds > 1)
    page.click("#dock-record")
    link = page.get_by_role("link", name="Play it")
    size = page.evaluate(
        "async address => (await (await fetch(address)).arrayBuffer()).byteLength", link.get_attribute("href")
    )
    assert size > 1000
    page.click("#tab-devices")
    playwright.expect(page.locator("#panel-devices .files li")).to_have_count(1)
    with page.context.expect_page() as opened:
        link.click()
    assert opened.value.url.endswith(".mp4")
    with page.expect_download() as saved:
        page.get_by_role("link", name=re.compile("^Save livecam-")).click()
    assert Path(saved.value.path()).stat().st_size == size
    page.get_by_role("button", name=re.compile("^Delete livecam-")).click()
    page.locator("dialog").get_by_role("button", name="Delete").click()
    playwright.expect(page.get_by_text("The recordings that you make here are listed here.")).to_be_visible()
    assert list(recordings_dir().iterdir()) == []


def test_health_shows_figures_and_findings(page: Any, run: PanelRun, monkeypatch: pytest.MonkeyPatch) -> None:
    findings = [
        {"name": "camera", "level": "fine", "seen": "the camera works", "remedy": "", "command": ""},
        {
            "name": "x",
            "level": "broken",
            "seen": "no <b>module</b>",
            "remedy": "sudo y (then z)",
            "command": "sudo y",
        },
    ]
    monkeypatch.setattr("livecam.panel.api.examine", lambda settings: findings)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#tab-health")
    playwright.expect(page.locator("#chart-fps strong")).not_to_have_text("–")
    page.click("#doctor")
    playwright.expect(page.locator(".finding h3")).to_have_text(["Broken", "Fine"])
    assert page.locator(".finding b").count() == 0
    page.get_by_role("button", name="Copy the command").click()
    playwright.expect(page.locator(".toast")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "sudo y"


def test_charts_go_on_after_the_page_is_loaded_again(page: Any, run: PanelRun) -> None:
    points = "document.querySelector('#chart-fps .line').getAttribute('d')?.split('L').length ?? 0"
    page.click("#tab-health")
    for _ in range(20):
        run.panel._state.meter.measure()
    wait_until(lambda: page.evaluate(points) >= 2)
    for strength in (11, 12, 13):  # each change sends the figures of the same second again
        run.client.post("/api/background", {"kind": "blur", "value": strength})
    page.reload()
    page.wait_for_selector("html[data-ready] #preview[data-frames]")
    shown, known = page.evaluate(
        f"fetch('/api/state').then(each => each.json()).then(state => [{points}, state.history.length])"
    )
    assert known >= 22
    assert known - 3 <= shown <= known + 3


def test_missing_virtual_camera_leads_to_the_doctor(
    page: Any, run: PanelRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object) -> None:
        raise SinkError("no virtual camera: sudo modprobe v4l2loopback")

    finding = {"name": "x", "level": "broken", "seen": "no module", "remedy": "", "command": "sudo y"}
    monkeypatch.setattr("livecam.runtime.session.VirtualCameraSink.__enter__", fail)
    monkeypatch.setattr("livecam.panel.api.examine", lambda settings: [finding])
    playwright.expect(page.locator("#caption")).to_contain_text("No call shows this yet")
    page.click("#dock-virtual")
    playwright.expect(page.locator(".toast.bad")).to_contain_text("modprobe")
    page.get_by_role("button", name="What to do").click()
    playwright.expect(page.locator("#panel-health")).to_be_visible()
    playwright.expect(page.locator("#tab-health")).to_be_focused()
    playwright.expect(page.locator(".finding code")).to_have_text("sudo y")
    playwright.expect(page.locator(".finding code")).to_be_in_viewport()
    playwright.expect(page.locator(".toast.bad")).to_be_hidden()


@pytest.mark.parametrize("tab", ["backgrounds", "picture", "devices"])
def test_everything_is_kept_for_the_next_time(page: Any, run: PanelRun, tab: str) -> None:
    run.client.post("/api/background", {"kind": "builtin", "value": "dusk"})
    page.click(f"#tab-{tab}")
    page.locator(f"#panel-{tab}").get_by_role("button", name="Start like this next time").click()
    playwright.expect(page.locator(".toast")).to_contain_text("Kept: livecam starts with this background")
    assert read_config(config_path()).background == ("dusk",)


def test_own_backgrounds_are_arranged(page: Any, run: PanelRun, make_png: Callable[..., bytes]) -> None:
    drop(page, *((f"{name}.png", "image/png", make_png()) for name in ("first", "second")))
    playwright.expect(page.get_by_role("radio", name="second")).to_be_visible()
    page.click("#arrange")
    page.get_by_role("button", name="Move second earlier").click()
    expect_own(page, run, ["second", "first"])
    page.get_by_role("radio", name="second").drag_to(page.get_by_role("radio", name="first"))
    expect_own(page, run, ["first", "second"])
    page.get_by_role("radio", name="second").drag_to(page.get_by_role("radio", name="first"))
    expect_own(page, run, ["second", "first"])
    page.get_by_role("button", name="Rename first").click()
    page.locator("dialog input").fill("Office")
    page.locator("dialog").get_by_role("button", name="Save").click()
    expect_own(page, run, ["second", "Office"])
    page.get_by_label("Select second").check()
    page.get_by_label("Select Office").check()
    page.click("#make-slides")
    page.locator("dialog").get_by_role("button", name="Save").click()
    playwright.expect(page.get_by_role("radio", name="Slide show")).to_have_attribute("aria-checked", "true")
    page.fill("#slide-seconds", "3")
    page.keyboard.press("Enter")
    wait_until(lambda: run.changes.settings.slide_seconds == 3)
    page.click("#arrange")
    page.get_by_role("button", name="Delete Office").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Delete Office").click()
    page.locator("dialog").get_by_role("button", name="Delete").click()
    expect_own(page, run, ["second", "Slide show"])


def expect_own(page: Any, run: PanelRun, titles: list[str]) -> None:
    """Wait for the order in the gallery and on the page: a tile that is drawn again can't be dragged."""
    wait_until(lambda: [each.title for each in gallery(run)] == titles)
    playwright.expect(page.locator("[data-tile^='item:'] .title")).to_have_text(titles)


def gallery(run: PanelRun) -> Any:
    from livecam.core.config import data_dir
    from livecam.panel.gallery import Gallery

    return Gallery(data_dir() / "backgrounds").items


def test_two_pages_show_the_same(open_page: Callable[..., Any], run: PanelRun) -> None:
    first, second = open_page(), open_page()
    first.get_by_role("radio", name="Paper").click()
    playwright.expect(second.get_by_role("radio", name="Paper")).to_have_attribute("aria-checked", "true")


def test_page_loaded_again_shows_the_present_state(page: Any, run: PanelRun) -> None:
    page.get_by_role("radio", name="Studio").click()
    page.click("#tab-health")
    page.reload()
    page.wait_for_selector("html[data-ready] #preview[data-frames]")
    playwright.expect(page.locator("#panel-health")).to_be_visible()
    page.click("#tab-backgrounds")
    playwright.expect(page.get_by_role("radio", name="Studio")).to_have_attribute("aria-checked", "true")


def test_closed_page_changes_nothing(page: Any, run: PanelRun) -> None:
    page.close()
    before = run.count
    run.wait_for_frame(lambda frame: run.count > before + 5)
    assert run.changes.settings.background == ("#204060",)


def test_end_of_livecam_is_shown(page: Any, run: PanelRun) -> None:
    run.stop()
    playwright.expect(page.locator("#safety")).to_have_text("livecam has ended")
    run.panel.__exit__(None, None, None)
    playwright.expect(page.locator("#gone")).to_be_visible()
    playwright.expect(page.locator("#gone")).to_contain_text("livecam panel")


def test_killed_livecam_is_shown(browser: Any, tmp_path: Path) -> None:
    arguments = (
        f"panel --camera demo --size 320x180 --no-virtual-camera --no-browser --model {write_model(tmp_path)}"
    )
    with start_livecam(arguments) as process, browser.new_context(viewport=WIDE) as context:
        address = next(match[0] for line in process.stderr if (match := re.search(r"http://127\S+", line)))
        page = context.new_page()
        page.set_default_timeout(TIMEOUT)
        page.goto(address)
        page.wait_for_selector("#preview[data-frames]")
        playwright.expect(page.locator("#gone")).to_be_hidden()

        process.kill()

        playwright.expect(page.locator("#gone")).to_be_visible(timeout=TIMEOUT)
        playwright.expect(page.locator("#gone")).to_contain_text("livecam panel")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_screen_shows_everything_without_scrolling_sideways(
    open_page: Callable[..., Any], run: PanelRun, scheme: str, tmp_path: Path
) -> None:
    page = open_page(viewport=NARROW, color_scheme=scheme, has_touch=True)
    for tab in page.locator("#tabs [role=tab]").all():
        tab.click()
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= NARROW["width"]
        playwright.expect(page.locator("#preview")).to_be_in_viewport()
    page.click("#tab-backgrounds")
    page.get_by_role("radio", name="Waves").tap()
    wait_until(lambda: run.changes.settings.background == ("waves",))


def violations(page: Any) -> list[str]:
    """Return what axe-core finds on the page as it is, of WCAG 2.2 A and AA and of its best practices."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = axe.Axe().run(page, options={"runOnly": tags, "resultTypes": ["violations"]}).response
    return [f"{each['id']}: {node['html']}" for each in found["violations"] for node in each["nodes"]]


@pytest.mark.parametrize(("scheme", "viewport"), [("light", WIDE), ("dark", NARROW)])
def test_axe_finds_nothing_on_any_tab(
    open_page: Callable[..., Any], make_png: Callable[..., bytes], scheme: str, viewport: dict[str, int]
) -> None:
    page = open_page(viewport=viewport, color_scheme=scheme)
    drop(page, *((f"{name}.png", "image/png", make_png()) for name in ("first", "second")))
    playwright.expect(page.get_by_role("radio", name="second")).to_be_visible()
    for tab in page.locator("#tabs [role=tab]").all():
        tab.click()
        assert violations(page) == [], tab.get_attribute("id")
    page.click("#tab-backgrounds")
    page.get_by_role("radio", name="Blur").click()
    page.click("#arrange")
    assert violations(page) == []
    page.get_by_role("button", name="Rename first").click()
    playwright.expect(page.locator("dialog")).to_be_visible()
    assert violations(page) == []


def test_axe_finds_nothing_while_livecam_learns(learn_script: None, page: Any) -> None:
    page.click("#tab-learn")
    page.click("#learn-start")
    playwright.expect(page.locator(".instruction")).to_have_text("turn your head and your shoulders")
    assert violations(page) == []
    for number in (1, 2, 3):
        (workspace_dir("me") / f"seen-{number}").touch()
    playwright.expect(page.locator(".compare")).to_have_count(3, timeout=TIMEOUT)
    assert violations(page) == []


def test_axe_finds_a_control_without_a_name(page: Any) -> None:
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert [each.partition(":")[0] for each in violations(page)] == ["button-name"]


def test_nothing_moves_if_less_motion_is_preferred(open_page: Callable[..., Any]) -> None:
    durations = """[...document.querySelectorAll('*')].map(each => getComputedStyle(each)).flatMap(
        each => [each.transitionDuration, each.animationDuration].flatMap(value => value.split(', '))
    ).map(parseFloat)"""
    assert max(open_page(reduced_motion="no-preference").evaluate(durations)) > 0.05
    assert max(open_page(reduced_motion="reduce").evaluate(durations)) < 0.001


def test_colors_have_the_contrast_of_wcag_aa() -> None:
    css = (Path(__file__).parents[2] / "livecam" / "panel" / "page" / "panel.css").read_text(encoding="utf-8")
    dark, light = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", part)) for part in css.split("@media")[:2])
    for colors in (dark, light):
        for ground in ("ground", "surface", "raised"):
            for ink in ("ink", "muted", "accent", "danger", "warning"):
                assert contrast(colors[ink], colors[ground]) >= 4.5, (ink, ground)
        assert contrast(colors["on-accent"], colors["accent"]) >= 4.5
        assert contrast(colors["accent"], colors["accent-soft"]) >= 4.5
        assert contrast(colors["danger"], colors["danger-soft"]) >= 4.5


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colors (WCAG 2.2, relative luminance)."""
    low, high = sorted(luminance(color) for color in (first, second))
    return (high + 0.05) / (low + 0.05)


def luminance(color: str) -> float:
    levels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_sentences_of_livecam_are_translated_with_the_texts_of_the_page(
    open_page: Callable[..., Any], make_png: Callable[..., bytes]
) -> None:
    english, german = "{0} is no picture and no video that livecam can read", "{0}: weder Bild noch Video"
    assert f'"{english}": "{english}"' in TEXTS
    translated = TEXTS.replace(f': "{english}"', f': "{german}"')

    def prepare(page: Any) -> None:
        page.route(
            "**/page/texts.js", lambda route: route.fulfill(body=translated, content_type="text/javascript")
        )

    page = open_page(prepare=prepare)
    drop(page, ("my (1).svg", "image/svg+xml", b"<svg/>"))
    playwright.expect(page.locator(".toast.bad")).to_contain_text(
        "my (1): weder Bild noch Video; take a JPEG, PNG or MP4"
    )


def test_the_template_with_the_most_text_translates(open_page: Callable[..., Any]) -> None:
    short, long = '"close {0}": "', '"close {0}, or livecam --device ANOTHER": "'
    assert TEXTS.index(short) < TEXTS.index(long)
    translated = TEXTS.replace(short, short + "1: ").replace(long, long + "2: ")

    def prepare(page: Any) -> None:
        page.route(
            "**/page/texts.js", lambda route: route.fulfill(body=translated, content_type="text/javascript")
        )

    page = open_page(prepare=prepare)
    address = page.evaluate("document.querySelector('script[src]').src")
    translate = "async ([address, text]) => (await import(new URL('texts.js', address))).message(text)"
    assert page.evaluate(translate, [address, "close Zoom"]) == "1: close Zoom"
    other = "close Zoom, or livecam --device ANOTHER"
    assert page.evaluate(translate, [address, other]) == f"2: {other}"


def test_each_text_that_the_page_asks_for_exists_and_no_other(page: Any) -> None:
    """A key that is misspelt would show nothing. A part that is computed stands for any one."""
    files = list((Path(__file__).parents[2] / "livecam/panel/page").iterdir())
    source = "\n".join(each.read_text(encoding="utf-8") for each in files if each.name != "texts.js")
    used = set(re.findall(r"text\(\s*[\"`]([^\"`]+)[\"`]", source))
    used |= set(re.findall(r'data-(?:text|label)="([^"]+)"', source))
    # Keys that are chosen among two or more.
    used |= set(re.findall(r'"([a-z]+(?:\.[A-Za-z]+)*|caption[A-Z]\w+)"', source))
    texts = page.evaluate("""async () => (await import("/page/texts.js")).TEXTS""")
    del texts["messages"]
    keys = set(flat_keys(texts))
    patterns = [re.compile(re.sub(r"\\\$\\{[^}]*\\}", "[^.]+", re.escape(each))) for each in used]
    assert [key for key in keys if not any(pattern.fullmatch(key) for pattern in patterns)] == []
    calls = set(re.findall(r'\btext\("([^"]+)"', source)) | set(
        re.findall(r'data-(?:text|label)="([^"]+)"', source)
    )
    assert calls - keys == set()


def flat_keys(texts: dict[str, Any], before: str = "") -> Iterator[str]:
    for name, value in texts.items():
        yield from [before + name] if isinstance(value, str) else flat_keys(value, f"{before}{name}.")


def test_each_sentence_for_users_is_among_the_texts() -> None:
    from livecam.doctor.messages import MESSAGES
    from livecam.personalization.guided_recording import POSE_INSTRUCTIONS
    from livecam.personalization.results import ComparisonResult
    from tests.support.user_messages import error_sentences, number_fields

    top = Path(__file__).parents[2] / "livecam"
    packages = "panel backgrounds models sources devices sinks imaging video personalization"
    files = [path for package in packages.split() for path in (top / package).rglob("*.py")]
    sentences = error_sentences(*files, top / "runtime" / "live_changes.py")
    assert len(sentences) > 150
    sentences |= {text for _, text in POSE_INSTRUCTIONS}
    for message in MESSAGES.values():
        sentences |= {number_fields(message.observation), number_fields(message.remedy)}
    # The limit in the second reason is a number of livecam, so it is not a value of the text.
    sentences |= {
        ComparisonResult((0.0, 0.0), (0.0, 0.0), 1).reason,
        ComparisonResult((0.0, 1.0), (9.0, 0.0), 1).reason,
    }
    # Of two errors joined, each is a sentence of its own.
    missing = {
        each
        for each in sentences
        if f"{json.dumps(each, ensure_ascii=False)}: " not in TEXTS and re.search("[a-z]", each)
    }
    assert missing == set()


OPEN_SECONDS = float(os.environ.get("LIVECAM_PANEL_SECONDS", "60"))
"""How long the page is open while rate and memory are compared; 600 takes 13 minutes."""


class TimedRun(PanelRun):
    """Run that notes when each frame came, and how long the panel's sink kept the loop, in seconds."""

    def __init__(self, settings: LiveSettings) -> None:
        super().__init__(settings)
        self.rows: list[tuple[float, float]] = []

    def send(self, frame: Any) -> None:
        start = time.perf_counter()
        self.panel.sink.send(frame)
        self.rows.append((start, time.perf_counter() - start))

    def rate_over(self, seconds: float) -> float:
        """Return the frames a second of the next seconds."""
        first, count = time.perf_counter(), len(self.rows)
        wait_until(lambda: time.perf_counter() - first >= seconds, seconds + 20)
        times = [when for when, _ in self.rows[count:]]
        return (len(times) - 1) / (times[-1] - times[0])


def resident_megabytes() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_drawing_ahead_waits_for_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, ended, changing = list[str](), threading.Event(), [True]
    monkeypatch.setattr(control_panel, "draw_cached", lambda name, size: drawn.append(name))
    arguments = (Size(64, 36), lambda: changing[0], ended)
    thread = threading.Thread(target=control_panel.draw_ahead, args=arguments)
    thread.start()
    thread.join(0.3)
    assert drawn == []
    changing[0] = False
    thread.join(10)
    assert drawn == list(PROCEDURAL_NAMES)
    ended.set()
    control_panel.draw_ahead(*arguments)
    assert len(drawn) == len(PROCEDURAL_NAMES)


@pytest.mark.serial
def test_open_page_takes_neither_frames_nor_memory(browser: Any, settings: LiveSettings) -> None:
    """Without the page, with it, and without it again, in one run."""
    short = OPEN_SECONDS / 8
    with TimedRun(replace(settings, fps=10)) as run, browser.new_context(viewport=WIDE) as context:
        wait_until(lambda: len(run.rows) > 20)
        closed = [run.rate_over(short)]
        page = context.new_page()
        page.set_default_timeout(TIMEOUT)
        page.goto(run.server.access.new_address())
        page.wait_for_selector("html[data-ready] #preview[data-frames]")
        run.rate_over(short)  # until everything is loaded and warm
        seen, first, memory = int(page.get_attribute("#preview", "data-frames")), len(run.rows), [0.0, 0.0]
        memory[0] = resident_megabytes()
        opened = run.rate_over(OPEN_SECONDS)
        memory[1] = resident_megabytes()
        shown = int(page.get_attribute("#preview", "data-frames")) - seen
        sink_seconds = statistics.median(spent for _, spent in run.rows[first:])
        page.close()
        closed.append(run.rate_over(short))
    logger.info(
        "frames a second: closed %.3f and %.3f, open %.3f, of which %d were shown; "
        "panel's sink %.3f ms; %.0f MB, then %.0f MB",
        *(*closed, opened, shown, 1e3 * sink_seconds, *memory),
    )
    assert opened > 0.98 * min(closed)
    assert shown > OPEN_SECONDS  # it was a preview, if not of all frames on a busy machine
    assert sink_seconds < 0.02 / 30  # 2 % of a frame at 30 a second
    assert memory[1] - memory[0] < 20


LEARN = """
import json, pathlib, sys, time
from livecam.core.progress import ProgressLine, progress_values
def say(*line, **values): print(json.dumps(progress_values(ProgressLine(*line, **values))), flush=True)
folder = pathlib.Path({folder!r})
def wait(name):
    while not (folder / name).exists(): time.sleep(0.02)
say("recording 4 s from the camera; have in the frame what you want to be kept", "record", seconds_left=7)
say("turn your head and your shoulders", "record", seconds_left=2); wait("seen-1")
if "--click" in sys.argv:
    say("click on what to keep: (...)", page="http://127.0.0.1:99/open/abc"); wait("clicked")
say("labelling 3/4", "label", 3, 4); wait("seen-2")
say("learning from 3 frames of yours", "tune")
say("learning 2/6: loss 0.1, 90 s left", "tune", 2, 6, seconds_left=90); wait("seen-3")
say("of the way from the old weights to the new ones 50% is best", "compare")
compared = {{"held_out": [91.0, 96.5], "regression": [97.0, 97.0], "frames": 3}}
(folder / "journal.json").write_text(json.dumps({{"words": {{}}, "done": {{"compare": compared}}}}))
"""


@pytest.fixture
def learn_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a script stand in for `livecam learn`: it reports as that does, over a finished run."""
    from livecam.panel import control_panel

    write_learnt(keep_all=True)
    folder = workspace_dir("me")
    script = tmp_path / "learn.py"
    script.write_text(LEARN.format(folder=str(folder)))
    command = (sys.executable, "-u", str(script))
    monkeypatch.setattr(control_panel, "LearnRun", functools.partial(LearnRun, command=command))


def write_learnt(*, keep_all: bool) -> None:
    """Write what `livecam learn` leaves: labelled frames, and a model that keeps everything or nothing."""
    folder = workspace_dir("me")
    write_pets(folder / "labels", trainval=8, test=3)
    (folder / "model").mkdir()
    card = write_model(folder / "model", keep_all=keep_all).with_suffix(".json")
    card.rename(folder / "model" / "me.json")


def learn_without_waiting(page: Any) -> None:
    """Let the script of `learn_script` run to its end, until the page shows the comparison."""
    for number in (1, 2, 3):
        (workspace_dir("me") / f"seen-{number}").touch()
    page.click("#learn-start")
    playwright.expect(page.locator(".compare")).to_have_count(3, timeout=TIMEOUT)


def shows_all(frame: Any) -> bool:
    """Return whether a model that keeps everything has made a frame of the run."""
    return blue_fraction(frame) < 0.01


def shows_nothing(frame: Any) -> bool:
    """Return whether a model that keeps nothing has made a frame of the run."""
    return blue_fraction(frame) > 0.99


def shows_a_person(frame: Any) -> bool:
    """Return whether a built-in model has made a frame of the run."""
    return 0.3 < blue_fraction(frame) < 0.95


def use_learnt_model(page: Any, run: PanelRun) -> None:
    """Learn a model that keeps everything, install it, and wait until the run uses it."""
    page.click("#tab-learn")
    learn_without_waiting(page)
    page.click("#learn-install")
    run.wait_for_frame(shows_all, 20)


def test_learn_me_runs_to_an_installed_model(learn_script: None, page: Any, run: PanelRun) -> None:
    page.click("#tab-learn")
    page.fill("#learn-seconds", "4")
    page.click("#learn-start")
    line = page.locator(".instruction")
    playwright.expect(line).to_have_text("turn your head and your shoulders", timeout=TIMEOUT)
    (workspace_dir("me") / "seen-1").touch()
    playwright.expect(line).to_have_text("3 of 4", timeout=TIMEOUT)
    (workspace_dir("me") / "seen-2").touch()
    playwright.expect(line).to_have_text("2 of 6", timeout=TIMEOUT)
    playwright.expect(page.get_by_text(re.compile("About .* left in this step"))).to_be_visible()
    (workspace_dir("me") / "seen-3").touch()
    playwright.expect(page.get_by_text("91.00 % before, 96.50 % after")).to_be_visible(timeout=TIMEOUT)
    playwright.expect(page.locator(".compare")).to_have_count(3, timeout=TIMEOUT)
    slider = page.get_by_role("slider", name="Before and after, example 1")
    slider.fill("80")
    view = page.locator(".compare").first
    assert view.evaluate("each => each.style.getPropertyValue('--split')") == "80%"
    assert (
        view.locator("img").first.evaluate("async each => { await each.decode(); return each.naturalWidth; }")
        > 0
    )
    assert shows_nothing(run.frames[-1])
    page.click("#learn-install")
    run.wait_for_frame(shows_all, 20)
    assert run.changes.settings.model == "me"
    playwright.expect(page.locator(".toast")).to_contain_text("me is installed and in use")
    row = page.locator("#panel-learn .files li")
    playwright.expect(row).to_contain_text("in use", timeout=TIMEOUT)
    row.get_by_role("button", name="Delete me").click()
    page.locator("dialog").get_by_role("button", name="Delete").click()
    run.wait_for_frame(shows_a_person, 20)
    assert run.changes.settings.model == "person"
    playwright.expect(page.get_by_text("me is deleted. person is in use now.")).to_be_visible(timeout=TIMEOUT)
    playwright.expect(page.get_by_text("None yet.")).to_be_visible(timeout=TIMEOUT)


def test_model_learnt_again_is_used_once_it_is_installed_and_not_if_discarded(
    learn_script: None, page: Any, run: PanelRun
) -> None:
    use_learnt_model(page, run)

    delete_workspace("me")
    write_learnt(keep_all=False)
    learn_without_waiting(page)
    page.click("#learn-discard")
    page.locator("dialog").get_by_role("button", name="Discard").click()
    playwright.expect(page.get_by_text("me is discarded. me stays in use.")).to_be_visible(timeout=TIMEOUT)
    assert not workspace_dir("me").exists()
    assert settled(run, blue_fraction) < 0.01
    playwright.expect(page.locator("#panel-learn .files li")).to_contain_text("in use")

    write_learnt(keep_all=False)
    learn_without_waiting(page)
    page.click("#learn-install")
    run.wait_for_frame(shows_nothing, 20)
    assert run.changes.settings.model == "me"


def test_learnt_model_that_is_damaged_leaves_the_old_one_with_a_message(
    learn_script: None, page: Any, run: PanelRun
) -> None:
    use_learnt_model(page, run)
    learn_without_waiting(page)
    (workspace_dir("me") / "model" / "green.tflite").write_bytes(b"cut off")
    page.click("#learn-install")
    playwright.expect(page.locator(".toast.bad")).to_contain_text("is damaged", timeout=TIMEOUT)
    assert settled(run, blue_fraction) < 0.01
    page.click("#tab-devices")
    page.get_by_label("Model", exact=True).select_option("person")
    run.wait_for_frame(shows_a_person, 20)
    page.get_by_label("Model", exact=True).select_option("me")
    run.wait_for_frame(shows_all, 20)


def test_learn_me_leads_to_the_page_for_clicking(learn_script: None, page: Any, run: PanelRun) -> None:
    (workspace_dir("me") / "seen-1").touch()
    page.click("#tab-learn")
    page.get_by_role("switch", name="Keep objects too").check()
    page.click("#learn-start")
    link = page.get_by_role("link", name="Open the page for clicking")
    playwright.expect(link).to_have_attribute("href", "http://127.0.0.1:99/open/abc", timeout=TIMEOUT)
    playwright.expect(page.locator(".instruction")).to_contain_text("Click on what to keep")
    (workspace_dir("me") / "clicked").touch()
    playwright.expect(page.locator(".instruction")).to_have_text("3 of 4", timeout=TIMEOUT)
    playwright.expect(link).to_be_hidden()


def test_learn_me_is_stopped_and_discarded(learn_script: None, page: Any, run: PanelRun) -> None:
    page.click("#tab-learn")
    page.click("#learn-start")
    page.click("#learn-stop")
    page.click("#learn-discard")
    page.locator("dialog").get_by_role("button", name="Discard").click()
    wait_until(lambda: not workspace_dir("me").exists())
    playwright.expect(page.locator("#learn-start")).to_be_visible()
