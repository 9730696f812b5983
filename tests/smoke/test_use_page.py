"""docs/use.md: every command line of the page runs, one after the other as a newcomer would, on a tiny model."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from helpers.models import make_model
from helpers.source import ROOT
from scalemogen.cli.main import main

PAGE = ROOT / "docs" / "use.md"
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
NEEDS_MORE = {"serve": "runs until it is stopped", "reconstruct": "names files of the reader's own"}


def commands() -> list[list[str]]:
    """Return the page's command lines as words, without the program's name."""
    lines = "".join(BLOCK.findall(PAGE.read_text())).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [line[1:] for line in words if line and line[1] not in NEEDS_MORE]


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_model(Path("runs/demo/model"), max_frames=160)
    Path("sentences.txt").write_text("a person walks\na person waves\n")
    done = commands()
    assert {words[0] for words in done} >= {"generate", "edit", "inbetween", "stitch", "export"}
    for words in done:
        assert main(words) == 0, words
    for name in re.findall(r"images/(\w+)\.png", PAGE.read_text()):
        assert (tmp_path / f"{name}.png").stat().st_size > 0
        assert (ROOT / "docs" / "images" / f"{name}.png").is_file()
