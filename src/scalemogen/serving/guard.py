"""What every request passes before anything reads it, and what every answer carries."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scalemogen.serving.limits import Limits

UPLOAD_PATH = "/api/uploads"
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


class Refused(Exception):
    """A request that goes no further."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_names(host: str) -> frozenset[str] | None:
    """Return the names by which a server that listens on `host` may be called; None = any.

    On loopback only its own: else a page from elsewhere could, by a name that it points here, read the answers.
    """
    return frozenset({"localhost", "127.0.0.1", "::1", host}) if is_loopback(host) else None


class Guard:
    """Checks the name the server is called by, where a request comes from, its size and how long it takes to arrive.

    Args:
        app: what is guarded.
        limits: of sizes and times.
        names: see `host_names`.
    """

    def __init__(self, app: ASGIApp, limits: Limits, names: Iterable[str] | None) -> None:
        self._app, self._limits = app, limits
        self._names = None if names is None else frozenset(names)
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            headers = Headers(scope=scope)
            self._check_origin(headers)
            body = await self._body(scope["path"], headers, receive)
        except Refused as error:
            later = {"Retry-After": "5"} if error.status == 503 else None
            await JSONResponse({"error": error.reason}, error.status, later)(scope, receive, send_with_headers)
            return
        await self._app(scope, _replay(body, receive), send_with_headers)

    def _check_origin(self, headers: Headers) -> None:
        """Refuse what another site's page sends, and names that are not ours."""
        host = headers.get("host", "")
        name = host.rsplit(":", 1)[0] if host.rpartition(":")[2].isdigit() else host
        if self._names is not None and name.strip("[]").lower() not in self._names:
            raise Refused(400, "this server has another name; call it by the address it printed when it started")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            raise Refused(403, "requests from pages of other sites are refused")

    async def _body(self, path: str, headers: Headers, receive: Receive) -> bytes:
        """Return the whole body."""
        upload = path == UPLOAD_PATH
        limit = self._limits.upload if upload else self._limits.body
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > limit:
            raise Refused(413, f"a request of {length[:20]} bytes; at most {limit} are taken here")
        if upload and self._uploads >= self._limits.uploads:
            raise Refused(503, "other files are just being sent here; try again in some seconds")
        self._uploads += upload
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return await _read(receive, limit)
        except TimeoutError as error:
            raise Refused(408, f"the request took longer than {self._limits.body_seconds:g} seconds") from error
        finally:
            self._uploads -= upload


async def _read(receive: Receive, limit: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "the request broke off")
        body += message.get("body", b"")
        if len(body) > limit:
            raise Refused(413, f"more than the {limit} bytes that are taken here")
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body, then whatever else comes."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
