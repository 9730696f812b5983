"""The page of `scalemogen generate` shows each motion with the bits that it was decoded from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from helpers.browser import PROGRAM, browser
from helpers.models import make_model
from scalemogen.cli.main import main

DRAWN = """new Promise((tell) => {
  const canvas = CanvasRenderingContext2D.prototype, own = canvas.clearRect;
  let count = 0, frames = 5;
  canvas.clearRect = function (...box) { count++; own.apply(this, box); };
  const wait = () => (frames-- ? requestAnimationFrame(wait) : tell(count));
  wait();
})"""
"""How often a canvas is drawn in five frames of the browser."""


def test_bits_stand_under_their_motion(tmp_path: Path) -> None:
    """Motions are drawn longest first; the page has them as they were asked for."""
    model, page = make_model(tmp_path / "model"), tmp_path / "a.html"
    texts = [word for text in ("a person walks", "a person waves", "a person jumps") for word in ("--text", text)]
    assert main(["generate", "--model", str(model), *texts, "--seconds", "0.4", "1.6", "0.8", "--out", str(page)]) == 0
    found = re.search(r'<script type="application/json" id="motions">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found
    records = json.loads(found[1])
    assert [(record["frames"], record["scales"][-1]["cells"]) for record in records] == [(8, 2), (32, 8), (16, 4)]


@pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    """From a disk: opens at `#t=`, plays, scrubs, changes speed, turns, and lights the cells of the moment shown."""
    model, page = make_model(tmp_path / "model"), tmp_path / "a.html"
    texts = ["--text", "a person walks", "--text", "a person waves"]
    assert main(["generate", "--model", str(model), *texts, "--seconds", "1.6", "0.8", "--out", str(page)]) == 0
    clock = "document.querySelector('#controls output').value"
    body, tokens = (f"document.querySelector('{name} canvas').toDataURL()" for name in ("figure >", ".tokens"))
    with browser(tmp_path / "browser") as shown:
        shown.size(1200, 900)
        shown.open(f"{page.as_uri()}#t=0.5")
        shown.until(f"{clock} === '0.50 / 1.60 s'")
        assert shown.value("document.querySelectorAll('#panels > figure > canvas').length") == 2
        shown.until(f"[window.body, window.tokens] = [{body}, {tokens}]")
        scrub = "(s => {s.value = 1.1; s.dispatchEvent(new Event('input'))})(document.querySelector('#controls input'))"
        shown.value(scrub)
        shown.until(f"{clock}.startsWith('1.10') && {body} !== window.body && {tokens} !== window.tokens")
        assert shown.value(DRAWN) == 0, "a picture that stands still costs nothing"
        shown.value(f"[window.body, window.tokens] = [{body}, {tokens}]")
        x, y, width, height = shown.place("figure > canvas")
        shown.drag((x + width / 2, y + height / 2), (x + width / 2 + 60, y + height / 2 + 30))
        shown.until(f"{body} !== window.body")
        assert shown.value(f"{tokens} === window.tokens"), "turning changes the figure alone"
        shown.value("(s => {s.value = 0.25; s.dispatchEvent(new Event('change'))})(document.querySelector('select'))")
        shown.value(f"window.start = performance.now(); window.from = parseFloat({clock})")
        shown.click("button.play")
        passed = "(performance.now() - window.start) / 1000"
        shown.until(f"parseFloat({clock}) > 1.2")
        assert shown.value(f"parseFloat({clock}) - window.from < 0.3 * {passed}")
        assert shown.value("performance.getEntriesByType('resource').map(entry => entry.name)") == []
        assert shown.complaints == []
