"""The page for clicking prompts: left click keeps, right click drops, a drag draws a box."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from livecam.annotation.frame_selection import FramePlan
from livecam.annotation.overlay import draw_outline
from livecam.annotation.person import estimate_person
from livecam.annotation.prompt_file import FramePrompts, parse_frame_prompts, validate_frame_prompts
from livecam.annotation.store import READ_HINT
from livecam.annotation.web.response import Response, html_page, served_file, served_page
from livecam.core.errors import AnnotationError, PageError, UsageError
from livecam.core.fileio import json_bytes, read_json, translate_os_errors, write_atomic
from livecam.core.geometry import Size
from livecam.core.progress import ProgressLine
from livecam.core.types import Frame
from livecam.imaging.image_io import encode_image
from livecam.imaging.ops import resize
from livecam.models.base import MatteModel
from livecam.web.browser import open_browser

CLICKS, UNFINISHED = "clicks.json", "clicks-unfinished.json"
_MAX_SIDE = 1280  # pixels of an image on the page

ClickCollector = Callable[[Sequence[FramePlan], Path, MatteModel | None, Callable[[str], None]], None]
"""Collects prompts. Receives: plans with the frames to show, the prompts file to write, the compact model
(None if the person is not kept), and a function for messages."""


def collect_clicks(
    plans: Sequence[FramePlan],
    path: Path,
    segmenter: MatteModel | None,
    notify: Callable[[str], None],
    browse: Callable[[str], object] = open_browser,
) -> None:
    """Show the selected frames on a page until the user has finished, then write a prompts file.

    Every click is stored at once in `UNFINISHED`, so that an interrupted session can be continued.

    Args:
        plans: clips with their selected frames.
        path: the prompts file.
        segmenter: the compact model, for an outline around the person; None if the person is not kept.
        notify: receives the line with the page's address.
        browse: opens the address.

    Raises:
        VideoError, ImageError: a clip can't be read any more.
        PageError: the page can't be served.
        AnnotationError: nothing can be written, or earlier clicks can't be read.
    """
    images, unfinished = path.parent / "clicks", path.with_name(UNFINISHED)
    # Checked before the frames are read, which takes long.
    _load_unfinished(unfinished)
    sizes = _write_images(plans, images, segmenter)
    session = _ClickSession(sizes, images, unfinished, has_person=segmenter is not None)
    serve_until_done(session.on_get, session.on_post, "click on what to keep", notify, browse)
    with translate_os_errors(path.parent):
        if not unfinished.exists():
            write_atomic(unfinished, json_bytes({}))
        unfinished.replace(path)


def serve_until_done(
    on_get: Callable[[str], Response | None],
    on_post: Callable[[str, Any], Any],
    action: str,
    notify: Callable[[str], None],
    browse: Callable[[str], object],
    home: str = "/",
) -> None:
    """Serve a page until the user has finished.

    Args:
        on_get: returns the content of a path; see `PageServer`.
        on_post: receives what the page sends.
        action: what the user is to do, for the message.
        notify: receives the line with the page's address.
        browse: opens another address of the page: each opens it once.
        home: path of the page.

    Raises:
        PageError: the page can't be served, or its packages are missing.
    """
    try:
        # Imported here: labelling without a page needs no web server.
        from livecam.annotation.web.server import PageServer, access_message
    except ImportError as error:
        raise PageError(
            f"the page needs more packages ({error.name})", "pip install 'livecam[panel]'"
        ) from error
    with PageServer(on_get, on_post, home=home) as server:
        notify(ProgressLine(access_message(server, action), page=server.new_address()))
        browse(server.new_address())
        server.wait()


def _write_images(plans: Sequence[FramePlan], folder: Path, segmenter: MatteModel | None) -> dict[str, Size]:
    """Write the frames as the page shows them. Returns: original sizes by frame name, in page order."""
    sizes: dict[str, Size] = {}
    with translate_os_errors(folder.parent):
        folder.mkdir(exist_ok=True)
        for plan in plans:
            names = {number: plan.media.name(number) for number in plan.selected}
            sizes |= dict.fromkeys(names.values(), plan.size)
            if all((folder / f"{name}.jpg").is_file() for name in names.values()):
                continue
            for indexed in plan.selected_frames():
                if indexed.number in names:
                    content = encode_image(_page_image(indexed.frame, segmenter), ".jpg")
                    write_atomic(folder / f"{names[indexed.number]}.jpg", content)
    return sizes


def _page_image(frame: Frame, segmenter: MatteModel | None) -> Frame:
    """Downscale a frame, and outline the person, who is kept without a click."""
    small = resize(frame, Size.of(frame).fit_within(_MAX_SIDE))
    return draw_outline(small, estimate_person(segmenter, small).matte) if segmenter else small


def _load_unfinished(path: Path) -> dict[str, Any]:
    """Read the clicks of an unfinished session, as JSON values by frame name.

    Raises:
        AnnotationError: the file can't be read, or has another form.
    """
    entries = read_json(path, missing={}, hint=READ_HINT)
    try:
        return {name: parse_frame_prompts(entry, name).to_dict() for name, entry in entries.items()}
    except (UsageError, AttributeError) as error:
        raise AnnotationError(f"{path} holds no clicks; delete it and click again") from error


class _ClickSession:
    """State behind the page: the frames, and the prompts clicked on them."""

    def __init__(self, sizes: dict[str, Size], images: Path, unfinished: Path, has_person: bool) -> None:
        self._names, self._sizes = list(sizes), sizes
        self._images, self._unfinished, self._has_person = images, unfinished, has_person
        self._revision = 0

    def on_get(self, path: str) -> Response | None:
        """Return the page, its style, its script, or the image of a frame by its index on the page."""
        if path == "":
            return html_page(served_page("click"))
        if path.startswith("click."):
            return served_file("click", path, self._describe())
        index, dot, suffix = path.partition(".")
        if not (index.isdecimal() and int(index) < len(self._names) and dot + suffix == ".jpg"):
            return None
        return Response("image/jpeg", (self._images / f"{self._names[int(index)]}.jpg").read_bytes())

    def _describe(self) -> dict[str, Any]:
        clicks = _load_unfinished(self._unfinished)
        frames = [
            {"name": name, "width": size.width, "height": size.height, "clicks": clicks.get(name, {})}
            for name, size in self._sizes.items()
        ]
        return {"frames": frames, "heard": self._revision}

    def on_post(self, path: str, body: Any) -> Any:
        """Store all clicks. `path` is REVISION/VERB; an outdated revision comes from another tab."""
        revision, _, verb = path.rpartition("/")
        if verb not in ("keep", "done"):
            raise UsageError(f"there is no {verb}")
        if revision not in ("", str(self._revision)):
            raise UsageError("there were clicks in another tab, this one is not kept; load this page again")
        clicks = {name: prompts.to_dict() for name, prompts in self._parse(body) if prompts}
        if verb == "done" and not (clicks or self._has_person):
            raise UsageError("without the person and without a click nothing is kept; click on a thing")
        with translate_os_errors(self._unfinished.parent):
            write_atomic(self._unfinished, json_bytes(clicks))
        self._revision += 1
        return {"frames": len(clicks), "heard": self._revision}

    def _parse(self, body: Any) -> Iterator[tuple[str, FramePrompts]]:
        for name, entry in body.items():
            prompts = parse_frame_prompts(entry, name)
            validate_frame_prompts(prompts, self._sizes[name])
            yield name, prompts
