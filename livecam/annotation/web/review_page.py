"""The review page: flagged frames with their reasons, to accept or reject, and all other frames."""

import re
import shlex
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from livecam.annotation.store import AnnotationRecord, AnnotationStore, require_store
from livecam.annotation.web.click_page import serve_until_done
from livecam.annotation.web.response import (
    Response,
    html_page,
    render_template,
    served_file,
    served_page,
)
from livecam.core.errors import UsageError
from livecam.core.fileio import translate_os_errors, write_atomic
from livecam.core.locking import exclusive_lock
from livecam.web.browser import open_browser

_OVERLAY_PATH = re.compile(r"(?:review/)?overlays/([^/]+)\.jpg")


def review(
    folder: Path,
    notify: Callable[[str], None],
    browse: Callable[[str], object] = open_browser,
) -> AnnotationStore:
    """Show the flagged frames on a page until the user has finished. Each decision is stored at once.

    Args:
        folder: directory of the data set.
        notify: receives the line with the page's address.
        browse: opens the address.

    Raises:
        UsageError: `folder` is not a data set.
        PageError: the page can't be served.
        AnnotationError: nothing can be written, or another livecam process writes
            into the directory.
    """
    require_store(folder)
    with exclusive_lock(folder):
        store = AnnotationStore(folder)
        store.sync_files()
        try:
            serve_until_done(*_handlers(store), "accept or reject", notify, browse, home="/review/")
        finally:
            store.sync_files()
            write_review(store)
    return store


def write_review(store: AnnotationStore) -> Path:
    """Write ``review/index.html``, which works without a server.

    Raises:
        AnnotationError: it can't be written.
    """
    path = store.folder / "review" / "index.html"
    with translate_os_errors(store.folder):
        write_atomic(path, render_review_page(store).encode())
    return path


def render_review_page(store: AnnotationStore, *, served: bool = False) -> str:
    """Return the page: flagged frames first, then those with a decision, then the others.

    Args:
        store: the data set.
        served: style and script are files of the server; otherwise they are in the page.
    """
    records = sorted(store.records.values(), key=lambda each: (each.stem, each.number))
    decided = [each for each in records if each.name in store.decisions]
    flagged = [each for each in records if each not in decided and each.reasons]
    others = [each for each in records if each not in decided and not each.reasons]
    sections = "\n".join(
        _section(store, title, group, empty)
        for title, group, empty in (
            ("Set aside", flagged, "Nothing is set aside."),
            ("Decided by you", decided, ""),
            ("In the data set", others, ""),
        )
        if group or empty
    )
    text = served_page("review") if served else render_template("review", _data(store))
    # The folder's name comes last, because it may contain the placeholders.
    return text.replace("<!--SECTIONS-->", sections).replace("<!--FOLDER-->", escape(str(store.folder)))


def _data(store: AnnotationStore) -> dict[str, str]:
    return {"command": f"livecam label {shlex.quote(str(store.folder))}"}


def _section(store: AnnotationStore, title: str, records: list[AnnotationRecord], empty: str) -> str:
    count = f" ({len(records)})" if records else ""
    cards = "\n".join(_card(store, record) for record in records)
    return f"<section><h2>{title}{count}</h2>{f'<p>{empty}</p>' if not records else ''}\n{cards}</section>"


def _card(store: AnnotationStore, record: AnnotationRecord) -> str:
    folder = "overlays" if not store.is_accepted(record) else "../overlays"
    name = escape(record.name, quote=True)
    decision = store.decisions.get(record.name)
    state = "" if decision is None else "accept" if decision else "reject"
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in record.reasons)
    is_frame = record.name != record.stem
    source = f"frame {record.number} of {record.source}" if is_frame else record.source
    buttons = "".join(
        f'<button data-say="{verb}" aria-pressed="{str(state == verb).lower()}" '
        f'aria-label="{verb} {name}">{verb.capitalize()}</button>'
        for verb in ("accept", "reject")
    )
    return (
        f'<article data-name="{name}" tabindex="0" aria-label="{name}">'
        f'<img loading="lazy" src="{folder}/{quote(record.name)}.jpg" alt="What is kept of {name}">'
        f"<h3>{name}</h3><p>{escape(source)}{escape(_scores(record))}</p>"
        f"<ul>{reasons}</ul><div>{buttons}</div></article>"
    )


def _scores(record: AnnotationRecord) -> str:
    parts = []
    person = record.person
    if person and person.scores:
        scores = [f"{score:.2f}" if score is not None else "none" for score in person.scores]
        parts.append(f"person {', '.join(scores)}")
    if person and person.agreement is not None:
        parts.append(f"agreement {person.agreement:.2f}")
    objects = [f"{each.score:.2f}" for each in record.objects if each.score is not None]
    parts += [f"things {', '.join(objects)}"] if objects else []
    return "".join(f"; {part}" for part in parts)


def _handlers(store: AnnotationStore) -> tuple[Callable[[str], Response | None], Callable[[str, Any], Any]]:
    def on_get(path: str) -> Response | None:
        if path == "review/":
            return html_page(render_review_page(store, served=True))
        if path.startswith("review/review."):
            return served_file("review", path.removeprefix("review/"), _data(store))
        match = _OVERLAY_PATH.fullmatch(unquote(path))
        if match is None or match[1] not in store.records:
            return None
        parents = (store.folder, store.folder / "review")
        files = [parent / "overlays" / f"{match[1]}.jpg" for parent in parents]
        found = next((file for file in files if file.is_file()), None)
        return Response("image/jpeg", found.read_bytes()) if found else None

    def on_post(path: str, body: Any) -> Any:
        if path == "review/decide":
            store.set_decisions(**{name: body.get(name, []) for name in ("accept", "reject", "forget")})
        elif path != "review/done":
            raise UsageError(f"there is no {path}")
        return {"decided": len(store.decisions)}

    return on_get, on_post
