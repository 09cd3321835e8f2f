"""Content of a page's path, and the templates of the pages. Loads no web server."""

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Response:
    """Content of a path."""

    content_type: str
    body: bytes


def html_page(text: str) -> Response:
    """Return a response with HTML."""
    return Response("text/html; charset=utf-8", text.encode())


def render_template(name: str, data: Any) -> str:
    """Return the page `name`.html with its style, its script and the script's data in it.

    Everything is inline: the review page also works as a single file without a server. No value in `data`
    can end the script element.
    """
    # The data comes last, because it may contain the placeholders.
    text = _read(f"{name}.html").replace("/*STYLE*/", _read(f"{name}.css"))
    return _with_data(text.replace("/*SCRIPT*/", _read(f"{name}.js")), data)


def served_page(name: str) -> str:
    """Return the page `name`.html for a server: style and script are files beside it (`served_file`)."""
    text = _read(f"{name}.html")
    text = text.replace("<style>\n/*STYLE*/</style>", f'<link rel="stylesheet" href="{name}.css">')
    return text.replace("<script>\n/*SCRIPT*/</script>", f'<script src="{name}.js"></script>')


def served_file(name: str, path: str, data: Any) -> Response | None:
    """Return the style or the script, with its data, of a served page; None if `path` is neither."""
    if path == f"{name}.css":
        return Response("text/css; charset=utf-8", _read(path).encode())
    if path == f"{name}.js":
        return Response("text/javascript; charset=utf-8", _with_data(_read(path), data).encode())
    return None


def _read(file: str) -> str:
    return (resources.files("livecam.annotation.web") / file).read_text(encoding="utf-8")


def _with_data(text: str, data: Any) -> str:
    encoded = json.dumps(data, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        encoded = encoded.replace(character, f"\\u{ord(character):04x}")
    return text.replace("/*DATA*/null", encoded)
