"""What is set aside, on a page: each frame with its reasons, to accept or reject; and all the others."""

import re
import shlex
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from livecam.annotation.store import AnnotationRecord, AnnotationStore, require_store
from livecam.annotation.web.click_page import render_template
from livecam.annotation.web.server import LocalWebServer, Response, access_message, open_browser, page
from livecam.core.errors import UsageError
from livecam.core.fileio import translate_os_errors, write_atomic
from livecam.core.locking import exclusive_lock

_PICTURE = re.compile(r"(?:review/)?overlays/([^/]+)\.jpg")


def review(
    folder: Path,
    tell: Callable[[str], None],
    browse: Callable[[str], object] = open_browser,
) -> AnnotationStore:
    """Show what is set aside on a page until a person has finished; each decision is kept at once.

    Raises:
        UsageError: `folder` is no data set of ours.
        AnnotationError: no page can be opened, nothing written, or another livecam is at work in the folder.
    """
    require_store(folder)
    with exclusive_lock(folder):
        made = AnnotationStore(folder)
        made.sync_files()
        try:
            with LocalWebServer(*_page(made)) as desk:
                desk.url += "review/"
                tell(access_message(desk, "accept or reject"))
                browse(desk.url)
                desk.wait()
        finally:
            made.sync_files()
            write_review(made)
    return made


def write_review(made: AnnotationStore) -> Path:
    """Write ``review/index.html``, which can be opened without any server.

    Raises:
        AnnotationError: it can't be written.
    """
    path = made.folder / "review" / "index.html"
    with translate_os_errors(made.folder):
        write_atomic(path, render_review_page(made).encode())
    return path


def render_review_page(made: AnnotationStore) -> str:
    """The page: what is set aside first, then what a person decided, then the rest."""
    labels = sorted(made.labels.values(), key=lambda each: (each.stem, each.number))
    decided = [each for each in labels if each.name in made.decisions]
    aside = [each for each in labels if each not in decided and each.reasons]
    fine = [each for each in labels if each not in decided and not each.reasons]
    sections = "\n".join(
        _section(made, title, some, empty)
        for title, some, empty in (
            ("Set aside", aside, "Nothing is set aside."),
            ("Decided by you", decided, ""),
            ("In the data set", fine, ""),
        )
        if some or empty
    )
    text = render_template("review.html", {"command": f"livecam label {shlex.quote(str(made.folder))}"})
    # The folder's name last, as it may hold whatever the marks are.
    return text.replace("<!--SECTIONS-->", sections).replace("<!--FOLDER-->", escape(str(made.folder)))


def _section(made: AnnotationStore, title: str, labels: list[AnnotationRecord], empty: str) -> str:
    count = f" ({len(labels)})" if labels else ""
    cards = "\n".join(_card(made, label) for label in labels)
    return f"<section><h2>{title}{count}</h2>{f'<p>{empty}</p>' if not labels else ''}\n{cards}</section>"


def _card(made: AnnotationStore, label: AnnotationRecord) -> str:
    place = "overlays" if not made.is_accepted(label) else "../overlays"
    name = escape(label.name, quote=True)
    decision = made.decisions.get(label.name)
    state = "" if decision is None else "accept" if decision else "reject"
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in label.reasons)
    where = f"frame {label.number} of {label.source}" if label.name != label.stem else label.source
    buttons = "".join(
        f'<button data-say="{verb}" aria-pressed="{str(state == verb).lower()}" '
        f'aria-label="{verb} {name}">{verb.capitalize()}</button>'
        for verb in ("accept", "reject")
    )
    return (
        f'<article data-name="{name}" tabindex="0" aria-label="{name}">'
        f'<img loading="lazy" src="{place}/{quote(label.name)}.jpg" alt="What is kept of {name}">'
        f"<h3>{name}</h3><p>{escape(where)}{escape(_scores(label))}</p>"
        f"<ul>{reasons}</ul><div>{buttons}</div></article>"
    )


def _scores(label: AnnotationRecord) -> str:
    parts = []
    if label.person.get("scores"):
        told = [f"{score:.2f}" if score is not None else "none" for score in label.person["scores"]]
        parts.append(f"person {', '.join(told)}")
    if label.person.get("agreement") is not None:
        parts.append(f"agreement {label.person['agreement']:.2f}")
    things = [f"{plain['score']:.2f}" for plain in label.things if plain.get("score") is not None]
    parts += [f"things {', '.join(things)}"] if things else []
    return "".join(f"; {part}" for part in parts)


def _page(made: AnnotationStore) -> tuple[Callable[[str], Response | None], Callable[[str, Any], Any]]:
    def show(path: str) -> Response | None:
        if path == "review/":
            return page(render_review_page(made))
        match = _PICTURE.fullmatch(unquote(path))
        if match is None or match[1] not in made.labels:
            return None
        places = (made.folder, made.folder / "review")
        files = [place / "overlays" / f"{match[1]}.jpg" for place in places]
        found = next((file for file in files if file.is_file()), None)
        return Response("image/jpeg", found.read_bytes()) if found else None

    def hear(verb: str, said: Any) -> Any:
        if verb == "review/decide":
            made.set_decisions(**{name: said.get(name, []) for name in ("accept", "reject", "forget")})
        elif verb != "review/done":
            raise UsageError(f"there is no {verb}")
        return {"decided": len(made.decisions)}

    return show, hear
