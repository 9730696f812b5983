"""Damaged files and requests of every kind: each is read, or refused in one line; none takes long or much memory.

Another process reads them, so that a crash, a hang or a full memory is a failure here and not the end of the tests. A
failure names its seed: `python -m helpers.fuzzing KIND --seed SEED --count 1` shows it alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
QUICK = {
    "bvh": 300, "npz": 60, "description": 40, "weights": 30, "checkpoint": 30, "table": 200, "store": 40, "yaml": 60,
    "sentences": 100, "requests": 60,
}  # fmt: skip
SLOW = {
    "bvh": 10_000, "npz": 1000, "description": 400, "weights": 300, "checkpoint": 300, "table": 8000, "store": 500,
    "yaml": 600, "sentences": 4000, "requests": 800, "recipe": 20,
}  # fmt: skip
PEAK_MB = 2000
"""Of a process that has torch, the readers and a tiny model in it, about 500; the rest is for one input."""


def fuzz(kind: str, count: int, seed: int, seconds: float) -> None:
    paths = [str(TESTS.parent / "src"), str(TESTS), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "helpers.fuzzing", kind, "--count", str(count), "--seed", str(seed)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1"},
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.stdout, done.stderr[-2000:]
    result = json.loads(done.stdout)
    assert not result["failures"], result["failures"]
    assert done.returncode == 0
    assert result.get("refused", 0) > 0  # else nothing was damaged
    assert result["peak_mb"] < PEAK_MB


@pytest.mark.parametrize("kind", QUICK)
def test_a_few_damaged_inputs_are_read_or_refused_in_one_line(kind: str) -> None:
    fuzz(kind, QUICK[kind], 0, 250)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", SLOW)
def test_many_damaged_inputs_are_read_or_refused_in_one_line(kind: str) -> None:
    fuzz(kind, SLOW[kind], 10_000, 1700)
