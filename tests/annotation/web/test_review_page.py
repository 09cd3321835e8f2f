import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest

from livecam.annotation.records import PersonRecord
from livecam.annotation.store import AnnotationRecord, AnnotationStore
from livecam.annotation.web.response import render_template
from livecam.annotation.web.review_page import render_review_page, review, write_review
from livecam.core.errors import UsageError
from livecam.datasets.pets import list_samples
from livecam.imaging.trimap import trimap_from_matte
from tests.support.page_driver import enter, fetch, run_page
from tests.support.synthetic_people import draw_scene


def make(folder: Path, names: dict[str, tuple[str, ...]]) -> AnnotationStore:
    store = AnnotationStore.begin(folder, {})
    matte = np.zeros((108, 192), np.float32)
    matte[30:80, 40:90] = 1
    for number, (name, reasons) in enumerate(names.items()):
        label = AnnotationRecord(
            name, name, f"{name}.jpg", 0, 0.0, "small", reasons, PersonRecord(scores=(0.5,))
        )
        store.add(label, draw_scene(number), trimap_from_matte(matte), matte, draw_scene(number))
    store.sync_files()
    write_review(store)
    return store


class Page(HTMLParser):
    """Parses the cards and image addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cards: list[str] = []
        self.images: list[str] = []
        self.buttons: list[dict[str, str | None]] = []
        self.scripts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "article":
            self.cards.append(attributes["data-name"] or "")
        elif tag == "img":
            self.images.append(attributes["src"] or "")
        elif tag == "button" and "data-say" in attributes:
            self.buttons.append(attributes)
        self.scripts += tag == "script"


@contextmanager
def reviewing(folder: Path) -> Iterator[str]:
    urls: Queue[str] = Queue()
    thread = threading.Thread(target=review, args=(folder, lambda message: None, urls.put), daemon=True)
    thread.start()
    yield enter(urls.get(timeout=30))
    thread.join(20)
    assert not thread.is_alive()


FLAGGED = {"a": (), "b": ("too dark",), "c": ("jumps", "low score"), "d": ("lost",)}


def test_review_page_shows_flagged_frames_first(tmp_path: Path) -> None:
    make(tmp_path, FLAGGED)
    text = (tmp_path / "review/index.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.cards == ["b", "c", "d", "a"]
    for reason in ("too dark", "jumps", "low score", "lost"):
        assert f"<li>{reason}</li>" in text
    for address in page.images:
        assert (tmp_path / "review" / unquote(address)).is_file()
    assert len(page.buttons) == 8
    assert all(button["aria-label"] for button in page.buttons)
    assert not re.search(r"https?://|<link|@import", text)


def test_review_page_says_that_it_shows_the_room(tmp_path: Path) -> None:
    page = write_review(make(tmp_path, {"b": ("edges",)})).read_text(encoding="utf-8")
    assert "it shows the frames with the room in them" in page


def test_review_page_names_the_command(tmp_path: Path) -> None:
    folder = tmp_path / "my set's"
    make(folder, FLAGGED)
    text = (folder / "review/index.html").read_text(encoding="utf-8")
    assert "livecam label " in text
    assert "my set" in text
    assert "--accept" in text or "accept" in text


def test_names_reasons_and_folders_are_escaped(tmp_path: Path) -> None:
    folder = tmp_path / "<!--SECTIONS--><b>&"
    store = make(folder, {"a": ("<script>alert(1)</script>",), 'x"y': ("odd",)})
    page = Page(render_review_page(store))
    assert page.scripts == 1
    assert page.cards == ["a", 'x"y']
    assert "<b>&" not in render_review_page(store)


def test_decisions_on_the_page_move_files(tmp_path: Path) -> None:
    make(tmp_path, FLAGGED)
    with reviewing(tmp_path) as url:
        assert url.endswith("/review/")
        code, body, _ = fetch(url)
        assert code == 200
        images = Page(body.decode()).images
        for address in images:
            assert fetch(url + address)[0] == 200 or address.startswith("../")
        assert fetch(url.removesuffix("review/") + "overlays/a.jpg")[0] == 200
        assert fetch(url + "decide", {"accept": ["b"]})[0] == 200
        assert fetch(url + "decide", {"accept": ["c"]})[0] == 200
        assert fetch(url + "decide", {"forget": ["c"]})[0] == 200
        assert fetch(url + "decide", {"reject": ["a"]})[0] == 200
        assert AnnotationStore(tmp_path).decisions == {"b": True, "a": False}
        assert 'aria-pressed="true"' in fetch(url)[1].decode()
        assert fetch(url + "done", None)[0] == 200
    names = {sample.name for split in ("trainval", "test") for sample in list_samples(tmp_path, split)}
    assert names == {"b"}
    assert (tmp_path / "review/images/a.jpg").is_file()
    assert (tmp_path / "images/b.jpg").is_file()
    assert Page((tmp_path / "review/index.html").read_text()).cards == ["c", "d", "a", "b"]


def test_review_server_serves_only_overlays(tmp_path: Path) -> None:
    make(tmp_path, FLAGGED)
    with reviewing(tmp_path) as url:
        top = url.removesuffix("review/")
        for path in ("", "label.json", "overlays/zz.jpg", "overlays/../label.jpg", "overlays/%2e%2e%2fa.jpg",
                     "review/images/b.jpg", "review/index.html"):  # fmt: skip
            assert fetch(top + path)[0] == 404
        assert fetch(url + "decide", {"accept": ["zz"]})[0] == 409
        assert fetch(url + "drop", {})[0] == 409
        fetch(url + "done", None)


def test_page_without_flagged_frames_says_so(tmp_path: Path) -> None:
    store = make(tmp_path, {"a": ()})
    assert "Nothing is set aside." in render_review_page(store)


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no data set made by `livecam label`"):
        review(tmp_path, lambda message: None)


PAGE_STATE = """
const look = () => [parts.summary.textContent, get("error").textContent, [...cards[0].classes]];
const type = (key, more) => document.fire("keydown", {key, target: cards[0], ...more});
"""


def run(steps: str) -> Any:
    """Run steps on a served page with two cards; keys go to the first card."""
    return run_page(
        render_template("review", {"command": "livecam label mine"}), PAGE_STATE + steps, ["a", "b"]
    )


def test_second_decision_takes_the_first_back() -> None:
    sent, accepted, taken = run(
        "type('a'); await calm(); const accepted = look();"
        "type('a'); await calm(); return [sent, accepted, look()];"
    )
    assert sent == [["decide", {"accept": ["a"]}], ["decide", {"forget": ["a"]}]]
    assert accepted == ["1 accepted, 0 rejected; kept at once", "", ["accept"]]
    assert taken == ["0 accepted, 0 rejected; kept at once", "", []]


def test_refused_decision_is_not_shown_as_stored() -> None:
    refused, deaf = run(
        "answers.push({ok: false, told: {error: 'no room'}}, new Error()); type('r'); await calm();"
        "const refused = look(); type('a'); await calm(); return [refused, look()];"
    )
    assert refused == ["0 accepted, 0 rejected; kept at once", "no room", []]
    assert deaf[0] == refused[0]
    assert "did not hear this" in deaf[1]
    assert deaf[2] == []


def test_held_key_and_finished_page_decide_nothing() -> None:
    sent, thanks = run(
        "type('a', {repeat: true}); await parts.finish.onclick(); type('r'); await calm();"
        "return [sent, document.body.textContent];"
    )
    assert sent == [["done", None]]
    assert thanks.startswith("Thank you")


def test_enlarged_image_keeps_its_decision() -> None:
    large, small = run("type('a'); type('l'); const large = look()[2]; type('l'); return [large, look()[2]];")
    assert large == ["accept", "large"]
    assert small == ["accept"]
