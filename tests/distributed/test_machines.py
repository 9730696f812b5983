"""Two machines (network namespaces) with torchrun and a real SLURM: lost processes, networks and machines."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.launching import alive, ended, wait_for, workers_of
from helpers.machines import NAMES, Machines, Slurm, slurm, two_machines
from helpers.source import ROOT
from helpers.training import QUIET, TINY, fit, options, read

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SCRIPTS = ROOT / "experiments" / "cluster"
PORT = 29999
WAITING = ("PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "REQUEUED")


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    with two_machines(tmp_path) as machines:
        yield machines


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """The options of a small training whose data are built."""
    fit("tokenizer", tmp_path / "first", tmp_path / "data", "--trainer.max_steps=1")
    return [*options("tokenizer", tmp_path / "data", batch=6), *QUIET, "--checkpoint.every_n_train_steps=5"]


def torchrun(
    machines: Machines, name: str, place: Path, *command: str, restarts: int = 0, **variables: str
) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1", "--rdzv-backend=c10d"]
    words += [f"--max-restarts={restarts}", "--rdzv-id=1", f"--rdzv-endpoint=node1:{PORT}", "-m", "scalemogen", "--"]
    return machines.start(name, [*words, *command], place, place / f"{name}.txt", **variables)


def steps(folder: Path) -> int:
    last = folder / "checkpoints" / "last.ckpt"
    return int(read(last)["global_step"]) if last.exists() else 0


@pytest.mark.parametrize("lost", ["rank", "machine"])
def test_what_is_lost_is_at_most_the_work_since_the_last_checkpoint(
    tmp_path: Path, machines: Machines, words: list[str], lost: str
) -> None:
    """The worker of node2 is killed; or node2 with all that runs there, and it is started again."""
    command = ["tokenizer", "fit", *words, "--run=run", "--resume", "--trainer.devices=1", "--trainer.num_nodes=2"]
    command += ["--trainer.max_steps=100000"]
    apart = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"} if lost == "machine" else {}  # as torchrun.sbatch has it
    first, second = (torchrun(machines, name, tmp_path, *command, restarts=3, **apart) for name in NAMES)
    log, run = tmp_path / "node1.txt", tmp_path / "run"
    wait_for(lambda: steps(run) >= 10, first, log)
    if lost == "rank":
        os.kill(workers_of(second)[0], signal.SIGKILL)
    else:
        for pid in [*workers_of(second), second.pid]:
            os.kill(pid, signal.SIGKILL)
        second.wait()
    reached = steps(run)
    if lost == "machine":
        second = torchrun(machines, "node2", tmp_path, *command, restarts=3, **apart)
    wait_for(lambda: "resume: " in log.read_text(), first, log)
    (line,) = [line for line in log.read_text().splitlines() if line.startswith("resume: ")]
    assert int(line.split("(")[1].split()[0]) >= reached
    wait_for(lambda: steps(run) > reached + 5, first, log)
    first.send_signal(signal.SIGTERM)
    _, said = ended(first, log)
    assert "stopped by SIGTERM after " in said


def test_a_pulled_cable_ends_both_sides(tmp_path: Path, machines: Machines, words: list[str]) -> None:
    command = ["tokenizer", "fit", *words, "--run=run", "--trainer.devices=1", "--trainer.num_nodes=2"]
    command += ["--trainer.max_steps=100000", "--watch.limit=10"]
    processes = [torchrun(machines, name, tmp_path, *command) for name in NAMES]
    log = tmp_path / "node1.txt"
    wait_for(lambda: steps(tmp_path / "run") >= 10, processes[0], log)
    trainings = [workers_of(process)[0] for process in processes]
    machines.link("node2", "down")
    begun = time.monotonic()
    status, said = ended(processes[0], log)
    assert status == 1
    assert "watch.limit): rank 1 does not answer, and was last in " in said
    assert time.monotonic() - begun < 40
    # The agent of node2 waits for its store on node1, but its training has ended, too.
    assert not any(alive(training) for training in trainings)
    assert "watch.limit): rank 0, which keeps the store at " in (tmp_path / "node2.txt").read_text()


@pytest.fixture
def cluster(machines: Machines) -> Iterator[Slurm]:
    with slurm(machines) as started:
        yield started


def submit(cluster: Slurm, place: Path, *command: str, **variables: str) -> str:
    """Submit a shipped script on both machines; returns the job's number."""
    variables |= {"VENV": str(Path(sys.prefix)), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return cluster.run("sbatch", "--parsable", *command, place=place, **variables).strip()


def wait(cluster: Slurm, job: str, what: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + 240
    while not what():
        assert time.monotonic() < deadline, f"{cluster.job(job)}\n{log.read_text()[-3000:] if log.exists() else ''}"
        time.sleep(0.5)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Where jobs are submitted: the scripts name files of the checkout."""
    place = tmp_path / "checkout"
    place.mkdir()
    (place / "experiments").symlink_to(ROOT / "experiments")
    return place


@pytest.mark.parametrize("script", ["train.sbatch", "torchrun.sbatch"])
def test_a_job_that_is_told_its_time_is_over_goes_on_in_its_folder(
    checkout: Path, cluster: Slurm, words: list[str], script: str
) -> None:
    more = ["tokenizer", *words, "--trainer.max_steps=100000", "--trainer.accelerator=cpu"]
    job = submit(cluster, checkout, "--nodes=2", str(SCRIPTS / script), *more, PROCESSES="1")
    run, log = checkout / "runs" / "tokenizer" / f"slurm-{job}", checkout / f"slurm-{job}.out"
    wait(cluster, job, lambda: steps(run) >= 10, log)
    cluster.run("scancel", "--signal=USR1", job)
    wait(cluster, job, lambda: (found := cluster.job(job))["Restarts"] == "1" and found["JobState"] == "PENDING", log)
    reached = steps(run)
    cluster.run("scontrol", "update", f"jobid={job}", "StartTime=now")
    wait(cluster, job, lambda: steps(run) > reached + 5, log)
    cluster.run("scancel", job)
    said = log.read_text()
    assert f"stopped by SIGUSR1 after {reached} steps" in said
    assert f"({reached} steps)" in said
    assert [path.name for path in run.parent.iterdir()] == [run.name]
    for restart in (0, 1):
        written = (run / f"environment-{restart}.txt").read_text()
        assert "\ntorch==" in written
        assert f"SLURM_JOB_ID={job}\n" in written


def test_doctor_looks_at_a_job(checkout: Path, cluster: Slurm) -> None:
    command = [sys.executable, "-m", "scalemogen", "doctor", "--cluster", "--json", "--timeout=60"]
    log = checkout / "out.txt"
    job = submit(
        cluster, checkout, "--nodes=2", "--ntasks-per-node=1", "--output=out.txt", f"--wrap=srun {' '.join(command)}"
    )
    wait(cluster, job, lambda: cluster.job(job)["JobState"] in ("COMPLETED", "FAILED"), log)
    text = log.read_text()
    report = json.loads(text[text.index("{") : text.rindex("}") + 1])
    states = {check["name"]: check["state"] for check in report["checks"]}
    assert report["healthy"], text
    assert states.keys() >= {"processes", "torch", "commit", "cpu sums", "shared folder", "locks", "clocks", "disk"}
    assert report["checks"][0]["detail"] == "2 of 2: node1 (1), node2 (1)"


def at_toy_size(words: list[str], root: Path) -> list[str]:
    """Return a line of the page for two machines without GPUs: a process each, and tiny networks on few clips."""
    flags = words[: (place := next(number for number, word in enumerate(words) if word.endswith(".sbatch")))]
    kept = [f"{name}={value}" for name, value in zip(flags[1::2], flags[2::2], strict=True) if "gpus" not in name]
    kept = ["--ntasks-per-node=1" if "ntasks" in word else word for word in kept]
    script, *rest = words[place:]
    steps = ["trainer.max_steps=2", "trainer.val_check_interval=2", "trainer.check_val_every_n_epoch=null"]
    tiny = {stage: [*options(stage, root)[2:], *QUIET, *(f"--{step}" for step in steps)] for stage in TINY}
    if script.endswith("evaluate.sbatch"):
        rest += ["--split=train", "--repeats=1", "--pool=4", "--no-multimodality"]
    elif script.endswith("sweep.sbatch"):
        sets = [word.removeprefix("--") for word in tiny["tokenizer"] if "=" in word[:-1] and "logger" not in word]
        rest += ["--count=2", *(word for pair in sets for word in ("--set", pair))]
    else:
        rest = shlex.split(shlex.join(rest).replace("--config experiments/trainer/gpu.yaml", "")) + tiny[rest[0]]
    return [words[0], *kept, script, *rest]


def test_each_job_of_the_page_runs(tmp_path: Path, checkout: Path, cluster: Slurm) -> None:
    text = (ROOT / "docs" / "cluster.md").read_text()
    jobs = [shlex.split(line) for line in text.splitlines() if line.startswith("sbatch ")]
    for number, words in enumerate(jobs, 1):
        command = at_toy_size(words, checkout / "data")
        command = [
            str(next((checkout / "data").glob("synthetic-*"))) if word == "data/STORE" else word for word in command
        ]
        assert submit(cluster, checkout, *command[1:], PROCESSES="1") == str(number)
        log = checkout / f"slurm-{number}.out"
        wait(cluster, str(number), lambda job=str(number): cluster.job(job)["JobState"] not in WAITING, log)
        assert cluster.job(str(number))["JobState"] == "COMPLETED", log.read_text()[-3000:]
    for name in re.findall(r"`(runs/[\w/.-]+\.(?:html|md))`", text):
        assert (checkout / name).is_file()
