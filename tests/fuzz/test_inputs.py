"""Damaged files and requests of every kind: each is read, or refused in one line; none takes long or much memory.

Another process reads them, so that a crash, a hang or a full memory is a failure here and not the end of the tests. A
failure names its seed: `python -m helpers.fuzzing KIND=1 --seed SEED` shows it alone.
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
    "bvh": 200, "npz": 40, "description": 30, "weights": 20, "checkpoint": 20, "table": 100, "store": 20, "yaml": 40,
    "sentences": 50, "requests": 40,
}  # fmt: skip
SLOW = {
    "bvh": 10_000, "npz": 1000, "description": 400, "weights": 300, "checkpoint": 300, "table": 8000, "store": 500,
    "yaml": 600, "sentences": 4000, "requests": 800, "recipe": 20,
}  # fmt: skip
PEAK_MB = 2000
"""Of a process that has torch, the readers and a tiny model in it, about 500; the rest is for one input."""


def fuzz(counts: dict[str, int], seed: int, seconds: float) -> None:
    paths = [str(TESTS.parent / "src"), str(TESTS), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "helpers.fuzzing", "--seed", str(seed)),
            *(f"{kind}={count}" for kind, count in counts.items()),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1"},
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result["kind"] for result in results] == list(counts), done.stderr[-2000:]
    for result in results:
        assert not result["failures"], (result["kind"], result["failures"])
        assert result.get("refused", 0) > 0, result  # else nothing was damaged
        assert result["peak_mb"] < PEAK_MB, result
    assert done.returncode == 0


def test_a_few_damaged_inputs_of_every_kind_are_read_or_refused_in_one_line() -> None:
    fuzz(QUICK, 0, 280)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", SLOW)
def test_many_damaged_inputs_are_read_or_refused_in_one_line(kind: str) -> None:
    fuzz({kind: SLOW[kind]}, 10_000, 1700)
