"""The Python examples of the documents run on a tiny model, and name everything that TextToMotion offers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from helpers.models import make_model
from helpers.source import ROOT
from scalemogen import TextToMotion
from scalemogen.motion import Motion

PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
PAGE = ROOT / "docs" / "python.md"
OFFERED = [name for name in dir(TextToMotion) if not name.startswith("_")] + ["facts", "spec"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place where `runs/demo/model` is a model."""
    folder = tmp_path_factory.mktemp("pages")
    make_model(folder / "runs" / "demo" / "model", max_frames=160)
    return folder


def run(page: Path, names: dict[str, Any]) -> dict[str, Any]:
    for code in PYTHON.findall(page.read_text()):
        exec(compile(code, str(page), "exec"), names)
    return names


def test_the_page_of_the_interface(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    made = run(PAGE, {})
    sizes = {name: value.frames for name, value in made.items() if isinstance(value, Motion)}
    assert sizes == {
        "walk": 80, "wave": 60, "jump": 40, "scene": 180, "given": 80, "middle": 59, "edited": 80, "between": 80,
        "both": 140, "longer": 280, "rebuilt": 80, "original": 80, "again": 79,
    }  # fmt: skip
    assert len(made["variations"]) == 4
    assert [motion.frames for motion in made["several"]] == [79, 30]
    assert (folder / "walk.bvh").is_file()


@pytest.mark.parametrize("name", OFFERED)
def test_every_call_has_an_example(name: str) -> None:
    assert re.search(rf"\b(model|TextToMotion)\.{name}\b", "".join(PYTHON.findall(PAGE.read_text())))


@pytest.mark.parametrize("page", ["README.md", "docs/use.md", "docs/editing.md"])
def test_examples_elsewhere(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    model = TextToMotion.from_pretrained("runs/demo/model")
    run(ROOT / page, {"model": model, "motion": model.generate("a person walks", seconds=4)})
