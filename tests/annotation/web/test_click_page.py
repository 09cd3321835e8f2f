import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from livecam.annotation.frame_selection import FramePlan
from livecam.annotation.media import MediaItem
from livecam.annotation.prompt_file import load_prompt_file
from livecam.annotation.web.click_page import UNFINISHED, collect_clicks
from livecam.annotation.web.response import render_template
from livecam.core.errors import AnnotationError, FileReadError
from livecam.core.geometry import Size
from livecam.core.progress import progress_values
from tests.support.page_driver import enter, fetch, read_data, read_page, run_page
from tests.support.synthetic_people import GreenModel, draw_scene, write_scenes


@contextmanager
def click_page(folder: Path, person: bool = True) -> Iterator[tuple[str, Path, FramePlan]]:
    """Serve a page with two frames of a clip; the block must finish it."""
    segmenter = GreenModel() if person else None
    clip = folder / "talk.mkv"
    if not clip.exists():
        write_scenes(clip, 6)
    plan = FramePlan(MediaItem("talk", clip, True), (1, 4), 6, Size(192, 108))
    urls: Queue[str] = Queue()
    path = folder / "clicks.json"
    messages: list[str] = []
    thread = threading.Thread(
        target=collect_clicks, args=([plan], path, segmenter, messages.append, urls.put), daemon=True
    )
    thread.start()
    address = urls.get(timeout=60)
    url = enter(address)
    assert f"{url}open/" in messages[0]
    assert address not in messages[0]  # each address opens the page once
    assert progress_values(messages[0])["page"].startswith(f"{url}open/")
    assert progress_values(messages[0])["page"] not in messages[0]
    yield url, path, plan
    thread.join(20)
    assert not thread.is_alive()


def test_clicks_become_a_prompts_file(tmp_path: Path) -> None:
    with click_page(tmp_path) as (url, path, plan):
        clicks = {
            "talk-000004": {"keep": [[30, 60]], "drop": [[1, 2]], "boxes": [[5, 6, 70, 80]]},
            "talk-000001": {},
        }
        assert fetch(url + "done", clicks)[0] == 200
    prompts = load_prompt_file(path, [plan.media])
    assert list(prompts["talk"]) == [4]
    assert prompts["talk"][4].to_dict() == clicks["talk-000004"]
    assert not (tmp_path / UNFINISHED).exists()


def test_each_click_is_stored_at_once(tmp_path: Path) -> None:
    clicks = {"talk-000001": {"keep": [[30, 60]]}}
    with click_page(tmp_path) as (url, path, _):
        assert fetch(url + "keep", clicks)[0] == 200
        assert json.loads((tmp_path / UNFINISHED).read_text()) == clicks
        assert not path.exists()
        frames = read_page(url)
        assert [frame["clicks"] for frame in frames] == [clicks["talk-000001"], {}]
        assert [frame["name"] for frame in frames] == ["talk-000001", "talk-000004"]
        assert (frames[0]["width"], frames[0]["height"]) == (192, 108)
        fetch(url + "done", clicks)


def test_frames_are_shown_with_the_person_outlined(tmp_path: Path) -> None:
    import io

    import numpy as np
    from PIL import Image

    with click_page(tmp_path) as (url, _, _plan):
        code, body, headers = fetch(url + "1.jpg")
        assert (code, headers["Content-Type"]) == (200, "image/jpeg")
        with Image.open(io.BytesIO(body)) as image:
            shown = np.array(image).astype(int)
        for path in ("2.jpg", "x.jpg", "1.png", "../talk.mkv", "clicks.json", "1.jpg.jpg"):
            assert fetch(url + path)[0] == 404
        fetch(url + "done", {})
    different = np.abs(shown - draw_scene(4)).max(axis=2) > 60
    assert 20 < different.sum() < 0.1 * different.size


@pytest.mark.parametrize(
    "clicks",
    [
        {"talk-000001": {"keep": [[500, 2]]}},
        {"talk-000001": {"keep": ["a"]}},
        {"talk-000001": {"boxes": [[9, 9, 3, 3]]}},
        {"another": {"keep": [[1, 2]]}},
        [],
        None,
    ],
)
def test_invalid_clicks_are_refused_and_not_stored(clicks: Any, tmp_path: Path) -> None:
    with click_page(tmp_path) as (url, path, _):
        assert fetch(url + "done", clicks)[0] in (400, 409)
        assert not path.exists()
        assert not (tmp_path / UNFINISHED).exists()
        fetch(url + "done", {})
    assert json.loads(path.read_text()) == {}


def test_page_says_that_it_shows_the_room(tmp_path: Path) -> None:
    with click_page(tmp_path) as (url, _, _):
        assert b"it shows your frames with the room in them" in fetch(url)[1]
        fetch(url + "done", {})


def test_served_page_has_style_and_script_in_files(tmp_path: Path) -> None:
    with click_page(tmp_path) as (url, _, _plan):
        page, style, script = (fetch(url + name) for name in ("", "click.css", "click.js"))
        assert b"<style" not in page[1]
        assert re.findall(rb"<script[^>]*>", page[1]) == [b'<script src="click.js">']
        assert (style[0], style[2]["Content-Type"]) == (200, "text/css; charset=utf-8")
        assert (script[0], script[2]["Content-Type"]) == (200, "text/javascript; charset=utf-8")
        assert "unsafe" not in page[2]["Content-Security-Policy"]
        fetch(url + "done", {})


def test_page_is_self_contained_and_has_keys(tmp_path: Path) -> None:
    text = render_template("click", {})
    assert not re.search(r"https?://|src=[\"']//|@import|<link", text)
    assert 'lang="en"' in text
    for key in ("ArrowLeft", '"k"', '"d"', '"b"', '"n"', '"p"', '"u"', '"f"', "Enter"):
        assert key in text


def test_names_can_neither_end_the_script_nor_begin_markup() -> None:
    text = render_template(
        "click", {"frames": [{"name": "</script><script>alert(1)</script>&\u2028"}], "heard": 0}
    )
    assert "<script>alert" not in text
    assert "\u2028" not in text
    assert read_data(text)["frames"][0]["name"].startswith("</script>")


FRAMES = [
    {"name": "tall", "width": 200, "height": 1000, "clicks": {}},
    {"name": "small", "width": 90, "height": 50, "clicks": {}},
]
MOUSE = """
const mouse = {button: 0, isPrimary: true, pointerId: 1, pointerType: "mouse"};
const at = (x, y, more) => ({clientX: x, clientY: y, ...mouse, ...more});
const press = (...places) => {
  canvas.fire("pointerdown", at(...places[0]));
  for (const place of places.slice(1)) canvas.fire("pointermove", at(...place));
  canvas.fire("pointerup", at(...places[places.length - 1]));
};
const type = (key, more) => document.fire("keydown", {key, ...more});
"""


def run(steps: str) -> Any:
    """Run steps on a page with a tall and a small frame; the 900x500 stage is at 20, 30.5."""
    return run_page(render_template("click", {"frames": FRAMES, "heard": 0}), MOUSE + steps)


def test_image_fills_the_window_in_screen_pixels() -> None:
    tall, small = run(
        "const look = () => [canvas.style.width, canvas.style.height, canvas.width, canvas.height];"
        "const tall = look(); open(1); return [tall, look()];"
    )
    assert tall == ["100px", "500px", 200, 1000]
    assert small == ["900px", "500px", 1800, 1000]


def test_the_page_itself_is_as_high_as_the_window() -> None:
    text = render_template("click", {})
    assert "height: 100dvh" in text
    assert "minmax(12rem, 1fr)" in text


def test_clicks_are_in_image_pixels_at_any_size() -> None:
    sent = run(
        "press([20, 30.5]); press([119.9, 530.4]); canvas.fire('contextmenu', at(70.2, 280.6, {button: 2}));"
        "open(1); press([29.9, 40.4]); press([30, 40.5]); await calm(); return sent;"
    )
    assert sent[-1][1] == {
        "tall": {"keep": [[0, 0], [199, 999]], "drop": [[100, 500]], "boxes": []},
        "small": {"keep": [[0, 0], [1, 1]], "drop": [], "boxes": []},
    }


def test_a_drag_is_a_box_in_any_direction_and_ends_at_the_border() -> None:
    sent = run(
        "open(1); press([520, 280.5], [300, 200], [120, 80.5]); press([520, 280.5], [3000, 2000]);"
        "press([520, 280.5], [700, 280.5]); await calm(); return sent;"
    )
    assert sent[-1][1]["small"] == {"keep": [], "drop": [], "boxes": [[10, 5, 50, 25], [50, 25, 89, 49]]}
    assert len(sent) == 2


def test_long_press_drops_and_tap_keeps() -> None:
    sent = run(
        "const finger = (x, y) => at(x, y, {pointerType: 'touch'});"
        "canvas.fire('pointerdown', finger(30, 40)); canvas.fire('pointermove', finger(38, 44));"
        "await calm(); canvas.fire('contextmenu', finger(38, 44)); canvas.fire('pointerup', finger(38, 44));"
        "canvas.fire('pointerdown', finger(60, 90)); canvas.fire('pointermove', finger(66, 94));"
        "canvas.fire('pointerup', finger(66, 94)); await calm();"
        "canvas.fire('pointerdown', finger(30, 40)); canvas.fire('pointermove', finger(90, 140));"
        "await calm(); canvas.fire('pointerdown', {...finger(50, 60), isPrimary: false});"
        "canvas.fire('pointerup', finger(90, 140)); await calm(); return sent;"
    )
    assert sent[-1][1] == {"tall": {"keep": [[80, 119]], "drop": [[20, 19]], "boxes": []}}
    assert len(sent) == 2


def test_second_finger_menu_key_and_held_key_do_not_click() -> None:
    sent, place = run(
        "canvas.fire('pointerdown', at(50, 60, {isPrimary: false})); canvas.fire('pointerup', at(50, 60));"
        "canvas.fire('contextmenu', at(50, 60, {pointerType: ''}));"
        "type('ArrowRight'); type('ArrowRight', {repeat: true}); type('k', {repeat: true});"
        "type('n', {repeat: true}); await calm(); return [sent, [now, ...cross]];"
    )
    assert sent == []
    assert place == [0, 102, 500]


def test_finish_without_a_click_needs_confirmation() -> None:
    once, error, twice, thanks, place = run(
        "type('f'); await calm(); const once = sent.length, error = parts.error.textContent;"
        "type('f'); await calm(); type('n'); return [once, error, sent, document.body.textContent, now];"
    )
    assert once == 0
    assert "nothing is clicked" in error
    assert twice == [["0/done", {}]]
    assert thanks.startswith("Thank you")
    assert place == 0


def test_page_sends_its_revision_and_shows_errors() -> None:
    verbs, errors = run(
        "answers.push({ok: true, told: {heard: 7}}, {ok: false, told: {error: 'not so'}}, new Error());"
        "const errors = []; for (const x of [30, 40, 50]) {"
        "press([x, 90]); await calm(); errors.push(parts.error.textContent); }"
        "return [sent.map(([verb]) => verb), errors];"
    )
    assert verbs == ["0/keep", "7/keep", "7/keep"]
    assert errors[:2] == ["", "not so"]
    assert "did not hear this" in errors[2]


def test_outdated_tab_changes_nothing(tmp_path: Path) -> None:
    first, second = {"talk-000001": {"keep": [[30, 60]]}}, {"talk-000004": {"keep": [[9, 9]]}}
    with click_page(tmp_path) as (url, path, _):
        assert json.loads(fetch(url + "0/keep", first)[1])["heard"] == 1
        for verb in ("0/keep", "0/done"):
            code, body, _ = fetch(url + verb, second)
            assert code == 409
            assert "another tab" in json.loads(body)["error"]
        assert read_data(fetch(url + "click.js")[1].decode())["heard"] == 1
        assert json.loads((tmp_path / UNFINISHED).read_text()) == first
        assert fetch(url + "1/done", first | second)[0] == 200
    assert json.loads(path.read_text()) == first | second


@pytest.mark.parametrize("content", ["{", "[1]", '{"talk-000001": 3}', '{"talk-000001": {"kep": []}}'])
def test_invalid_unfinished_clicks_fail_before_the_page(content: str, tmp_path: Path) -> None:
    (tmp_path / UNFINISHED).write_text(content)
    with pytest.raises((AnnotationError, FileReadError), match=UNFINISHED):
        collect_clicks([], tmp_path / "clicks.json", None, pytest.fail, pytest.fail)


def test_missing_image_is_a_server_error(tmp_path: Path) -> None:
    with click_page(tmp_path) as (url, _, _plan):
        (tmp_path / "clicks/talk-000004.jpg").unlink()
        code, body, _ = fetch(url + "1.jpg")
        assert code == 500
        assert b"talk-000004.jpg" in body
        fetch(url + "done", {})


def test_finish_without_anything_to_keep_is_refused(tmp_path: Path) -> None:
    clicks = {"talk-000001": {"keep": [[30, 60]]}}
    with click_page(tmp_path, person=False) as (url, path, _):
        code, body, _headers = fetch(url + "0/done", {})
        assert code == 409
        assert "click on a thing" in json.loads(body)["error"]
        assert not path.exists()
        assert fetch(url + "0/keep", clicks)[0] == 200
        # An empty state can be stored, but not finished.
        assert fetch(url + "1/keep", {})[0] == 200
        assert fetch(url + "2/done", clicks)[0] == 200
    assert json.loads(path.read_text()) == clicks
