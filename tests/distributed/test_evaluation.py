"""An evaluation on two processes gives the numbers of one, to the last digit."""

from __future__ import annotations

import json
from pathlib import Path

from helpers.evaluation import evaluate_on_rank, make_subject
from helpers.processes import run_processes


def test_two_processes_give_the_numbers_of_one(tmp_path: Path) -> None:
    make_subject(tmp_path)
    first, second = run_processes(2, tmp_path, evaluate_on_rank, str(tmp_path))
    alone = evaluate_on_rank(0, str(tmp_path))
    assert json.loads(first) == json.loads(second)
    assert json.loads(first) == json.loads(alone)
