"""ASGI middleware: the access rules before, and the security headers after every request."""

import json
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livecam.web.access import AGAIN_PATH, TOKEN_PATH, Access, Refusal

MAX_JSON_BYTES = 1 << 20
_MAX_DISCARDED_BYTES = 8 * MAX_JSON_BYTES

# The page behind a token sets the cookie and goes on by itself. A redirect would not do: a browser that came
# from another site does not send a SameSite=Strict cookie along a redirect.
_ENTRANCE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>livecam</title>
<meta http-equiv="refresh" content="0;url={home}"></head><body><a href="{home}">livecam</a></body></html>"""


def security_headers(port: int) -> list[tuple[bytes, bytes]]:
    """Return the headers of every response: a strict policy, no sniffing, no storing, no framing."""
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; "
        f"connect-src 'self' ws://127.0.0.1:{port} ws://localhost:{port}; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    values = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=()",
    }
    return [(name.encode(), value.encode()) for name, value in values.items()]


class AccessMiddleware:
    """Lets only requests of the page itself through to `app`."""

    def __init__(self, app: ASGIApp, access: Access, home: str = "/") -> None:
        """Guard `app`.

        Args:
            app: gets what is allowed.
            access: the rules.
            home: path that an address with a token leads to.
        """
        self._app, self._access = app, access
        self._entrance = _ENTRANCE.format(home=home).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request, and answer it or pass it on."""
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, self._with_headers(send))

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._access.check("GET", scope["path"], scope["headers"], websocket=True) is None:
            await self._app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": ""})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, headers = scope["path"], scope["headers"]
        refusal = self._access.check_host(headers)
        if refusal is None and scope["method"] == "GET" and path.startswith(TOKEN_PATH):
            await self._enter(path.removeprefix(TOKEN_PATH), send)
            return
        refusal = refusal or self._access.check(scope["method"], path, headers) or _check_length(scope)
        if refusal is not None:
            await _discard_body(receive)
            await _refuse(send, refusal)
        elif path == AGAIN_PATH:
            await _respond(
                send, 200, "application/json", json.dumps({"url": self._access.new_address()}).encode()
            )
        else:
            await self._app(scope, receive, send)

    async def _enter(self, token: str, send: Send) -> None:
        if not self._access.exchange(token):
            text = "this address was used before: run `livecam panel` again, it prints another one"
            await _refuse(send, Refusal(403, text))
            return
        cookie = (b"set-cookie", self._access.cookie_header.encode())
        await _respond(send, 200, "text/html; charset=utf-8", self._entrance, [cookie])

    def _with_headers(self, send: Send) -> Send:
        added = security_headers(self._access.port)
        names = {name for name, _ in added}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message.get("headers", []) if pair[0].lower() not in names]
                message = {**message, "headers": [*kept, *added]}
            await send(message)

        return send_with_headers


def _check_length(scope: Scope) -> Refusal | None:
    """Refuse a body of unknown length, and JSON that is too large; uploads are counted by their handler."""
    if scope["method"] not in ("POST", "PUT"):
        return None
    lengths = [value.decode("latin-1") for name, value in scope["headers"] if name == b"content-length"]
    if len(lengths) != 1 or not (lengths[0].isascii() and lengths[0].isdecimal()):
        return Refusal(411, "the length is missing")
    too_large = scope["method"] == "POST" and int(lengths[0]) > MAX_JSON_BYTES
    return Refusal(413, "that is too large") if too_large else None


async def _discard_body(receive: Receive) -> None:
    """Read and drop what a refused client sends, up to `_MAX_DISCARDED_BYTES`.

    The server closes a connection with an unread body, and the client gets an error instead of the answer.
    """
    discarded = 0
    while discarded < _MAX_DISCARDED_BYTES:
        message = await receive()
        discarded += len(message.get("body", b""))
        if not message.get("more_body", False):
            return


async def _refuse(send: Send, refusal: Refusal) -> None:
    await _respond(send, refusal.status, "text/plain; charset=utf-8", f"livecam: {refusal.reason}\n".encode())


async def _respond(
    send: Send, status: int, content_type: str, body: bytes, more: list[tuple[bytes, Any]] | None = None
) -> None:
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        *(more or []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
