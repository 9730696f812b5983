"""docs/use.md, docs/export.md: all command lines of a page run, in order as for a newcomer, on a tiny model."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from helpers.models import make_model
from helpers.source import ROOT
from scalemogen.cli.main import main

PAGES = {
    "use.md": {"generate", "edit", "inbetween", "stitch", "export", "reconstruct", "data"},
    "export.md": {"generate", "export"},
}
"""Pages and the commands that they show."""
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
NEEDS_MORE = {"serve": "runs until it is stopped"}
SHELL = {".": "finds the program", "printf": "writes sentences.txt"}


def commands(page: str) -> list[list[str]]:
    """Return a page's command lines as words, without the program's name."""
    lines = "".join(BLOCK.findall((ROOT / "docs" / page).read_text())).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    ours = [line for line in words if line and line[0] not in SHELL]
    assert {line[0] for line in ours} == {"scalemogen"}
    return [line[1:] for line in ours if line[1] not in NEEDS_MORE]


@pytest.mark.parametrize("page", PAGES)
def test_the_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_model(Path("runs/demo/model"), max_frames=160)
    Path("sentences.txt").write_text("a person walks\na person waves\n")
    done = commands(page)
    assert {words[0] for words in done} == PAGES[page]
    for words in done:
        assert main(words) == 0, words
    for name in re.findall(r"images/(\w+)\.png", (ROOT / "docs" / page).read_text()):
        assert (tmp_path / f"{name}.png").stat().st_size > 0
        assert (ROOT / "docs" / "images" / f"{name}.png").is_file()
