"""Fetch the annotation pages and run their scripts like a browser."""

import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

_cookies: dict[str, str] = {}  # by origin, of the addresses that were entered


def enter(address: str) -> str:
    """Open a one-time address as a browser does; return the URL that its page leads to."""
    _, body, headers = fetch(address)
    origin = "/".join(address.split("/")[:3])
    _cookies[origin] = headers["Set-Cookie"].partition(";")[0]
    (home,) = re.findall(rb"url=([^\"]+)\"", body)
    return origin + home.decode()


def fetch(url: str, payload: Any = ..., raw: bytes | None = None, **headers: str) -> tuple[int, bytes, Any]:
    """Send GET, or POST with `payload` as JSON, as the page does; return status code, body and headers.

    An empty header is left out.
    """
    body = raw if raw is not None else None if payload is ... else json.dumps(payload).encode()
    origin = "/".join(url.split("/")[:3])
    headers = {"Cookie": _cookies.get(origin, ""), "Origin": origin} | headers
    if body is not None:
        headers = {"Content-Type": "application/json"} | headers
    headers = {name: value for name, value in headers.items() if value}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=20) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


def read_page(url: str) -> Any:
    """Return the frames listed in the click page."""
    return read_data(fetch(url + "click.js")[1].decode())["frames"]


def read_data(text: str) -> Any:
    """Return the JSON data in the script of the click page."""
    found = re.search(r"const {frames, heard} = (.*);", text)
    assert found
    return json.loads(found[1])


def run_page(text: str, steps: str, cards: Sequence[str] = ()) -> Any:
    """Run a page's own script, then `steps`; return the value of the steps.

    Args:
        text: HTML of the page.
        steps: JavaScript; page_run.js defines the functions that it may call.
        cards: names of the frames in the review page.
    """
    node = shutil.which("node")
    if node is None:
        pytest.skip("the pages' scripts are run by Node, which is not installed")
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    request = json.dumps({"script": script, "steps": steps, "cards": list(cards)})
    run = subprocess.run(
        [node, str(Path(__file__).with_name("page_run.js"))],
        input=request, capture_output=True, text=True, encoding="utf-8", timeout=60,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)
