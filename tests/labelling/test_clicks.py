import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from kept_things import GreenModel, draw_scene, write_scenes
from labelling_pages import fetch, read_page

from livecam.frames import Size
from livecam.labelling.clicks import UNFINISHED, ask_clicks, fill
from livecam.labelling.materials import Material
from livecam.labelling.plan import Plan
from livecam.labelling.wishes import read_wishes


@contextmanager
def asking(folder: Path, segmenter: GreenModel | None = None) -> Iterator[tuple[str, Path, Plan]]:
    """A page with two frames of a clip; finished when the block ends."""
    clip = folder / "talk.mkv"
    if not clip.exists():
        write_scenes(clip, 6)
    plan = Plan(Material("talk", clip, True), (1, 4), 6, Size(192, 108))
    urls: Queue[str] = Queue()
    path = folder / "clicks.json"
    said: list[str] = []
    thread = threading.Thread(
        target=ask_clicks, args=([plan], path, segmenter, said.append, urls.put), daemon=True
    )
    thread.start()
    url = urls.get(timeout=60)
    assert url in said[0]
    yield url, path, plan
    thread.join(20)
    assert not thread.is_alive()


def test_what_is_clicked_is_a_prompts_file(tmp_path: Path) -> None:
    with asking(tmp_path) as (url, path, plan):
        said = {
            "talk-000004": {"keep": [[30, 60]], "drop": [[1, 2]], "boxes": [[5, 6, 70, 80]]},
            "talk-000001": {},
        }
        assert fetch(url + "done", said)[0] == 200
    wishes = read_wishes(path, [plan.material])
    assert list(wishes["talk"]) == [4]
    assert wishes["talk"][4].as_plain() == said["talk-000004"]
    assert not (tmp_path / UNFINISHED).exists()


def test_each_click_is_kept_at_once_and_is_there_again_after_an_interruption(tmp_path: Path) -> None:
    said = {"talk-000001": {"keep": [[30, 60]]}}
    with asking(tmp_path) as (url, path, _):
        assert fetch(url + "keep", said)[0] == 200
        assert json.loads((tmp_path / UNFINISHED).read_text()) == said
        assert not path.exists()
        frames = read_page(url)
        assert [frame["wish"] for frame in frames] == [said["talk-000001"], {}]
        assert [frame["name"] for frame in frames] == ["talk-000001", "talk-000004"]
        assert (frames[0]["width"], frames[0]["height"]) == (192, 108)
        fetch(url + "done", said)


def test_the_frames_are_shown_with_a_rim_around_the_person(tmp_path: Path) -> None:
    import io

    import numpy as np
    from PIL import Image

    with asking(tmp_path, GreenModel()) as (url, _, _plan):
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
    "said",
    [
        {"talk-000001": {"keep": [[500, 2]]}},
        {"talk-000001": {"keep": ["a"]}},
        {"talk-000001": {"boxes": [[9, 9, 3, 3]]}},
        {"another": {"keep": [[1, 2]]}},
        [],
        None,
    ],
)
def test_nonsense_is_refused_and_nothing_of_it_kept(said: Any, tmp_path: Path) -> None:
    with asking(tmp_path) as (url, path, _):
        assert fetch(url + "done", said)[0] in (400, 409)
        assert not path.exists()
        assert not (tmp_path / UNFINISHED).exists()
        fetch(url + "done", {})
    assert json.loads(path.read_text()) == {}


def test_the_page_needs_nothing_from_elsewhere_and_can_be_used_by_keys(tmp_path: Path) -> None:
    text = fill("click.html", [])
    assert not re.search(r"https?://|src=[\"']//|@import|<link", text)
    assert 'lang="en"' in text
    for key in ("ArrowLeft", '"k"', '"d"', '"b"', '"n"', '"p"', '"u"', '"f"', "Enter"):
        assert key in text


def test_names_can_neither_end_the_script_nor_begin_markup() -> None:
    text = fill("click.html", [{"name": "</script><script>alert(1)</script>&\u2028"}])
    assert "<script>alert" not in text
    assert "\u2028" not in text
    told = re.search(r"const frames = (.*);", text)
    assert told
    assert json.loads(told[1])[0]["name"].startswith("</script>")
