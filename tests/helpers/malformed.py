"""Requests that make no sense: fields of wrong types and values, broken bodies, odd paths."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import torch

VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1e400, -1e400, 2**64, 1.5, "", " ", "\x00", "4", "\ud800", "x" * 10_000, [], [1], {}, {"a": 1},
    [[0, 1]], ["nose"], [-1, 5], [5, 5], [0, 10**12], float("nan"), "../../etc/passwd", "<script>alert(1)</script>",
)  # fmt: skip
FIELDS = (
    "text", "seconds", "seed", "guidance", "temperature", "parts", "frames", "strength", "source_text", "sentences",
    "keep", "to", "keep_scales", "clean", "extra",
)  # fmt: skip
BODIES = (
    b"", b"{", b"[]", b"null", b"NaN", b'"text"', b"\xff\xfe", b"[" * 9000, b'{"text":' * 1500,
    b'{"seed":' + b"9" * 9000 + b"}",
    b'{"text": "a", "text": 1}', b"text=a", b"\x00" * 100, b'{"text": "a person walks", "seconds": 1e999}',
)  # fmt: skip
TYPES = ("application/json", "text/plain", "application/octet-stream", "multipart/form-data; boundary=x", "", "a/b;c")
JUNK = (
    b"\x16\x03\x01\x00\xa5" * 40, b"GET / HTTP/9.9\r\n\r\n", b"POST /api/motions HTTP/1.1\r\n" * 900,
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", b"\x00" * 4096, b"\r\n" * 4096,
)  # fmt: skip
"""Bytes that are no HTTP."""
METHODS = (*["POST"] * 10, "GET", "GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD")


def requests(name: str) -> Iterator[tuple[str, str, bytes, str]]:
    """Yield (method, path, body, content type): fields of wrong types and values, broken bodies, odd paths."""
    walk: dict[str, Any] = {"text": "a person walks", "seconds": 1.0}
    wave = {"text": "a person waves"}
    good = {
        "/api/motions": walk,
        "/api/sequences": {"sentences": [walk, walk]},
        f"/api/motions/{name}/edits": wave,
        f"/api/motions/{name}/inbetweens": {**wave, "keep": [[0, 8]]},
        f"/api/motions/{name}/prolongations": {**wave, "to": name},
        f"/api/motions/{name}/variations": wave,
    }
    paths = (*good, "/api/uploads", f"/api/motions/{name}/files/%2e%2e", "/api/motions/%ff%fe",
             "/api/motions/" + "x" * 500, "/api/%00", "/" + "a/" * 50)  # fmt: skip
    dice = torch.Generator().manual_seed(0)

    def pick(items: Any) -> Any:
        return items[int(torch.randint(len(items), (), generator=dice))]

    for field in FIELDS:
        for value in VALUES:
            path = pick(list(good))
            yield "POST", path, json.dumps({**good[path], field: value}).encode(), TYPES[0]
    while True:
        yield pick(METHODS), pick(paths), pick(BODIES), pick(TYPES)
