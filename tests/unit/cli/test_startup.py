"""What the commands load, and how soon they answer: a package named here costs up to seconds at every start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import pytest

from helpers.models import make_model
from helpers.source import ROOT
from scalemogen.cli import options
from scalemogen.cli.arguments import data, edit, evaluate, export
from scalemogen.cli.main import COMMANDS
from scalemogen.data_modules.conversion import Floor, Layout
from scalemogen.data_modules.published import READERS, Statistics
from scalemogen.editing import STRENGTHS
from scalemogen.evaluation import PROTOCOLS
from scalemogen.export import FORMATS
from scalemogen.pipeline.devices import DEVICES
from scalemogen.skeletons.maps import MAPS

HEAVY = ("torch", "lightning", "transformers", "wandb", "numpy", "scipy", "matplotlib", "pydantic")
"""What no help and no complaint needs."""
TRAINING = ("lightning", "wandb", "transformers", "torch._dynamo", "torchmetrics", "matplotlib", "scipy", "sympy")
"""What no use of a trained model needs."""
WATCH = """
import json, sys
from scalemogen.cli.main import main
try:
    statuses = [main(words) for words in json.loads(sys.argv[1])]
except SystemExit as stop:
    statuses = [stop.code]
print(json.dumps([statuses, [name for name in json.loads(sys.argv[2]) if name in sys.modules]]))
"""


def watch(commands: list[list[str]], names: tuple[str, ...], folder: Path) -> tuple[list[int], list[str]]:
    """Run commands in one new process; returns their exit statuses, and which of the packages it has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", WATCH, json.dumps(commands), json.dumps(names)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    statuses, loaded = json.loads(done.stdout.splitlines()[-1])
    return statuses, loaded


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_nothing_heavy(command: str, tmp_path: Path) -> None:
    assert watch([[command, "--help"]], HEAVY, tmp_path) == ([0], [])


def test_mistakes_are_found_before_anything_heavy_is_loaded(tmp_path: Path) -> None:
    words = [["generate", "--modle", "m"], ["edit", "--strength", "enormous"], ["data", "bvh"], ["generat"], ["--help"]]
    assert watch(words, HEAVY, tmp_path) == ([2, 2, 2, 2, 0], [])


def test_the_package_itself_is_light(tmp_path: Path) -> None:
    code = "import sys, scalemogen; assert not {'torch', 'numpy'} & set(sys.modules); print(scalemogen.__version__)"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, check=True)


def test_using_a_model_loads_no_framework_of_training(tmp_path: Path) -> None:
    """One process for all commands: what any of them loads is found."""
    folder = make_model(tmp_path / "model")
    model = ["--model", str(folder), "--seed", "3"]
    text = ["--text", "a person walks"]
    commands = [
        ["generate", *model, *text, "--seconds", "1", "--out", "a.bvh", "a.npz", "a.html", "a.png", "a.glb"],
        ["edit", "a.npz", *model, *text, "--out", "edited.bvh"],
        ["prolong", "a.npz", *model, *text, "--seconds", "1", "--out", "longer.npz"],
        ["export", "a.npz", "--to", "csv"],
    ]
    assert watch(commands, TRAINING, tmp_path) == ([0] * len(commands), [])


def test_help_comes_soon(tmp_path: Path) -> None:
    """A generous bound for a busy machine; 0.1 seconds are usual."""
    started = time.perf_counter()
    watch([["--help"], ["generate", "--modle"]], HEAVY, tmp_path)
    assert time.perf_counter() - started < 5


def test_the_parsers_allow_what_the_rooms_know() -> None:
    """The parsers cannot ask the rooms, which load torch."""
    assert options.DEVICES == DEVICES
    assert tuple(STRENGTHS) == edit.STRENGTHS
    assert tuple(PROTOCOLS) == evaluate.PROTOCOLS
    assert tuple(suffix.removeprefix(".") for suffix in FORMATS) == export.FORMAT_NAMES
    assert data.MAPS == MAPS
    assert get_args(Floor) == data.FLOORS
    assert get_args(Layout) == data.LAYOUTS
    assert get_args(Statistics) == data.STATISTICS
    assert {name: (reader.form.origin.name, reader.needs) for name, reader in READERS.items()} == data.PUBLISHED
