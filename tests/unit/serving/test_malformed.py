"""A thousand requests that make no sense: every one gets a clear answer, none does harm."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Iterator
from typing import Any

import torch

from helpers.serving import Serve
from scalemogen.motion import Motion

COUNT = 1000
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1e400, -1e400, 2**64, 1.5, "", " ", "\x00", "4", "\ud800", "x" * 10_000, [], [1], {}, {"a": 1},
    [[0, 1]], ["nose"], [-1, 5], [5, 5], [0, 10**12], float("nan"), "../../etc/passwd", "<script>alert(1)</script>",
)  # fmt: skip
FIELDS = ("text", "seconds", "seed", "guidance", "temperature", "parts", "frames", "strength", "source_text", "extra")
BODIES = (
    b"", b"{", b"[]", b"null", b"NaN", b'"text"', b"\xff\xfe", b"[" * 9000, b'{"text":' * 1500,
    b'{"seed":' + b"9" * 9000 + b"}",
    b'{"text": "a", "text": 1}', b"text=a", b"\x00" * 100, b'{"text": "a person walks", "seconds": 1e999}',
)  # fmt: skip
TYPES = ("application/json", "text/plain", "application/octet-stream", "multipart/form-data; boundary=x", "", "a/b;c")
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD")


def requests(name: str) -> Iterator[tuple[str, str, bytes, str]]:
    """Yield (method, path, body, content type): fields of wrong types and values, broken bodies, odd paths."""
    paths = ("/api/motions", f"/api/motions/{name}/edits", "/api/uploads", f"/api/motions/{name}/files/%2e%2e",
             "/api/motions/%ff%fe", "/api/motions/" + "x" * 500, "/api/%00", "/" + "a/" * 50)  # fmt: skip
    dice = torch.Generator().manual_seed(0)

    def pick(items: Any) -> Any:
        return items[int(torch.randint(len(items), (), generator=dice))]

    for field in FIELDS:
        for value in VALUES:
            body = {"text": "a person walks", "seconds": 1.0} if field != "extra" else {"text": "a", field: 1}
            yield "POST", pick(paths[:2]), json.dumps({**body, field: value}).encode(), TYPES[0]
    while True:
        yield pick(METHODS), pick(paths), pick(BODIES), pick(TYPES)


def motions_alive() -> int:
    gc.collect()
    return sum(type(value) is Motion for value in gc.get_objects())


def test_a_thousand_malformed_requests(serve: Serve) -> None:
    client = serve(queue=8, keep=32)
    made = client.post("/api/motions", json={"text": "a person walks", "seconds": 1.0}).json()["id"]
    threads, before, statuses = threading.active_count(), motions_alive(), []
    for number, (method, path, body, kind) in zip(range(COUNT), requests(made), strict=False):
        answer = client.request(method, path, content=body, headers={"Content-Type": kind})
        statuses.append(answer.status_code)
        assert answer.status_code < 500 or answer.status_code == 503, (number, method, path, body[:100], answer.text)
        if answer.status_code >= 400 and method != "HEAD":
            assert list(answer.json()) == ["error"], (method, path, body[:100])
            assert "scalemogen" not in answer.text  # nothing of the code or of the disk
    assert len(statuses) == COUNT
    assert statuses.count(422) > 100
    assert threading.active_count() <= threads + 40  # those of the pool
    assert motions_alive() <= before + 32 + 8
    again = client.post("/api/motions", json={"text": "a person walks", "seconds": 1.0})
    assert again.status_code in (202, 503)
