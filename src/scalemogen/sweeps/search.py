"""Points and early ends that depend on the runs before, by optuna. Nothing is kept but the folders of the runs.

Whatever is decided is decided anew from the outcomes and metrics there, so a sweep that was killed goes on with the
same knowledge, and runners on several machines share theirs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial, TrialState

from scalemogen.errors import UserError
from scalemogen.files import atomic_path
from scalemogen.sweeps.description import Parameter, Sweep
from scalemogen.sweeps.figures import read_course
from scalemogen.sweeps.jobs import Job, Outcome, plan_job

POINT = "point.json"
TRIES = 20
"""Proposals in a row that stand already, after which there is nothing left to try."""


class OptunaSearch:
    """Chooses points by TPE (method "bayes") and ends runs that fall behind (`early_terminate`).

    Args:
        sweep: the file, with a metric.
        folder: of the sweep.
        count: runs, for "bayes"; None adds no points.
        seed: of the proposals.
    """

    def __init__(self, sweep: Sweep, folder: Path, count: int | None, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.sweep, self.folder, self.count, self.seed = sweep, folder, count, seed
        self.space = {} if count is None else space(sweep.parameters)

    def more(self, jobs: Sequence[Job], outcomes: Mapping[str, Outcome]) -> list[Job]:
        """Return points that are in the folder and not among the jobs; else one new point, if there are too few."""
        if self.count is None:
            return []
        known = {job.digest for job in jobs}
        found = [job for job in self.points() if job.digest not in known]
        if found or len(jobs) >= self.count:
            return found
        for attempt in range(TRIES):
            study, _ = self._study(jobs, outcomes, self.seed + len(jobs) + 1000 * attempt)
            job = plan_job(self.sweep, self._values(study.ask(self.space)), self.folder)
            if job.digest not in known:
                job.folder.mkdir(parents=True, exist_ok=True)
                with atomic_path(job.folder / POINT) as temporary:
                    temporary.write_text(json.dumps(job.parameters))
                return [job]
        return []

    def points(self) -> list[Job]:
        """Return the points that have been chosen, by this runner or another, in the order of their choice."""
        jobs = []
        for path in sorted(self.folder.glob(f"*/{POINT}"), key=lambda path: path.stat().st_mtime):
            point = json.loads(path.read_text())
            job = plan_job(self.sweep, point, self.folder)
            if job.folder == path.parent and self._has(point):  # else the sweep's file was another one then
                jobs.append(job)
        return jobs

    def hopeless(self, jobs: Sequence[Job], outcomes: Mapping[str, Outcome]) -> set[str]:
        """Return the digests of unfinished runs that fall behind."""
        if self.sweep.early_terminate is None:
            return set()
        return self._study(jobs, outcomes, self.seed)[1]

    def _study(self, jobs: Sequence[Job], outcomes: Mapping[str, Outcome], seed: int) -> tuple[optuna.Study, set[str]]:
        """Tell a new study all that is known; returns it, and the unfinished runs that fall behind."""
        metric = self.sweep.metric
        assert metric is not None
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
        study = optuna.create_study(sampler=sampler, pruner=self._pruner(), direction=metric.goal)
        trials: dict[str, Trial] = {}
        for job in jobs:
            study.enqueue_trial(self._choices(job.parameters))
            trials[job.digest] = study.ask(self.space)
        courses = {job.digest: read_course(job.folder, metric.name) for job in jobs}
        ended = {digest: trial for digest, trial in trials.items() if digest in outcomes}
        running = {digest: trial for digest, trial in trials.items() if digest not in outcomes}
        _replay(ended, courses)
        for digest, trial in ended.items():
            _tell(study, trial, outcomes[digest], metric.name)
        return study, _replay(running, courses)

    def _has(self, point: Mapping[str, Any]) -> bool:
        """Return whether a point is one of the sweep as it is now."""
        parameters = self.sweep.parameters
        return point.keys() == parameters.keys() and all(_allows(parameters[name], point[name]) for name in point)

    def _pruner(self) -> optuna.pruners.BasePruner:
        early = self.sweep.early_terminate
        if early is None:
            return optuna.pruners.NopPruner()
        if early.type == "median":
            return optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=early.first - 1)
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=early.first, reduction_factor=early.eta)

    def _choices(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return a point as optuna takes it: choices as JSON, and nothing of what does not vary."""
        return {name: _choice(kind, parameters[name]) for name, kind in self.space.items()}

    def _values(self, trial: Trial) -> dict[str, Any]:
        """Return optuna's choice as a point."""
        return {
            name: _value(parameter, trial.params[name]) if name in self.space else parameter.value
            for name, parameter in self.sweep.parameters.items()
        }


def space(parameters: Mapping[str, Parameter]) -> dict[str, BaseDistribution]:
    """Return the distributions of the parameters that vary.

    Raises:
        UserError: a distribution without bounds.
    """
    found: dict[str, BaseDistribution] = {}
    for name, parameter in parameters.items():
        kind, low, high = parameter.kind, parameter.min or 0, parameter.max or 0
        if kind == "categorical":
            found[name] = CategoricalDistribution([json.dumps(value) for value in parameter.values or ()])
        elif kind == "int_uniform":
            found[name] = IntDistribution(int(low), int(high))
        elif kind.endswith("normal"):
            raise UserError(f"parameters.{name}: method bayes cannot go over {kind}; give min and max")
        elif kind == "log_uniform":
            found[name] = FloatDistribution(math.exp(low), math.exp(high), log=True)
        elif kind != "constant":
            found[name] = FloatDistribution(low, high, log="log_" in kind)
    return found


def _allows(parameter: Parameter, value: Any) -> bool:
    if parameter.kind in ("constant", "categorical"):
        return value in (parameter.values or [parameter.value])
    (kind,) = space({"": parameter}).values()
    slack = parameter.q if parameter.kind.startswith("q_") else 0.0
    assert isinstance(kind, IntDistribution | FloatDistribution)
    return bool(kind.low - slack <= value <= kind.high + slack)


def _replay(trials: Mapping[str, Trial], courses: Mapping[str, Sequence[float]]) -> set[str]:
    """Report what runs have logged, as if all had begun together; returns those that fall behind."""
    behind: set[str] = set()
    for step in range(max((len(courses[digest]) for digest in trials), default=0)):
        for digest, trial in trials.items():
            if step < len(courses[digest]) and digest not in behind:
                trial.report(courses[digest][step], step + 1)
                behind |= {digest} if trial.should_prune() else set()
    return behind


def _tell(study: optuna.Study, trial: Trial, outcome: Outcome, metric: str) -> None:
    value = outcome.figures.get(metric)
    if outcome.status == "failed" or value is None:
        study.tell(trial, state=TrialState.FAIL)
    elif outcome.status == "stopped":
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, value)


def _choice(kind: BaseDistribution, value: Any) -> Any:
    """Return a value as optuna takes it; one that was rounded may lie just outside."""
    if isinstance(kind, FloatDistribution):
        return min(max(value, kind.low), kind.high)
    return json.dumps(value) if isinstance(kind, CategoricalDistribution) else value


def _value(parameter: Parameter, chosen: Any) -> Any:
    if parameter.kind == "categorical":
        return json.loads(chosen)
    return round(chosen / parameter.q) * parameter.q if parameter.kind.startswith("q_") else chosen
