"""The server as people run it: a process of its own, several visitors, a kill.

`SCALEMOGEN_SERVE_MODEL=runs/demo/model pytest tests/smoke/test_serve.py --log-cli-level INFO` does it with another
model, and tells times and memory.
"""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from subprocess import Popen
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import httpx
import numpy as np
import pytest

from helpers.malformed import JUNK
from helpers.malformed import requests as malformed
from helpers.models import make_model
from helpers.serving import server
from scalemogen.cli.main import main
from scalemogen.files import digest_bytes
from scalemogen.pipeline import TextToMotion

PATIENCE = 120.0
logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every request
_log = logging.getLogger(__name__)

MEMORY = 64 * 2**20
"""Bytes by which 200 motions may let the process grow."""


def ask(address: str, path: str, body: Any = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    request = Request(address + path, data, {"Content-Type": "application/json"})
    with urlopen(request, timeout=PATIENCE) as answer:
        return bytes(answer.read())


def make(address: str, wanted: dict[str, Any]) -> str:
    """Ask for a motion, again while the server is busy, and wait for it; returns its id."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            status = json.loads(ask(address, "api/motions", wanted))
            break
        except HTTPError as error:
            if error.code != 503:
                raise
            time.sleep(0.05)
    while status["state"] != "done":
        assert status["state"] != "failed", status
        assert time.monotonic() < end
        time.sleep(0.02)
        status = json.loads(ask(address, f"api/motions/{status['id']}"))
    assert status["text"] == wanted["text"]
    return str(status["id"])


def resident(process: Popen[str]) -> int:
    pages = Path(f"/proc/{process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def processor_seconds(process: Popen[str]) -> float:
    user, system = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def served_model(folder: Path) -> Path:
    """Return the model that is named, else a tiny one that is written there."""
    named = os.environ.get("SCALEMOGEN_SERVE_MODEL")
    return Path(named) if named else make_model(folder / "model")


def open_files(process: Popen[str]) -> int:
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))


def raw(address: str, content: bytes) -> bytes:
    """Send bytes as they are; return what comes back until the server has enough."""
    host, port = address.removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        try:
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(4096)
        except OSError:  # it hung up
            return b""


def tree(folder: Path) -> dict[str, str]:
    return {str(path): digest_bytes(path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_eight_visitors_at_once(tmp_path: Path) -> None:
    """Everybody is served, nobody sees another's motion, and memory has a bound."""
    model = served_model(tmp_path)
    (tmp_path / "tmp").mkdir()
    own = TextToMotion.from_pretrained(model)
    wanted = [{"text": f"a person walks {'left ' * seed}", "seconds": 1.6, "seed": seed} for seed in range(8)]
    options = ["--queue", "4", "--batch", "4", "--keep", "32", "--rate", "100000"]
    with server(model, tmp_path / "tmp", *options) as (at, process):

        def visit(one: dict[str, Any]) -> Any:
            name = make(at, one)
            return np.load(io.BytesIO(ask(at, f"api/motions/{name}/files/npz")), allow_pickle=False)["positions"]

        with ThreadPoolExecutor(8) as visitors:
            began, loaded = time.monotonic(), processor_seconds(process)
            seen = list(visitors.map(visit, wanted))
            taken, before, spent = time.monotonic() - began, resident(process), processor_seconds(process)
            for _ in range(25):
                list(visitors.map(lambda one: make(at, one), wanted))
            grown, end = resident(process) - before, processor_seconds(process)
            assert grown < MEMORY
        _log.info("8 visitors at once: all served in %.1f s, %.1f s of one core", taken, spent - loaded)
        _log.info("200 motions more: %.1f s of one core, %+.1f of %.0f MiB", end - spent, grown / 2**20, before / 2**20)
    for one, positions in zip(wanted, seen, strict=True):
        alone = own.generate(one["text"], seconds=1.6, seed=one["seed"])
        np.testing.assert_allclose(positions, alone.positions, atol=1e-4)


def test_a_thousand_malformed_requests(tmp_path: Path) -> None:
    """Over the wire, and bytes that are no HTTP at all: clear answers, no 500, no memory, no open files."""
    options = ["--queue", "8", "--keep", "32", "--rate", "100000"]
    with server(served_model(tmp_path), tmp_path, *options) as (address, process):
        made = make(address, {"text": "a person walks", "seconds": 1.0, "seed": 0})
        given = list(islice(malformed(made), 1000))
        with httpx.Client(base_url=address, timeout=PATIENCE) as client:

            def send(wanted: list[tuple[str, str, bytes, str]]) -> list[int]:
                return [
                    client.request(method, path, content=body, headers={"Content-Type": kind}).status_code
                    for method, path, body, kind in wanted
                ]

            statuses = send(given[:200])
            memory, files = resident(process), open_files(process)
            statuses += send(given[200:])
        for junk in JUNK:
            assert b" 500 " not in raw(address, junk)[:20]
        assert [status for status in statuses if status >= 500 and status != 503] == []
        assert statuses.count(422) > 100
        grown, opened = resident(process) - memory, open_files(process) - files
        assert grown < MEMORY
        assert opened <= 4
        counts = sorted(Counter(statuses).items())
        _log.info("1000 malformed requests: statuses %s; %+.1f MiB, %+d open files", counts, grown / 2**20, opened)
        assert make(address, {"text": "a person walks", "seconds": 1.0, "seed": 0}) != made


def test_a_kill_leaves_nothing_half_written(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    before = tree(model)
    wanted = {"text": "a person walks", "seconds": 1.6, "seed": 0}
    with server(model, temporary) as (address, process):
        name = make(address, wanted)
        with ThreadPoolExecutor(1) as visitor:
            download = visitor.submit(ask, address, f"api/motions/{name}/files/gif")
            while not list(temporary.glob("scalemogen-serve-*/*/*")):
                assert not download.done()
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
            assert download.exception() is not None
    assert list(temporary.iterdir())  # what was on its way
    with server(model, temporary) as (address, _):
        (scratch,) = temporary.iterdir()
        assert [path.name for path in scratch.iterdir()] == ["lock"]
        with pytest.raises(HTTPError, match="404"):
            ask(address, f"api/motions/{name}")
        assert make(address, wanted) != name
    assert not list(temporary.iterdir())
    assert tree(model) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "70000"], "port 70000"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1"),
        (["--queue", "0", "--port", "0"], "queue is 0"),
        (["--port", "0", "--model", "nowhere"], "nowhere"),
    ],
)
def test_bad_options(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--model", "nothing", *options]) == 2
    assert words in capsys.readouterr().err


def test_a_port_in_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--model", str(tmp_path), "--port", str(port)]) == 2
    assert f"port {port}: Address already in use" in capsys.readouterr().err
