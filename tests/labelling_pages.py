"""Ask the pages of labelling as a browser does."""

import json
import re
import urllib.error
import urllib.request
from typing import Any


def fetch(url: str, said: Any = ..., **headers: str) -> tuple[int, bytes, Any]:
    """GET, or POST what is said as JSON; code, body, headers."""
    body = None if said is ... else json.dumps(said).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=20) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


def read_page(url: str) -> Any:
    """The data in the page for clicks."""
    found = re.search(r"const frames = (.*);", fetch(url)[1].decode())
    assert found
    return json.loads(found[1])
