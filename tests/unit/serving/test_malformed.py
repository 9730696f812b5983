"""A thousand requests that make no sense: every one gets a clear answer, none does harm."""

from __future__ import annotations

import gc
import threading

from helpers.malformed import requests
from helpers.serving import Serve
from scalemogen.motion import Motion

COUNT = 1000


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
