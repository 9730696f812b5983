"""Asking a server for motions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fastapi.testclient import TestClient

PATIENCE = 60.0
WALK = {"text": "a person walks", "seconds": 1.2, "seed": 3}

Serve = Callable[..., TestClient]


def settled(client: TestClient, name: str) -> dict[str, Any]:
    """Wait until nothing more happens to a motion; return its status."""
    end = time.monotonic() + PATIENCE
    while (status := client.get(f"/api/motions/{name}").json())["state"] not in ("done", "failed"):
        assert time.monotonic() < end, status
        time.sleep(0.01)
    return dict(status)


def make(client: TestClient, wanted: dict[str, Any]) -> dict[str, Any]:
    """Ask for a motion and wait for it; return its status."""
    answer = client.post("/api/motions", json=wanted)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/api/motions/{answer.json()['id']}"
    return settled(client, answer.json()["id"])
