"""The Makefile's targets: documented, set up by themselves, and passing their variables on."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from helpers.source import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
RULES = re.findall(r"^([a-z-]+): (.*)", MAKEFILE, flags=re.MULTILINE)
TARGETS = {name: rest for name, rest in RULES if "?=" not in rest}


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make as a user would, also when these tests run under `make test ARGS=...`."""
    ours = ("MAKE", "MFLAGS", "ARGS", "EXTRAS", "EXPERIMENT", "TOKENIZER", "VENV", "PYTHON")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, env=clean)


def test_help_lists_every_target() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)", MAKEFILE, flags=re.MULTILINE)
    assert set(phony.split()) == set(TARGETS)
    listed = set(re.findall(r"^  make (\S+)", make("help").stdout, flags=re.MULTILINE))
    assert listed == set(TARGETS)


@pytest.mark.parametrize("target", sorted(set(TARGETS) - {"help", "clean"}))
def test_targets_set_up_the_environment(target: str) -> None:
    assert "$(READY)" in TARGETS[target]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train-tokenizer"], "tokenizer fit --config experiments/tokenizer/synthetic.yaml"),
        (["train-tokenizer", "EXPERIMENT=a.yaml", "ARGS=--x 1"], "tokenizer fit --config a.yaml --x 1"),
        (["train-ar", "TOKENIZER=runs/t"], "ar fit --config experiments/ar/synthetic.yaml --model.tokenizer runs/t"),
        (["train-ar", "EXPERIMENT=b.yaml", "ARGS=--y 2"], "ar fit --config b.yaml --y 2"),
        (["train-evaluator", "ARGS=--z 3"], "evaluator fit --config experiments/evaluator/synthetic.yaml --z 3"),
    ],
)
def test_training_targets_pass_their_variables(arguments: list[str], expected: str) -> None:
    commands = [line for line in make("--dry-run", *arguments).stdout.splitlines() if "scalemogen" in line]
    assert " ".join(commands[-1].split()).endswith(f"bin/scalemogen {expected}")


def test_an_old_python_is_refused_with_the_version_needed(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    refused = make("install", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}")
    assert refused.returncode != 0
    assert "needs Python 3.11 or newer" in refused.stderr
    assert not (tmp_path / "venv").exists()


def test_ci_runs_the_readme_s_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    for command in ("make lint", "make test"):
        assert command in script
    assert "make test" in (ROOT / "README.md").read_text()
