"""A sweep over both stages, killed in the middle: the runner, then a run; it goes on and repeats nothing finished."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.source import ROOT

DOCS = (ROOT / "docs" / "sweeps.md").read_text()
SWEEP = "experiments/sweeps/scales_x_bits.yaml"


def documented() -> list[str]:
    """Return the arguments of the sweep in miniature, as the docs have them."""
    found = re.search(rf'make sweep SWEEP={SWEEP} ARGS="(--local[^"]*)"', DOCS)
    assert found is not None
    return found[1].replace("\\\n", " ").split()


def start(place: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "scalemogen", "sweep", SWEEP, *documented()]
    return subprocess.Popen(command, cwd=place, env=environment, stdout=subprocess.PIPE)


def until(true: Callable[[], object], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def trainings(place: Path) -> dict[str, float]:
    """Return when each finished stage was finished, by folder."""
    return {str(path): path.stat().st_mtime_ns for path in place.glob("runs/stages/*/*/done.json")}


def processes(place: Path) -> list[int]:
    """Return the runs that are alive in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().decode().split("\0")
            if words[1:4] == ["-m", "scalemogen", "experiment"] and (path / "cwd").resolve() == place.resolve():
                found.append(int(path.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_sweep_survives_the_death_of_its_runner_and_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    folder = tmp_path / "runs" / "sweeps" / "scales_x_bits"

    def finished() -> list[Path]:
        return list(folder.glob("*/outcome.json"))

    runner = start(tmp_path)
    until(lambda: finished() and processes(tmp_path))
    runner.kill()
    runner.communicate()
    before, outcomes = trainings(tmp_path), {path: path.read_bytes() for path in finished()}
    left_behind = processes(tmp_path)
    assert left_behind  # its runs go on

    runner = start(tmp_path)
    until(lambda: len(finished()) >= len(outcomes) + 1 and processes(tmp_path))
    victim = processes(tmp_path)[-1]
    os.kill(victim, signal.SIGKILL)
    output = runner.communicate(timeout=600)[0].decode()
    assert runner.returncode == 0, output
    assert not processes(tmp_path)

    assert {path: path.read_bytes() for path in outcomes} == outcomes
    after = trainings(tmp_path)
    assert {name: after[name] for name in before} == before
    table = json.loads((folder / "table.json").read_text())
    assert [run["status"] for run in table["runs"]] == ["done"] * 6
    stages = [Path(name).parent.parent.name for name in after]
    assert [stages.count(stage) for stage in ("tokenizer", "ar", "evaluator", "evaluate")] == [6, 6, 1, 6]
    assert all(row["figures"]["evaluate/facts"]["mean"] >= 0 for row in table["rows"])
    assert (folder / "plots.svg").read_text().startswith("<svg")
    assert "6 runs done, 0 failed, 0 not run." in output
    assert "table: " in output
    assert "plots: " in output
