"""One attempt at a run: a process that holds the run's lock, and leaves its exit status even if nobody waits for it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from scalemogen.errors import UserError
from scalemogen.files import lock
from scalemogen.sweeps.figures import read_figures, read_origin
from scalemogen.sweeps.jobs import LOG, Job, Outcome

CLAIM, STATUS = ".claim", ".status"
KEEPER = 'trap : HUP INT TERM USR1 USR2; "$@"; echo $? >"$0.new" && mv "$0.new" "$0"'
"""Runs a command and writes down its exit status: a shell, so that a runner that is killed loses nothing."""
SIGNALLED = 128
"""Exit statuses above are those of signals: the run was stopped or killed, and did not fail by itself."""
STOPPED = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2})
"""Signals that ask a run to stop: its checkpoint is there to go on from."""
TAIL = 12
"""Lines of a failed run's log that are shown."""


@dataclass(frozen=True)
class Attempt:
    """A process at work on a run.

    Attributes:
        job: the run.
        process: of the shell that keeps the status, leader of a process group of its own.
        early: whether it was told to end because it falls behind.
    """

    job: Job
    process: subprocess.Popen[bytes]
    early: bool = False

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def end_early(self) -> Attempt:
        """Ask it to stop, and remember why."""
        self.signal(signal.SIGTERM)
        return replace(self, early=True)


def claim(job: Job) -> int | None:
    """Return the lock of a run, None where another process holds it.

    The processes of an attempt inherit it, so it is held while any of them lives, whoever started them; the file system
    frees it when they or their machine die.

    Raises:
        UserError: the folder cannot be written, or its file system has no locks.
    """
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(job.folder / CLAIM, os.O_CREAT | os.O_RDWR, 0o666)
    except OSError as error:
        raise UserError(f"cannot write {job.folder}: {error.strerror or error}") from error
    try:
        lock(descriptor, job.folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except UserError:
        os.close(descriptor)
        raise
    return descriptor


def busy(job: Job) -> bool:
    """Return whether a process is at work on a run, here or elsewhere."""
    if not (job.folder / CLAIM).exists():
        return False
    held = claim(job)
    if held is not None:
        os.close(held)
    return held is None


def left_behind(job: Job) -> bool:
    """Return whether a run is at work on this machine whose runner has been killed."""
    claimed = _read_claim(job)
    return claimed.get("host") == socket.gethostname() and not _alive(claimed["runner"]) and busy(job)


def holder(job: Job) -> str:
    """Return who was last at work on a run: machine and process group."""
    claimed = _read_claim(job)
    return f"{claimed['host']}, process group {claimed['group']}" if claimed else "about to start"


def start(job: Job, held: int, environment: Mapping[str, str]) -> Attempt:
    """Start a run whose lock is held.

    Raises:
        UserError: there is no such program, or the folder cannot be written.
    """
    if shutil.which(job.command[0]) is None:
        raise UserError(f"cannot run {job.command[0]}: there is no such program")
    spent = seconds(job)
    try:
        (job.folder / STATUS).unlink(missing_ok=True)
        with (job.folder / LOG).open("wb") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", KEEPER, str(job.folder / STATUS), *job.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches the sweep alone, which stops its runs in order
                pass_fds=(held,),
            )
        os.truncate(held, 0)
        facts = {"host": socket.gethostname(), "group": process.pid, "runner": os.getpid(), "spent": spent}
        os.pwrite(held, json.dumps(facts).encode(), 0)
    except OSError as error:
        raise UserError(f"cannot run {job.command[0]} in {job.folder}: {error.strerror or error}") from error
    return Attempt(job, process)


def read_status(job: Job) -> int | None:
    """Return the exit status that the last attempt has left, None if it was killed with the shell that kept it."""
    try:
        return int((job.folder / STATUS).read_text())
    except (OSError, ValueError):
        return None


def judge(job: Job, status: int | None, early: bool = False) -> Outcome:
    """Return and keep what came out of an attempt that has ended.

    Args:
        job: the run.
        status: its exit status; see `read_status`.
        early: whether it was told to end.

    Raises:
        UserError: the outcome cannot be written.
    """
    took = seconds(job)
    ended = early and status != 0  # one that was about to finish anyway has finished
    if status == 0 or ended:
        try:
            figures, origin = read_figures(job.folder), read_origin(job.folder)
            message = "ended early: it fell behind the others" if ended else ""
            kind: Literal["stopped", "done"] = "stopped" if ended else "done"
            outcome = Outcome(job.digest, job.parameters, kind, figures, took, message, origin)
        except UserError as error:
            outcome = Outcome(job.digest, job.parameters, "failed", {}, took, str(error))
    else:
        outcome = Outcome(job.digest, job.parameters, "failed", {}, took, "\n".join([*_tail(job), _reason(status)]))
    outcome.keep(job.folder)
    with suppress(OSError):
        (job.folder / STATUS).unlink()
    return outcome


def _reason(status: int | None) -> str:
    if status is None:
        return "killed"
    try:
        number = signal.Signals(status - SIGNALLED)
    except ValueError:
        return f"exit status {status}"
    if number in STOPPED:
        return f"stopped by {number.name}; the next sweep goes on with it"
    return f"ended by {number.name}"


def seconds(job: Job) -> float:
    """Return how long a run has been worked on, in all its attempts; 0 for one that nobody has begun."""
    claimed = _read_claim(job)
    if not claimed:
        return 0.0
    begun = (job.folder / CLAIM).stat().st_mtime
    ends = [path.stat().st_mtime for path in (job.folder / STATUS, job.folder / LOG) if path.exists()]
    return round(float(claimed["spent"]) + max(0.0, *(end - begun for end in ends[:1])), 1)


def _read_claim(job: Job) -> dict[str, Any]:
    try:
        content = json.loads((job.folder / CLAIM).read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and "spent" in content else {}


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _tail(job: Job) -> Sequence[str]:
    """Return the last lines of a log; of a line that was overwritten, such as a progress bar's, its last state."""
    try:
        text = (job.folder / LOG).read_bytes().decode(errors="replace")
    except OSError:
        return []
    lines = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n")]
    return [line for line in lines if line][-TAIL:]
