"""Runs as processes: several at a time, each with its own log, all of them stopped when the sweep is."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from scalemogen.errors import UserError
from scalemogen.files import lock as take_lock
from scalemogen.sweeps.figures import read_figures, read_origin
from scalemogen.sweeps.jobs import LOG, Job, Outcome

POLL = 0.1
RESUME_VARIABLE = "SCALEMOGEN_RESUME"
"""Tells a training that it goes on where an earlier attempt was stopped: a sweep starts a run anew in its folder."""
STOPPED = frozenset({128 + signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGUSR1, 128 + signal.SIGUSR2})
"""Exit statuses of a run that was asked to stop: not done, and its checkpoint is there to go on from."""
GRACE = 20.0
"""Seconds that an interrupted run has to save what it has learned."""
TAIL = 12
"""Lines of a failed run's log that are shown."""


@contextmanager
def only_sweep_in(folder: Path) -> Iterator[int]:
    """Hold the folder of a sweep, and give the lock that its runs inherit: it lasts while any of them lives.

    A request to terminate counts as an interrupt meanwhile, so that runs are stopped too.

    Raises:
        UserError: another sweep, or a run that one has left behind, is at work there; or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o666)
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror or error}") from error
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        try:
            take_lock(lock, folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"{folder} is in use: another sweep, or a run it left behind, is at work there; wait or stop it"
            ) from error
        for number in before:  # runs, too, get an interrupt that a shell had told this background process to ignore
            signal.signal(number, signal.default_int_handler)
        yield lock
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(lock)


def run_jobs(jobs: Sequence[Job], parallel: int, lock: int) -> Generator[Outcome, None, None]:
    """Run jobs and yield each outcome when it is there; a failed run does not stop the others.

    Closing the iterator, or an interrupt, stops what is running: first with a request, after `GRACE` by force.

    Args:
        jobs: what to run.
        parallel: processes at a time; with several, each gets its share of the cores.
        lock: see `only_sweep_in`.
    """
    waiting = deque(jobs)
    running: dict[subprocess.Popen[bytes], tuple[Job, float]] = {}
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", RESUME_VARIABLE: "1"}
    if jobs:  # what W&B shows side by side
        environment.setdefault("WANDB_RUN_GROUP", jobs[0].folder.parent.name)
    if parallel > 1:
        environment.setdefault("OMP_NUM_THREADS", str(max(1, _cores() // parallel)))
    try:
        while waiting or running:
            while waiting and len(running) < parallel:
                job = waiting.popleft()
                running[_start(job, environment, lock)] = (job, time.monotonic())
            for process in [process for process in running if process.poll() is not None]:
                job, started = running.pop(process)
                yield _outcome(job, process.returncode, time.monotonic() - started)
            time.sleep(POLL)
    finally:
        _stop(list(running))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start(job: Job, environment: dict[str, str], lock: int) -> subprocess.Popen[bytes]:
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
        with (job.folder / LOG).open("wb") as log:
            return subprocess.Popen(
                job.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches the sweep alone, which stops its runs in order
                pass_fds=(lock,),
            )
    except OSError as error:
        raise UserError(f"cannot run {job.command[0]} in {job.folder}: {error.strerror or error}") from error


def _outcome(job: Job, status: int, seconds: float) -> Outcome:
    seconds = round(seconds, 1)
    if status:
        ended = f"exit status {status}" if status > 0 else f"ended by {signal.Signals(-status).name}"
        if status in STOPPED:
            ended = f"stopped by {signal.Signals(status - 128).name}; the next sweep goes on with it"
        return Outcome(job.digest, job.parameters, "failed", {}, seconds, "\n".join([*_tail(job), ended]))
    try:
        figures, origin = read_figures(job.folder), read_origin(job.folder)
        outcome = Outcome(job.digest, job.parameters, "done", figures, seconds, origin=origin)
    except UserError as error:
        return Outcome(job.digest, job.parameters, "failed", {}, seconds, str(error))
    outcome.keep(job.folder)
    return outcome


def _tail(job: Job) -> list[str]:
    """Return the last lines of a log; of a line that was overwritten, such as a progress bar's, its last state."""
    text = (job.folder / LOG).read_bytes().decode(errors="replace")
    lines = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n")]
    return [line for line in lines if line][-TAIL:]


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    alive = [process for process in processes if process.poll() is None]
    try:
        _signal(alive, signal.SIGINT)
        deadline = time.monotonic() + GRACE
        for process in alive:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
    finally:  # also when the user insists with a second Ctrl-C
        alive = [process for process in alive if process.poll() is None]
        _signal(alive, signal.SIGKILL)
        for process in alive:
            process.wait()


def _signal(processes: Sequence[subprocess.Popen[bytes]], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
