"""Two processes, as torchrun, SLURM and Lightning start them: one folder, an orderly stop, a restart that goes on."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch

from helpers.launching import ended, free_port, start, wait_for, workers_of
from helpers.training import QUIET, fit, options, read

LONG = ["--trainer.max_steps=100000", "--trainer.devices=2", "--checkpoint.every_n_train_steps=1"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place whose data are built, by a run of one process."""
    place = tmp_path_factory.mktemp("lifecycle")
    fit("tokenizer", place / "first", place / "data", "--trainer.max_steps=1")
    return place


def words(place: Path, *more: str) -> list[str]:
    return ["tokenizer", "fit", *options("tokenizer", place / "data", batch=6), *QUIET, *more]


def test_one_process_is_told_and_all_stop(place: Path) -> None:
    """Lightning's own launcher: a scheduler signals the process that it has started, and no other."""
    folder, log = place / "told", place / "told.txt"
    command = [sys.executable, "-m", "scalemogen", *words(place, *LONG, f"--run={folder}")]
    process = start(command, place, log.name)
    last = folder / "checkpoints" / "last.ckpt"
    wait_for(last.exists, process, log)
    process.send_signal(signal.SIGTERM)
    status, said = ended(process, log)
    assert status == 128 + signal.SIGTERM, said
    (line,) = [line for line in said.splitlines() if line.startswith("stopped by SIGTERM after ")]
    assert read(last)["global_step"] == int(line.split()[4])
    assert "Traceback" not in said


def test_torchrun_goes_on_after_a_worker_was_killed(place: Path) -> None:
    """`--run` after `--` is ours; without it, torchrun's store names one folder for all attempts."""
    log, runs = place / "torchrun.txt", place / "runs" / "tokenizer"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=1"]
    process = start([*torchrun, "-m", "scalemogen", "--", *words(place, *LONG)], place, log.name)

    def steps() -> int:
        found = list(runs.glob("*/checkpoints/last.ckpt"))
        return int(read(found[0])["global_step"]) if found else 0

    wait_for(lambda: steps() > 0, process, log)
    os.kill(workers_of(process)[1], signal.SIGKILL)
    wait_for(lambda: "resume: " in log.read_text(), process, log)
    reached = steps()
    wait_for(lambda: steps() > reached, process, log)
    process.send_signal(signal.SIGTERM)
    _, said = ended(process, log)
    (run,) = runs.iterdir()
    assert said.count(f"resume: runs/tokenizer/{run.name}/checkpoints/last.ckpt") == 1, said
    assert "stopped by SIGTERM after " in said
    assert reached > 0


def test_torchrun_takes_a_named_folder(place: Path) -> None:
    """Before `--`, torchrun takes --run for an abbreviation of its own --run-path."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    few = ["--trainer.max_steps=1", "--trainer.devices=2"]
    command = [*torchrun, "-m", "scalemogen", "--", *words(place, *few), "--run", "named", "--resume"]
    process = start(command, place, "named.txt")
    status, said = ended(process, place / "named.txt")
    assert status == 0, said
    assert (place / "named" / "model").is_dir()


def slurm(rank: int, port: str, **more: str) -> dict[str, str]:
    """Return what srun sets for one of two tasks on this machine."""
    named = {"JOB_ID": "77", "STEP_ID": "0", "JOB_NAME": "train", "NODELIST": "localhost", "NODEID": "0"}
    named |= {"NTASKS": "2", "NTASKS_PER_NODE": "2", "PROCID": str(rank), "LOCALID": str(rank)}
    return {**{f"SLURM_{name}": value for name, value in named.items()}, "MASTER_PORT": port, **more}


def tasks(command: Sequence[str], place: Path, log: str, more: Mapping[str, str]) -> list[subprocess.Popen[bytes]]:
    port = free_port()
    return [start(command, place, f"{log}-{rank}.txt", **slurm(rank, port, **more)) for rank in range(2)]


def test_slurm_requeues_both_ranks(tmp_path: Path, place: Path) -> None:
    """With Lightning alone, rank 0 restored and rank 1 did not."""
    (tmp_path / "bin").mkdir()
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.write_text(f"#!/bin/sh\necho $* >> {tmp_path}/asked\n")
    scontrol.chmod(0o755)
    more = {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "scalemogen", *words(place, "--trainer.devices=2")]
    command.remove("--trainer.logger=false")
    command += ["--trainer.logger=lightning.pytorch.loggers.CSVLogger", "--trainer.logger.init_args.save_dir=csv"]
    first = tasks([*command, "--trainer.max_steps=100000", "--checkpoint.every_n_train_steps=1"], place, "slurm", more)
    last = place / "runs" / "tokenizer" / "slurm-77.0" / "checkpoints" / "last.ckpt"
    wait_for(last.exists, first[0], place / "slurm-0.txt")
    for process in first:
        process.send_signal(signal.SIGUSR1)
    for rank, process in enumerate(first):
        status, said = ended(process, place / f"slurm-{rank}.txt")
        assert status == 128 + signal.SIGUSR1, said
    assert (tmp_path / "asked").read_text() == "requeue 77\n"
    steps = int(read(last)["global_step"])
    again = tasks([*command, f"--trainer.max_steps={steps + 2}"], place, "again", {**more, "SLURM_RESTART_COUNT": "1"})
    for rank, process in enumerate(again):
        status, said = ended(process, place / f"again-{rank}.txt")
        assert status == 0, said
    assert read(last)["global_step"] == steps + 2
    assert [path.name for path in last.parents[2].glob("slurm-*")] == ["slurm-77.0"]


def test_two_processes_skip_a_step_together_and_log_their_mean(place: Path) -> None:
    """The loss of rank 1 is spoilt in one step: rank 0 leaves it out as well, or weights would drift apart."""
    folder, log = place / "spoilt", place / "spoilt.txt"
    spoiler = ["--trainer.callbacks+=helpers.training.SpoilLoss", "--trainer.callbacks.init_args.step=2"]
    spoiler += ["--trainer.callbacks.init_args.rank=1", "--trainer.callbacks+=helpers.training.Losses"]
    spoiler += [f"--trainer.callbacks.init_args.folder={folder}"]
    more = ["--trainer.devices=2", "--trainer.max_steps=4", "--trainer.log_every_n_steps=1", f"--run={folder}"]
    command = [sys.executable, "-m", "scalemogen", *words(place, *more, *spoiler)]
    command.remove("--trainer.logger=false")
    process = start(command, place, log.name)
    status, said = ended(process, log)
    assert status == 0, said
    assert "1 steps left out" in said
    with (folder / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("train/skipped")]
    assert [row["train/skipped"] for row in rows] == ["0.0", "1.0", "1.0", "1.0"]
    losses = [torch.load(folder / f"loss-{rank}.pt", weights_only=True) for rank in range(2)]
    for row, mine, other in zip(rows, *losses, strict=True):
        if row["step"] != "1":  # spoilt
            assert float(row["train/loss"]) == pytest.approx(float(mine + other) / 2, rel=1e-5)
            assert abs(float(mine - other)) > 1e-3  # of the first process alone, it once was
