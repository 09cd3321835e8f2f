"""The HTTP interface of the page: static files, the state, and every change of the run."""

import errno
import json
import logging
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from livecam.backgrounds.procedural import PROCEDURAL_BACKGROUNDS, is_drawn
from livecam.backgrounds.static import StaticBackground
from livecam.core.config import PANEL, SETTINGS, config_path, read_config, write_config
from livecam.core.errors import FileWriteError, LivecamError, UsageError
from livecam.core.fileio import os_error_reason
from livecam.core.geometry import Size
from livecam.imaging.ops import resize
from livecam.panel.examination import examine
from livecam.panel.gallery import THUMBNAIL_SIZE, Gallery, thumbnail_of
from livecam.panel.hub import PageHub
from livecam.panel.learning import LearnRun, discard_learnt, examples, install_learnt, remove_model
from livecam.panel.live_state import (
    LiveState,
    delete_recording,
    new_recording_path,
    recording_path,
    recordings_dir,
)
from livecam.panel.settings_view import defaults_of, parse_changes
from livecam.runtime.controls import RunControls
from livecam.runtime.live_changes import LiveChanges

logger = logging.getLogger("livecam.panel")

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_BUILTIN_MODEL = "person"  # takes over from a model that is deleted
_COARSE_SIDE = 240  # pixels of the longer side; the scenes are soft, so little is missing
_COMMAND_SECONDS = 1.0  # the loop executes a command within 0.1 s, unless a sink blocks it
# A chunk has 64 kB. Each write on another thread waits for the interpreter, which takes seconds under load.
_BLOCK_BYTES = 1 << 20
_RESERVED_BYTES = 64 << 20  # that an upload leaves free on the disk
Handler = Callable[[Request], Awaitable[Response]]


class PanelApi:
    """Routes of the page. Blocking work is done on worker threads, never in the event loop."""

    def __init__(
        self,
        controls: RunControls,
        changes: LiveChanges,
        state: LiveState,
        gallery: Gallery,
        hub: PageHub,
        learn_run: LearnRun,
    ) -> None:
        self._controls, self._changes, self._state = controls, changes, state
        self._gallery, self._hub, self._learn_run = gallery, hub, learn_run
        self._examples: dict[str, list[dict[str, bytes]]] = {}
        self._static = load_page_files()

    def application(self) -> Starlette:
        """Return the ASGI application."""
        posts: dict[str, Callable[[Any], Any]] = {
            "/api/background": self._set_background,
            "/api/settings": self._set_settings,
            "/api/settings/reset": self._reset_settings,
            "/api/settings/keep": self._keep_settings,
            "/api/pause": self._pause,
            "/api/doctor": lambda body: {"findings": examine(self._changes.settings)},
            "/api/virtual-camera": self._switch_virtual_camera,
            "/api/recording": self._record,
            "/api/recordings/delete": lambda body: delete_recording(_text(body, "name")),
            "/api/uploads": self._announce_upload,
            "/api/learn/start": self._learn,
            "/api/learn/stop": self._stop_learning,
            "/api/learn/install": self._install_learnt,
            "/api/learn/discard": self._discard_learnt,
            "/api/learn/remove": self._remove_model,
            "/api/backgrounds/rename": self._rename,
            "/api/backgrounds/order": self._reorder,
            "/api/backgrounds/delete": self._delete,
            "/api/backgrounds/slides": self._make_slides,
        }
        routes = [
            Route("/", self._page),
            Route("/page/{name}", self._page),
            Route("/favicon.ico", self._icon),
            Route("/api/state", self._get(lambda request: self._state.describe())),
            Route("/api/learn/examples/{name}", self._get(self._make_examples)),
            Route("/examples/{name}/{number:int}/{when}", self._example),
            Route("/thumbnails/{name}", self._thumbnail),
            Route("/recordings/{name}", self._recording),
            Route("/api/uploads/{ticket}", self._upload, methods=["PUT"]),
            WebSocketRoute("/live", self._live),
        ]
        routes += [Route(path, self._post(function), methods=["POST"]) for path, function in posts.items()]
        return Starlette(routes=routes)

    async def _live(self, socket: WebSocket) -> None:
        await self._hub.serve(socket)

    async def _page(self, request: Request) -> Response:
        """Send a file of the page; only names that were read at the start exist."""
        found = self._static.get(request.path_params.get("name", "index.html"))
        return Response(found[1], media_type=found[0]) if found else Response(status_code=404)

    async def _icon(self, request: Request) -> Response:
        """Send what browsers ask for on their own."""
        media_type, content = self._static["logo.svg"]
        return Response(content, media_type=media_type)

    def _get(self, function: Callable[[Request], Any]) -> Handler:
        async def handle(request: Request) -> Response:
            return await _answer(function, request)

        return handle

    def _post(self, function: Callable[[Any], Any]) -> Handler:
        """Wrap a function of a JSON body. All pages load the state again afterwards."""

        async def handle(request: Request) -> Response:
            try:
                body = json.loads(await request.body())
            except (ValueError, RecursionError):
                return _problem(400, "that is no JSON")
            response = await _answer(function, body)
            # What has failed is shown as it was before.
            self._hub.publish({"type": "changed"})
            self._hub.publish(await run_in_threadpool(self._state.status))
            return response

        return handle

    async def _thumbnail(self, request: Request) -> Response:
        name = request.path_params["name"]

        def read() -> bytes:
            return (
                builtin_thumbnail(name) if name in PROCEDURAL_BACKGROUNDS else self._gallery.thumbnail(name)
            )

        try:
            return Response(await run_in_threadpool(read), media_type="image/jpeg")
        except LivecamError:
            return Response(status_code=404)

    async def _recording(self, request: Request) -> Response:
        try:
            path = await run_in_threadpool(recording_path, request.path_params["name"])
        except LivecamError:
            return Response(status_code=404)
        return FileResponse(
            path, media_type="video/mp4", filename=path.name, content_disposition_type="inline"
        )

    async def _upload(self, request: Request) -> Response:
        """Receive the bytes of an announced file, then check it and add it to the gallery."""
        ticket = request.path_params["ticket"]
        try:
            _, size = await run_in_threadpool(self._gallery.upload_path, ticket)
            if request.headers["content-length"] != str(size):
                raise UsageError("the file has another size than announced", "drop it again")
            await self._receive(request, ticket, size)
        except ClientDisconnect:
            await run_in_threadpool(self._gallery.cancel, ticket)
            return Response(status_code=400)
        except (LivecamError, OSError) as error:
            await run_in_threadpool(self._gallery.cancel, ticket)
            return _error_response(error)
        response = await _answer(lambda _: {"id": self._gallery.add(ticket).id}, None)
        self._hub.publish({"type": "changed"})
        return response

    async def _receive(self, request: Request, ticket: str, size: int) -> None:
        path, _ = self._gallery.upload_path(ticket)
        if shutil.disk_usage(path.parent).free < size + _RESERVED_BYTES:
            raise OSError(errno.ENOSPC, "No space left on device")
        received = 0
        with path.open("xb") as file:
            block = bytearray()
            async for chunk in request.stream():
                received += len(chunk)
                if received > size:
                    raise UsageError("the file is larger than announced", "drop it again")
                block += chunk
                if len(block) >= _BLOCK_BYTES:
                    await run_in_threadpool(file.write, block)
                    block = bytearray()
            await run_in_threadpool(file.write, block)
        if received != size:
            raise UsageError("the file did not arrive completely", "drop it again")

    def _set_background(self, body: Any) -> dict[str, Any]:
        spec = self._state.background_spec(body)
        self._show_coarse(spec)
        self._changes.change(background=(spec,))
        return {}

    def _show_coarse(self, spec: str) -> None:
        """Show a coarse drawing of a built-in scene until it is drawn at full size.

        At 1280x720 that takes 0.3 s, and 4 s beside other programs (load 5 on two cores).
        """
        size = Size(*self._changes.source.size)
        coarse = size.fit_within(_COARSE_SIDE)
        if spec not in PROCEDURAL_BACKGROUNDS or is_drawn(spec, size) or coarse == size:
            return
        frame = resize(PROCEDURAL_BACKGROUNDS[spec](coarse), size)
        self._controls.set_background(StaticBackground(lambda goal: resize(frame, goal)))

    def _set_settings(self, body: Any) -> dict[str, Any]:
        values = parse_changes(body)
        if "camera" in values:
            self._state.check_camera(values["camera"])
        if "model" in values:
            self._state.check_model(values["model"])
        self._changes.change(**values)
        return {"settings": {name: body[name] for name in values}}

    def _reset_settings(self, body: Any) -> dict[str, Any]:
        names = body.get("names") if isinstance(body, dict) else None
        if not isinstance(names, list):
            raise UsageError("no setting was sent", "load the page again")
        self._changes.change(**defaults_of(names))
        return {}

    def _keep_settings(self, body: Any) -> dict[str, Any]:
        """Store the settings as the user's defaults, except those that are about the page."""
        path = config_path()
        stored = read_config(path)
        own = {name: getattr(stored, name) for name, info in SETTINGS.items() if info.group == PANEL}
        write_config(replace(self._changes.settings.resolve(), **own), path)
        return {}

    def _pause(self, body: Any) -> dict[str, Any]:
        paused = _flag(body, "paused")
        if paused != self._controls.paused:
            self._controls.toggle_pause()
            end = time.monotonic() + _COMMAND_SECONDS
            while self._controls.paused != paused and time.monotonic() < end:
                time.sleep(0.01)
        return {}

    def _switch_virtual_camera(self, body: Any) -> dict[str, Any]:
        self._changes.switch_virtual_camera(_flag(body, "on"))
        return {}

    def _record(self, body: Any) -> dict[str, Any]:
        if _flag(body, "on"):
            return {"name": self._changes.start_recording(new_recording_path()).path.name}
        status = self._changes.stop_recording()
        if status is not None and status.error:
            raise LivecamError(status.error)
        on_page = status is not None and status.path.parent == recordings_dir()
        return {"name": status.path.name if status else "", "onPage": on_page}

    def _announce_upload(self, body: Any) -> dict[str, Any]:
        size = body.get("bytes") if isinstance(body, dict) else None
        if not isinstance(size, int) or isinstance(size, bool):
            raise UsageError("the size of the file is missing", "load the page again")
        return {"ticket": self._gallery.announce(_text(body, "name"), size)}

    def _learn(self, body: Any) -> dict[str, Any]:
        name, seconds = _text(body, "name"), body.get("seconds")
        if not isinstance(seconds, int) or isinstance(seconds, bool):
            raise UsageError("the length of the recording must be a number of seconds")
        settings = self._changes.settings
        self._examples.pop(name, None)
        self._learn_run.start(name, settings.camera, str(settings.size), seconds, click=_flag(body, "click"))
        return {}

    def _stop_learning(self, body: Any) -> dict[str, Any]:
        self._learn_run.stop()
        return {}

    def _make_examples(self, request: Request) -> dict[str, Any]:
        """Cut held-out frames of a finished run out, with the old and the new model."""
        name = request.path_params["name"]
        status = self._learn_run.status
        if status is None or status.name != name or status.stage != "done":
            raise UsageError("there is no finished run of this name", "load the page again")
        if name not in self._examples:
            self._examples[name] = examples(name)
        return {"count": len(self._examples[name])}

    async def _example(self, request: Request) -> Response:
        found = self._examples.get(request.path_params["name"], [])
        number, when = request.path_params["number"], request.path_params["when"]
        content = found[number].get(when) if number < len(found) else None
        return Response(content, media_type="image/jpeg") if content else Response(status_code=404)

    def _install_learnt(self, body: Any) -> dict[str, Any]:
        """Install the new model and use it; if it cannot be used, the present one stays."""
        name = _text(body, "name")
        install_learnt(name)
        if self._changes.settings.model == name:  # an older model of this name is in use
            self._changes.reload_model()
        else:
            self._changes.change(model=name)
        self._learn_run.forget()
        return {}

    def _discard_learnt(self, body: Any) -> dict[str, Any]:
        name = _text(body, "name")
        discard_learnt(name)
        self._learn_run.forget()
        self._examples.pop(name, None)
        return {}

    def _remove_model(self, body: Any) -> dict[str, Any]:
        """Delete a model. If it is in use, the built-in one is used from now on, and named as `fallback`."""
        name = _text(body, "name")
        in_use = self._changes.settings.model == name
        if in_use:
            self._changes.change(model=_BUILTIN_MODEL)
        remove_model(name)
        return {"fallback": _BUILTIN_MODEL if in_use else ""}

    def _rename(self, body: Any) -> dict[str, Any]:
        self._gallery.rename(_text(body, "id"), _text(body, "title"))
        return {}

    def _reorder(self, body: Any) -> dict[str, Any]:
        self._gallery.reorder(_texts(body, "ids"))
        return {}

    def _delete(self, body: Any) -> dict[str, Any]:
        """Delete a background. If it is shown now, the room is blurred from now on."""
        item_id = _text(body, "id")
        if str(self._gallery.path(item_id)) == self._changes.settings.background[0]:
            self._changes.change(background=("blur",))
        self._gallery.delete(item_id)
        return {}

    def _make_slides(self, body: Any) -> dict[str, Any]:
        return {"id": self._gallery.add_slides(_texts(body, "ids"), _text(body, "title")).id}


def load_page_files() -> dict[str, tuple[str, bytes]]:
    """Read all files of the page: name to media type and content."""
    folder = resources.files("livecam.panel") / "page"
    found = {}
    for entry in folder.iterdir():
        media_type = _TYPES.get("." + entry.name.rpartition(".")[2])
        if media_type is not None:
            found[entry.name] = (media_type, entry.read_bytes())
    return found


@lru_cache(maxsize=32)
def builtin_thumbnail(name: str) -> bytes:
    """Return the thumbnail of a procedural background, a JPEG."""
    return thumbnail_of(PROCEDURAL_BACKGROUNDS[name](THUMBNAIL_SIZE))


async def _answer(function: Callable[[Any], Any], argument: Any) -> Response:
    try:
        return JSONResponse(await run_in_threadpool(function, argument))
    except (LivecamError, OSError) as error:
        return _error_response(error)


def _error_response(error: Exception) -> Response:
    cause = error if isinstance(error, OSError) and error.errno else error.__cause__
    if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
        return _problem(507, "the disk is full", "free some space, then try again")
    if isinstance(error, LivecamError):
        status = 400 if isinstance(error, UsageError) else 500 if isinstance(error, FileWriteError) else 409
        return _problem(status, error.problem, error.hint)
    return _problem(500, f"that failed ({os_error_reason(error)})")


def _problem(status: int, problem: str, hint: str = "") -> Response:
    return JSONResponse({"problem": problem, "hint": hint}, status_code=status)


def _flag(body: Any, name: str) -> bool:
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, bool):
        raise UsageError(f"{name} must be true or false")
    return value


def _text(body: Any, name: str) -> str:
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, str):
        raise UsageError(f"{name} must be text")
    return value


def _texts(body: Any, name: str) -> list[str]:
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UsageError(f"{name} must be a list of texts")
    return value
