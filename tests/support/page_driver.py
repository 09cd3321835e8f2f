"""Ask the pages of labelling as a browser does."""

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


def fetch(url: str, payload: Any = ..., **headers: str) -> tuple[int, bytes, Any]:
    """GET, or POST what is said as JSON; code, body, headers."""
    body = None if payload is ... else json.dumps(payload).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=20) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


def read_page(url: str) -> Any:
    """The frames in the page for clicks."""
    return read_data(fetch(url)[1].decode())["frames"]


def read_data(text: str) -> Any:
    """The data in the text of the page for clicks."""
    found = re.search(r"const {frames, heard} = (.*);", text)
    assert found
    return json.loads(found[1])


def run_page(text: str, steps: str, cards: Sequence[str] = ()) -> Any:
    """What the steps return after a page's own script has run.

    Args:
        text: of the page.
        steps: in JavaScript; what they may use is in page_run.js.
        cards: names of the frames that the page for review has.
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
