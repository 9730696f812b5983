"""Training that does not get on: who is to blame, and an end within the limit."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from helpers.launching import alive, ended, start, wait_for, workers_of
from helpers.training import QUIET, fit, options
from scalemogen.callbacks import Watch
from scalemogen.callbacks.watch import Note, behind
from scalemogen.errors import UserError

LIMIT = 8
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


def test_silent_ranks_are_named_with_what_they_did_last() -> None:
    before = [Note(8, 41, "the update of step 9"), Note(5, 40, "the backward pass of step 9"), Note(6, 41, "step 9")]
    after = [Note(11, 41, "the update of step 9"), Note(5, 40, "the backward pass of step 9"), Note(9, 41, "step 9")]
    assert behind(before, after) == "rank 1 does not answer, and was last in the backward pass of step 9"


def test_of_living_ranks_those_that_are_behind_are_named() -> None:
    before = [Note(8, 41, "the update of step 9"), Note(5, 40, "the backward pass of step 9"), Note(6, 41, "step 9")]
    after = [note._replace(beats=note.beats + 3) for note in before]
    assert behind(before, after) == "rank 1 is in the backward pass of step 9"


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
def test_a_limit_is_above_zero(limit: float) -> None:
    with pytest.raises(UserError, match=r"watch\.limit is"):
        Watch(limit)


@pytest.mark.slow
@pytest.mark.parametrize(("launcher", "stopped"), [("lightning", 1), ("torchrun", 0), ("torchrun", 1)])
def test_a_stopped_process_is_named_and_the_other_ends(tmp_path: Path, launcher: str, stopped: int) -> None:
    fit("tokenizer", tmp_path / "first", tmp_path / "data", "--trainer.max_steps=1")
    folder, log = tmp_path / "run", tmp_path / "log.txt"
    command = [*(TORCHRUN if launcher == "torchrun" else (sys.executable,)), "-m", "scalemogen"]
    command += ["--"] if launcher == "torchrun" else []
    command += ["tokenizer", "fit", *options("tokenizer", tmp_path / "data", batch=6), *QUIET, f"--run={folder}"]
    command += ["--trainer.devices=2", "--trainer.max_steps=100000", "--checkpoint.every_n_train_steps=5"]
    process = start([*command, f"--watch.limit={LIMIT}"], tmp_path, log.name)
    wait_for((folder / "checkpoints" / "last.ckpt").exists, process, log)
    workers = workers_of(process)
    victim = workers[stopped] if launcher == "torchrun" else workers[0]
    os.kill(victim, signal.SIGSTOP)
    begun = time.monotonic()
    try:
        wait_for(lambda: "scalemogen: error: training has not got on for 8 seconds" in log.read_text(), process, log)
        said_after = time.monotonic() - begun
        status, said = ended(process, log)
        assert not alive(victim)
    finally:
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    assert status == 1
    assert LIMIT - 1 < said_after < LIMIT * 4 / 3 + 3
    (line,) = [line for line in said.splitlines() if line.startswith("scalemogen: error: ")]
    behind = "rank 1 does not answer, and was last in the " if stopped else "rank 0, which keeps the store at "
    assert behind in line
