"""Points and boxes by hand, on a page in the browser: left keeps, right drops, a drag draws a box."""

import json
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from livecam.annotation.frame_selection import FramePlan
from livecam.annotation.overlay import draw_outline
from livecam.annotation.person import estimate_person
from livecam.annotation.prompt_file import FramePrompts, parse_frame_prompts, validate_frame_prompts
from livecam.annotation.store import READ_HINT
from livecam.annotation.web.server import LocalWebServer, Response, access_message, open_browser, page
from livecam.core.errors import AnnotationError, UsageError
from livecam.core.fileio import json_bytes, read_json, translate_os_errors, write_atomic
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.imaging.image_io import encode_image
from livecam.imaging.ops import resize
from livecam.models.base import MatteModel

CLICKS, UNFINISHED = "clicks.json", "clicks-unfinished.json"
_LONGEST = 1280

Ask = Callable[[Sequence[FramePlan], Path, MatteModel | None, Callable[[str], None]], None]
"""Plans whose frames are shown, the file that is written (a prompts file), the compact model (None where
the person is not kept), who is told."""


def collect_clicks(
    plans: Sequence[FramePlan],
    path: Path,
    segmenter: MatteModel | None,
    tell: Callable[[str], None],
    browse: Callable[[str], object] = open_browser,
) -> None:
    """Show the chosen frames on a page until a person has finished; what was clicked is in `path` then.

    Every click is kept at once beside it: whoever is interrupted goes on where they were.

    Raises:
        VideoError, ImageError: a clip can't be read any more.
        AnnotationError: no page can be opened, nothing written, or what was clicked before can't be read.
    """
    shown, draft = path.parent / "clicks", path.with_name(UNFINISHED)
    # Before anything takes long.
    _drafted(draft)
    sizes = _show_frames(plans, shown, segmenter)
    clicks = _ClickSession(sizes, shown, draft, person=segmenter is not None)
    with LocalWebServer(clicks.show, clicks.hear) as desk:
        tell(access_message(desk, "click on what to keep"))
        browse(desk.url)
        desk.wait()
    with translate_os_errors(path.parent):
        if not draft.exists():
            write_atomic(draft, json_bytes({}))
        draft.replace(path)


def _show_frames(plans: Sequence[FramePlan], folder: Path, segmenter: MatteModel | None) -> dict[str, Size]:
    """Write the frames as they are shown; by name, in the order of the page, the frames' own sizes."""
    sizes: dict[str, Size] = {}
    with translate_os_errors(folder.parent):
        folder.mkdir(exist_ok=True)
        for plan in plans:
            names = {number: plan.media.name(number) for number in plan.selected}
            sizes |= dict.fromkeys(names.values(), plan.size)
            if all((folder / f"{name}.jpg").is_file() for name in names.values()):
                continue
            for moment in plan.selected_frames():
                if moment.number in names:
                    content = encode_image(_small(moment.frame, segmenter), ".jpg")
                    write_atomic(folder / f"{names[moment.number]}.jpg", content)
    return sizes


def _small(frame: Frame, segmenter: MatteModel | None) -> Frame:
    """As it is shown: with a rim around the person that is kept in any case."""
    small = resize(frame, Size.of(frame).fit_within(_LONGEST))
    return draw_outline(small, estimate_person(segmenter, small).matte) if segmenter else small


def _drafted(draft: Path) -> dict[str, Any]:
    """What was clicked so far, by the name of the frame.

    Raises:
        AnnotationError: it can't be read, or is something else.
    """
    wishes = read_json(draft, missing={}, hint=READ_HINT)
    try:
        return {name: parse_frame_prompts(plain, name).as_plain() for name, plain in wishes.items()}
    except (UsageError, AttributeError) as error:
        raise AnnotationError(f"{draft} holds no clicks; delete it and click again") from error


class _ClickSession:
    """What the desk shows and hears: the frames, and what is clicked on them."""

    def __init__(self, sizes: dict[str, Size], shown: Path, draft: Path, person: bool) -> None:
        self._names, self._sizes = list(sizes), sizes
        self._shown, self._draft, self._person = shown, draft, person
        self._heard = 0

    def show(self, path: str) -> Response | None:
        """The page, or a frame by its place on it."""
        if path == "":
            wishes = _drafted(self._draft)
            frames = [
                {"name": name, "width": size.width, "height": size.height, "wish": wishes.get(name, {})}
                for name, size in self._sizes.items()
            ]
            return page(render_template("click.html", {"frames": frames, "heard": self._heard}))
        number, dot, suffix = path.partition(".")
        if not (number.isdecimal() and int(number) < len(self._names) and dot + suffix == ".jpg"):
            return None
        return Response("image/jpeg", (self._shown / f"{self._names[int(number)]}.jpg").read_bytes())

    def hear(self, path: str, said: Any) -> Any:
        """Keep all that was clicked; before the verb stands how much was heard of when that was said."""
        known, _, verb = path.rpartition("/")
        if verb not in ("keep", "done"):
            raise UsageError(f"there is no {verb}")
        if known not in ("", str(self._heard)):
            raise UsageError("there were clicks in another tab, this one is not kept; load this page again")
        wishes = {name: wish.as_plain() for name, wish in self._understand(said) if wish}
        if verb == "done" and not (wishes or self._person):
            raise UsageError("without the person and without a click nothing is kept; click on a thing")
        with translate_os_errors(self._draft.parent):
            write_atomic(self._draft, json_bytes(wishes))
        self._heard += 1
        return {"frames": len(wishes), "heard": self._heard}

    def _understand(self, said: Any) -> Iterator[tuple[str, FramePrompts]]:
        for name, plain in said.items():
            wish = parse_frame_prompts(plain, name)
            validate_frame_prompts(wish, self._sizes[name])
            yield name, wish


def render_template(template: str, data: Any) -> str:
    """A page of ours with data in it, safe whatever names hold: it is JSON that can't end its script."""
    text = (resources.files("livecam.annotation.web") / template).read_text(encoding="utf-8")
    told = json.dumps(data, ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        told = told.replace(sign, f"\\u{ord(sign):04x}")
    return text.replace("/*DATA*/null", told)
