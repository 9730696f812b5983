"""The server: a page, its files, and the JSON API."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib import resources
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as AnyHTTPException

from scalemogen import __version__
from scalemogen.errors import UserError
from scalemogen.export import viewer_file
from scalemogen.pipeline import TextToMotion
from scalemogen.serving.api import Server, add_api
from scalemogen.serving.desk import Desk, QueueFull
from scalemogen.serving.guard import HEADERS, Guard, host_names
from scalemogen.serving.limits import Limits
from scalemogen.serving.meter import Meter
from scalemogen.serving.orders import fulfil
from scalemogen.serving.store import Store
from scalemogen.serving.writing import FileDesk, Scratch, TooMany

DESCRIPTION = """Sentences to motions, and edits of them. Ask for a motion (`POST /api/motions`), look at its state
until it is `done`, then fetch its files. A motion is found by its id alone, which nobody else learns."""

HTML, SCRIPT, STYLE = (f"text/{kind}; charset=utf-8" for kind in ("html", "javascript", "css"))


def create_app(model: TextToMotion, limits: Limits | None = None, host: str = "127.0.0.1") -> FastAPI:
    """Return the server of one model, an ASGI application.

    Args:
        model: what is served. Only the thread of the queue computes with it.
        limits: default: `Limits()`.
        host: address that it will listen on; on loopback, requests by other names are refused.

    Raises:
        UserError: the model cannot generate.
    """
    limits = Limits() if limits is None else limits
    if not model.can_generate:
        raise UserError("this folder holds a tokenizer alone; to serve, train stage 2 on it (`make train-ar`)")
    store = Store(limits.keep, limits.keep_seconds, limits.keep_bytes)
    scratch = Scratch()
    server = Server(
        model=model,
        limits=limits,
        store=store,
        desk=Desk(partial(fulfil, model), store, limits.queue, limits.batch),
        files=FileDesk(scratch.folder, limits.downloads),
        meter=Meter(limits.rate),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        server.desk.start()
        yield
        server.desk.stop()
        scratch.close()

    app = FastAPI(
        title="ScaleMoGen",
        version=__version__,
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,  # these two load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    add_api(app, server)
    _add_page(app)
    _add_errors(app)
    app.add_middleware(Guard, limits=limits, names=host_names(host))
    return app


def _add_page(app: FastAPI) -> None:
    """Serve a fixed list of files, read once: nothing in a request is ever a path."""
    own = resources.files("scalemogen.serving").joinpath("page")
    pages = {"/": ("index.html", HTML), "/serve.js": ("serve.js", SCRIPT), "/serve.css": ("serve.css", STYLE)}
    contents = {path: (own.joinpath(name).read_text(encoding="utf-8"), kind) for path, (name, kind) in pages.items()}
    contents["/viewer.js"] = (viewer_file("viewer.js"), SCRIPT)
    contents["/viewer.css"] = (viewer_file("viewer.css"), STYLE)
    for path, (text, kind) in contents.items():
        app.add_api_route(path, partial(_text, text, kind), include_in_schema=False)


async def _text(text: str, kind: str) -> Response:
    return Response(text, media_type=kind, headers={"Cache-Control": "no-cache"})


def _add_errors(app: FastAPI) -> None:
    """Answer every failure in one way: a status and `{"error": one line}`, which repeats nothing of the request."""

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, AnyHTTPException)
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return JSONResponse({"error": "; ".join(map(_sentence, error.errors()[:5]))}, 422)

    async def impossible(_: Request, error: Exception) -> Response:
        return JSONResponse({"error": " ".join(str(error).split())}, 422)

    async def busy(_: Request, error: Exception) -> Response:
        what = "requests wait" if isinstance(error, QueueFull) else "files are waited for"
        return _later(503, f"as many {what} as may; try again in some seconds", 5)

    async def broken(_: Request, error: Exception) -> Response:
        return JSONResponse({"error": "something broke; the log of the server says what"}, 500, dict(HEADERS))

    app.add_exception_handler(AnyHTTPException, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(UserError, impossible)
    app.add_exception_handler(QueueFull, busy)
    app.add_exception_handler(TooMany, busy)
    app.add_exception_handler(Exception, broken)


def _later(status: int, reason: str, seconds: float) -> Response:
    return JSONResponse({"error": reason}, status, {"Retry-After": str(math.ceil(seconds))})


def _sentence(problem: dict[str, Any]) -> str:
    """Return one problem of validation as words."""
    if problem["type"] == "json_invalid":
        return f"the body is not JSON (at character {problem['loc'][-1]})"
    if problem["type"] == "model_attributes_type" and len(problem["loc"]) == 1:
        return "the body must be a JSON object, sent with Content-Type: application/json"
    place = [str(step) for step in problem["loc"] if step != "body"]
    return f"{'.'.join(place)}: {problem['msg']}" if place else str(problem["msg"])
