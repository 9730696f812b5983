"""The server as people run it: a process of its own, several visitors, a kill, a real browser."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest

from helpers.browser import PROGRAM, Browser, browser
from helpers.models import make_model
from scalemogen.cli.main import main
from scalemogen.files import digest_bytes
from scalemogen.motion import read_bvh
from scalemogen.pipeline import TextToMotion

PATIENCE = 120.0
MEMORY = 64 * 2**20
"""Bytes by which 200 motions may let the process grow."""


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


def resident(process: subprocess.Popen[str]) -> int:
    pages = Path(f"/proc/{process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def tree(folder: Path) -> dict[str, str]:
    return {str(path): digest_bytes(path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_eight_visitors_at_once(tmp_path: Path) -> None:
    """Everybody is served, nobody sees another's motion, and memory has a bound."""
    model = make_model(tmp_path / "model")
    (tmp_path / "tmp").mkdir()
    own = TextToMotion.from_pretrained(model)
    wanted = [{"text": f"a person walks {'left ' * seed}", "seconds": 1.6, "seed": seed} for seed in range(8)]
    options = ["--queue", "4", "--batch", "4", "--keep", "32", "--rate", "100000"]
    with server(model, tmp_path / "tmp", *options) as (at, process):

        def visit(one: dict[str, Any]) -> Any:
            name = make(at, one)
            return np.load(io.BytesIO(ask(at, f"api/motions/{name}/files/npz")), allow_pickle=False)["positions"]

        with ThreadPoolExecutor(8) as visitors:
            seen = list(visitors.map(visit, wanted))
            before = resident(process)
            for _ in range(25):
                list(visitors.map(lambda one: make(at, one), wanted))
            assert resident(process) - before < MEMORY
    for one, positions in zip(wanted, seen, strict=True):
        alone = own.generate(one["text"], seconds=1.6, seed=one["seed"])
        np.testing.assert_allclose(positions, alone.positions, atol=1e-4)


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
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--model", str(tmp_path), "--port", str(port)]) == 2
    assert f"port {port}: Address already in use" in capsys.readouterr().err


BLUE = """(() => {
  const canvas = document.querySelector("#panels canvas"), pen = canvas.getContext("2d"), size = canvas.width;
  const wanted = getComputedStyle(document.documentElement).getPropertyValue("--left").match(/[0-9a-f]{2}/g);
  const colour = wanted.map((digits) => parseInt(digits, 16)), data = pen.getImageData(0, 0, size, size).data;
  const box = canvas.getBoundingClientRect();
  for (let i = 0; i < size * size; i++)
    if (colour.every((value, band) => data[4 * i + band] === value))
      return [box.x + ((i % size) * box.width) / size, box.y + (Math.floor(i / size) * box.height) / size + 3];
})()"""
"""Where on the page the first pixel of a left limb is."""


ALL = "(selector => [...document.querySelectorAll(selector)])"


def panels(page: Browser, count: int) -> None:
    """Wait until so many motions are shown and the page is idle again, without a complaint."""
    page.until(f"document.querySelectorAll('#panels canvas').length === {count}")
    page.until("!document.querySelector('#go').disabled")
    assert page.value("document.querySelector('#status').textContent") == ""


@pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    """Type a sentence, wait, move the scrubber, download a BVH, edit by parts and time, compare, reload."""
    model = make_model(tmp_path / "model")
    with server(model, tmp_path) as (address, _), browser(tmp_path / "browser") as page:
        page.size(1400, 900)
        page.open(address)
        page.until("document.querySelectorAll('#links a').length")
        page.value("document.querySelector('#seconds').value = 1.6")
        page.click("#text")
        page.type("a person walks left")
        page.press("Enter")
        panels(page, 1)

        page.value("document.querySelector('#controls input').focus()")
        for _ in range(5):
            page.press("ArrowRight")
        time_shown = page.until("(t => t > 0 && t)(parseFloat(document.querySelector('#controls output').value))")
        assert 0 < time_shown < 1.6

        page.click("#links a[data-format=bvh]")
        downloaded = tmp_path / "browser" / "downloads" / "motion.bvh"
        end = time.monotonic() + PATIENCE
        while not downloaded.is_file():
            assert time.monotonic() < end
            time.sleep(0.05)
        assert read_bvh(downloaded).frames == 32

        x, y = page.until(BLUE)
        page.click_at(x, y)
        chosen = page.until("document.querySelector('#parts :checked')?.value")
        assert chosen.startswith("left ")
        x, y, width, height = page.place("#range")
        page.drag((x + width - 9, y + height / 2), (x + width * 0.6, y + height / 2))
        page.value("document.querySelector('#first').focus()")
        for _ in range(4):
            page.press("ArrowRight")
        first, last = (page.value(f"Number(document.querySelector('#{name}').value)") for name in ("first", "last"))
        assert first == 4
        assert 14 < last < 24
        page.value("document.querySelector('#edit-text').value = ''")
        page.click("#edit-text")
        page.type("a person waves right")
        page.click("#edit-go")
        panels(page, 2)
        titles = page.value(f"{ALL}('#panels figcaption small:first-child').map(e => e.textContent)")
        assert titles == ["before", "after"]
        rows = page.value(f"Object.fromEntries({ALL}('#moved tr').map(r => [...r.children].map(c => c.textContent)))")
        assert [part for part, moved in rows.items() if not moved.startswith("0.0 cm, at most 0.0")] in ([], [chosen])

        page.size(390, 844)
        assert page.value("document.documentElement.scrollWidth") <= 390
        page.open(address)
        page.until("document.querySelectorAll('#made button').length === 2")
        assert page.complaints == []
