"""Asking a server for motions."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from scalemogen.serving import Impatient

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


@contextmanager
def server(model: Path, folder: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `scalemogen serve` on a free port with `folder` for its temporary files; gives the address."""
    command = [sys.executable, "-m", "scalemogen", "serve", "--model", str(model), "--port", "0", *options]
    environment = {**os.environ, "TMPDIR": str(folder)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.search(r"http://\S+/", line)
        assert address, line
        yield address[0], process
    finally:
        process.terminate()
        process.wait(PATIENCE)
        process.stdout.close()


@contextmanager
def listening(app: FastAPI, http: type[Impatient] = Impatient) -> Iterator[str]:
    """Serve on a free port from a thread; gives the address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", ws="none", http=http))
    thread = threading.Thread(target=server.run)
    thread.start()
    end = time.monotonic() + PATIENCE
    while not server.started:
        assert time.monotonic() < end
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
