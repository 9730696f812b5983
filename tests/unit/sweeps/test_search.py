"""Points chosen by optuna, early ends, and that nothing is forgotten between two sweeps."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scalemogen.errors import UserError
from scalemogen.sweeps import Job, Outcome, Sweep, plan_job, run_jobs
from scalemogen.sweeps.description import Parameter
from scalemogen.sweeps.search import OptunaSearch, space

PROGRAM = """
import json, pathlib, sys
options = dict(word.removeprefix("--").split("=") for word in sys.argv[1:] if "=" in word)
score = (float(options["x"]) - 0.3) ** 2 + (options["kind"] != "b")
pathlib.Path(sys.argv[-1], "result.json").write_text(json.dumps({"figures": {"score": score}}))
"""
COURSE = """
import pathlib, sys, time
options = dict(word.removeprefix("--").split("=") for word in sys.argv[1:] if "=" in word)
folder = pathlib.Path(sys.argv[-1])
(folder / "metrics.csv").write_text("step,val/loss\\n")
for step in range(1, 9):
    with (folder / "metrics.csv").open("a") as file:
        file.write(f"{step},{float(options['x']) + 1 / step}\\n")
    if step == 4 and options["x"] == "9":
        time.sleep(60)
"""


def sweep(method: str = "bayes", parameters: Mapping[str, Any] | None = None, **more: Any) -> Sweep:
    parameters = parameters or {"x": {"min": 0.0, "max": 1.0}, "kind": {"values": ["a", "b"]}, "fixed": {"value": 3}}
    content = {"method": method, "parameters": parameters, "metric": {"name": "score"}, "program": "program.py"}
    return Sweep.model_validate({"command": [sys.executable, "-c", PROGRAM, "${args}"], **content, **more})


def known(search: OptunaSearch) -> tuple[list[Job], dict[str, Outcome]]:
    """Return twelve points and what came out of all but the last."""
    jobs: list[Job] = []
    outcomes: dict[str, Outcome] = {}
    for number in range(12):
        (job,) = search.more(jobs, outcomes)
        jobs.append(job)
        if number < 11:
            score = (job.parameters["x"] - 0.3) ** 2 + (job.parameters["kind"] != "b")
            outcomes[job.digest] = Outcome(job.digest, job.parameters, "done", {"score": score})
    return jobs, outcomes


def test_points_are_chosen_by_the_runs_before(tmp_path: Path) -> None:
    search = OptunaSearch(sweep(), tmp_path, 40, seed=0)
    jobs = search.more([], {})
    outcomes = {outcome.digest: outcome for outcome in run_jobs(jobs, 2, search)}
    assert len(outcomes) == 40
    assert {outcome.status for outcome in outcomes.values()} == {"done"}
    assert {outcome.parameters["fixed"] for outcome in outcomes.values()} == {3}
    points = [job.parameters for job in search.points()]
    assert len(points) == 40
    late = [point for point in points[20:] if point["kind"] == "b" and abs(point["x"] - 0.3) < 0.15]
    assert len(late) >= 10  # of 20; of random points there would be three
    assert search.more([plan_job(search.sweep, point, tmp_path) for point in points], outcomes) == []


def test_a_sweep_that_goes_on_knows_what_was_before(tmp_path: Path) -> None:
    first = OptunaSearch(sweep(), tmp_path, 13, seed=0)
    jobs, outcomes = known(first)
    again = OptunaSearch(sweep(), tmp_path, 13, seed=0)
    assert {job.digest for job in again.points()} == {job.digest for job in jobs}
    assert {job.digest for job in again.more(jobs[:9], outcomes)} == {job.digest for job in jobs[9:]}  # another's
    (next_one,) = again.more(jobs, outcomes)
    assert next_one.digest not in outcomes
    assert json.loads((next_one.folder / "point.json").read_text()) == next_one.parameters
    narrower = {"x": {"min": 0.0, "max": 0.5}, "kind": {"values": ["a", "b"]}, "fixed": {"value": 3}}
    inside = OptunaSearch(sweep(parameters=narrower), tmp_path, 13, seed=0).points()
    assert {job.digest for job in inside} == {job.digest for job in jobs if job.parameters["x"] <= 0.5}
    changed = OptunaSearch(sweep(parameters={"x": {"min": 0.0, "max": 1.0}}), tmp_path, 13, seed=0)
    assert changed.more([], {})[0].parameters.keys() == {"x"}


def test_nothing_is_left_to_try(tmp_path: Path) -> None:
    search = OptunaSearch(sweep(parameters={"x": {"values": [0.1, 0.2]}, "kind": {"value": "a"}}), tmp_path, 9, seed=0)
    assert {outcome.parameters["x"] for outcome in run_jobs([], 1, search)} == {0.1, 0.2}


@pytest.mark.parametrize("kind", ["hyperband", "median"])
def test_a_run_that_falls_behind_is_ended(tmp_path: Path, kind: str) -> None:
    early = {"type": kind, "min_iter": 2, **({"eta": 2} if kind == "hyperband" else {})}
    behind = sweep(
        "grid",
        {"x": {"values": [1, 2, 3, 9]}},
        metric={"name": "val/loss"},
        early_terminate=early,
        command=[sys.executable, "-c", COURSE, "${args}"],
    )
    search = OptunaSearch(behind, tmp_path, None, seed=0)
    jobs = [plan_job(behind, {"x": x}, tmp_path) for x in (1, 2, 3, 9)]
    outcomes = {outcome.parameters["x"]: outcome for outcome in run_jobs(jobs, 1, search)}
    assert {x: outcome.status for x, outcome in outcomes.items()} == {1: "done", 2: "done", 3: "done", 9: "stopped"}
    assert outcomes[9].figures == {"val/loss": 9.25}
    assert [outcome.status for outcome in run_jobs(jobs, 1, search)].count("stopped") == 1  # not tried again


def test_distributions() -> None:
    def make(**fields: Any) -> Parameter:
        return Parameter.model_validate(fields)

    found = space(
        {
            "a": make(values=[[1, 2], "x"]),
            "b": make(min=1, max=5),
            "c": make(distribution="log_uniform_values", min=1e-5, max=1e-1),
            "d": make(distribution="log_uniform", min=-2.0, max=1.0),
            "e": make(value=3),
        }
    )
    assert found.keys() == {"a", "b", "c", "d"}
    assert [(found[name].low, found[name].high, found[name].log) for name in "bcd"] == [  # type: ignore[attr-defined]
        (1, 5, False),
        (1e-5, 1e-1, True),
        (math.exp(-2.0), math.exp(1.0), True),
    ]
    with pytest.raises(UserError, match=r"parameters\.f: method bayes cannot go over normal"):
        space({"f": make(distribution="normal")})
