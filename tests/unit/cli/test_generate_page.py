"""The page of `scalemogen generate` shows each motion with the bits that it was decoded from."""

from __future__ import annotations

import json
import re
from pathlib import Path

from helpers.models import make_model
from scalemogen.cli.main import main


def test_bits_stand_under_their_motion(tmp_path: Path) -> None:
    """Motions are drawn longest first; the page has them as they were asked for."""
    model, page = make_model(tmp_path / "model"), tmp_path / "a.html"
    texts = [word for text in ("a person walks", "a person waves", "a person jumps") for word in ("--text", text)]
    assert main(["generate", "--model", str(model), *texts, "--seconds", "0.4", "1.6", "0.8", "--out", str(page)]) == 0
    found = re.search(r'<script type="application/json" id="motions">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found
    records = json.loads(found[1])
    assert [(record["frames"], record["scales"][-1]["cells"]) for record in records] == [(8, 2), (32, 8), (16, 4)]
