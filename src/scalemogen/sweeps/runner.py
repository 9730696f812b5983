"""The runs of a sweep, several at a time, by any number of runners over one folder."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Container, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from subprocess import TimeoutExpired
from typing import Protocol

from scalemogen.sweeps.attempts import SIGNALLED, Attempt, busy, claim, holder, judge, left_behind, read_status, start
from scalemogen.sweeps.jobs import Job, Outcome, read_outcome

POLL, LOOK = 0.1, 1.0
"""Seconds between two looks at the own runs, and at those of others."""
RESUME_VARIABLE = "SCALEMOGEN_RESUME"
"""Tells a training that it goes on where an earlier attempt was stopped: a sweep starts a run anew in its folder."""
GRACE = 20.0
"""Seconds that an interrupted run has to save what it has learned."""
TASK_VARIABLES = ("SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID")
"""By these a run would take itself for one process of the job step that the sweep is started in."""
ATTEMPTS = 2
"""Starts of a run that is stopped or killed, by one sweep."""


class Search(Protocol):
    """What a sweep decides by the runs it has seen; see `search.OptunaSearch`.

    Attributes:
        count: runs that there will be, None if no points are added.
    """

    count: int | None

    def more(self, jobs: Sequence[Job], outcomes: Mapping[str, Outcome]) -> list[Job]:
        """Return runs that are to be added: found in the folder, or one new point; none when there are enough."""
        ...

    def hopeless(self, jobs: Sequence[Job], outcomes: Mapping[str, Outcome]) -> set[str]:
        """Return the digests of unfinished runs that are to be ended."""
        ...


@contextmanager
def orderly() -> Iterator[None]:
    """Take a request to terminate as an interrupt meanwhile, so that runs are stopped too."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:  # runs, too, get an interrupt that a shell had told this background process to ignore
            signal.signal(number, signal.default_int_handler)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_jobs(
    jobs: Sequence[Job], parallel: int, search: Search | None = None, say: Callable[[str], None] | None = None
) -> Generator[Outcome, None, None]:
    """Do the runs that are not finished, and yield each outcome when it is there; a failed run does not stop others.

    A run that another runner is at, or that a killed one has left behind, is waited for: whoever gets its lock when
    its last process has ended takes its result, or goes on with it. A run that is stopped or killed is started again
    once. Closing the iterator, or an interrupt, stops the runs that were started here: first with a request, after
    `GRACE` by force.

    Args:
        jobs: all runs of the sweep.
        parallel: processes at a time; with several, each gets its share of the cores.
        search: adds points and ends runs early; None for neither.
        say: is told which runs are waited for.

    Raises:
        UserError: a command that is not there, a folder that cannot be written.
    """
    yield from _Runner(jobs, parallel, search).run(say or str)


class _Runner:
    def __init__(self, jobs: Sequence[Job], parallel: int, search: Search | None) -> None:
        self.jobs, self.parallel, self.search = list(jobs), parallel, search
        self.outcomes: dict[str, Outcome] = {}
        self.open = list(jobs)  # without outcome
        self.before = {job.digest: read_outcome(job) for job in jobs}  # failed ones are tried again
        self.starts: dict[str, int] = {}
        self.own: list[Attempt] = []
        self.environment = {name: value for name, value in os.environ.items() if name not in TASK_VARIABLES}
        self.environment |= {"PYTHONUNBUFFERED": "1", RESUME_VARIABLE: "1"}
        if jobs:  # what W&B shows side by side
            self.environment.setdefault("WANDB_RUN_GROUP", jobs[0].folder.parent.name)
        if parallel > 1:
            self.environment.setdefault("OMP_NUM_THREADS", str(max(1, _cores() // parallel)))

    def run(self, say: Callable[[str], object]) -> Generator[Outcome, None, None]:
        looked, told = -LOOK, set[str]()
        try:
            while True:
                ended = list(self._own_ended())
                yield from ended
                if ended or time.monotonic() - looked >= LOOK:
                    yield from self._others_ended()
                    self._fill()
                    self._end_early()
                    looked = time.monotonic()
                    for job in self._waited_for(told):
                        told.add(job.digest)
                        say(f"waiting for run {job.digest}, at work: {holder(job)}")
                if not self.open:
                    return
                time.sleep(POLL)
        finally:
            _stop(self.own)

    def _own_ended(self) -> Iterator[Outcome]:
        for attempt in [attempt for attempt in self.own if attempt.process.poll() is not None]:
            self.own.remove(attempt)
            job, status = attempt.job, read_status(attempt.job)
            interrupted = (status is None or status > SIGNALLED) and not attempt.early
            if interrupted and self.starts[job.digest] < ATTEMPTS:
                continue  # stays open
            yield self._close(job, judge(job, status, attempt.early))

    def _others_ended(self) -> Iterator[Outcome]:
        for job in self._idle():
            outcome = read_outcome(job)
            if outcome is not None and (outcome.ended or outcome != self.before.get(job.digest)):
                yield self._close(job, outcome)

    def _fill(self) -> None:
        """Start what nobody is at, as far as there is room: runs left behind on this machine take theirs."""
        room = self.parallel - sum(left_behind(job) for job in self._idle())
        while len(self.own) < room:
            if not any(self._take(job) for job in self._idle()):
                new = [] if self.search is None else self.search.more(self.jobs, self.outcomes)
                if not new:
                    return
                self.jobs += new
                self.open += new

    def _take(self, job: Job) -> bool:
        """Start a run, unless another process is at it or has just finished it."""
        held = claim(job)
        if held is None:
            return False
        try:
            outcome = read_outcome(job)
            if outcome is not None and (outcome.ended or outcome != self.before.get(job.digest)):
                return False
            if read_status(job) == 0:  # finished after its runner had been killed
                judge(job, 0)
                return False
            self.own.append(start(job, held, self.environment))
            self.starts[job.digest] = self.starts.get(job.digest, 0) + 1
            return True
        finally:
            os.close(held)  # the processes of the run hold it now

    def _end_early(self) -> None:
        if self.search is not None and self.own:
            hopeless = self.search.hopeless(self.jobs, self.outcomes)
            self.own = [
                attempt.end_early() if attempt.job.digest in hopeless and not attempt.early else attempt
                for attempt in self.own
            ]

    def _waited_for(self, told: Container[str]) -> list[Job]:
        return [] if self.own else [job for job in self._idle() if job.digest not in told and busy(job)]

    def _idle(self) -> list[Job]:
        mine = {attempt.job.digest for attempt in self.own}
        return [job for job in self.open if job.digest not in mine]

    def _close(self, job: Job, outcome: Outcome) -> Outcome:
        self.open.remove(job)
        self.outcomes[job.digest] = outcome
        return outcome


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _stop(attempts: Sequence[Attempt]) -> None:
    try:
        _each(attempts, lambda attempt: attempt.signal(signal.SIGINT))
        deadline = time.monotonic() + GRACE
        for attempt in attempts:
            with suppress(TimeoutExpired):
                attempt.process.wait(max(0.0, deadline - time.monotonic()))
    finally:  # also when the user insists with a second Ctrl-C
        _each(attempts, lambda attempt: attempt.signal(signal.SIGKILL))
        for attempt in attempts:
            attempt.process.wait()


def _each(attempts: Sequence[Attempt], act: Callable[[Attempt], None]) -> None:
    for attempt in attempts:
        if attempt.process.poll() is None:
            act(attempt)
