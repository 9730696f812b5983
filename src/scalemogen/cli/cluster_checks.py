"""What `scalemogen doctor --cluster` looks at; each check is made by all processes and is the same on all of them."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from scalemogen.cli.doctor import LOW_DISK, Check
from scalemogen.distributed import gather_objects, rank, world_size
from scalemogen.errors import UserError
from scalemogen.files import lock

FEATURE = "training on several machines"
MEGABYTES, ROUNDS = 64, 5
SKEW = 1.0
"""Seconds that clocks may differ by: the newest of two checkpoints is told by the time of its file."""
SIGHT = 10.0
"""Seconds in which a file of one machine must be seen by the others: network file systems keep what they have read."""


def same(facts: list[dict[str, Any]], name: str) -> Check:
    """Compare a version that every process has told."""
    values = Counter(fact["versions"][name] for fact in facts)
    if len(values) == 1:
        return Check(name, "ok", f"{next(iter(values))} everywhere", FEATURE)
    usual = values.most_common(1)[0][0]
    others = [
        f"{value} on rank {number} ({fact['host']})"
        for number, fact in enumerate(facts)
        if (value := fact["versions"][name]) != usual
    ]
    return Check(name, "failed", f"{usual}, but {', '.join(others)}", FEATURE, "use one environment for all machines")


def gpus(facts: list[dict[str, Any]]) -> Check:
    """Compare whether every process has a GPU."""
    without = [f"rank {number} ({fact['host']})" for number, fact in enumerate(facts) if not fact["gpu"]]
    if len(without) == len(facts):
        return Check(
            "gpus", "absent", "no process has one", "training at full size", "ask SLURM for them: --gpus-per-node"
        )
    if without:
        return Check("gpus", "failed", f"none for {', '.join(without)}", FEATURE, "give each process a GPU")
    return Check("gpus", "ok", "each process has one", FEATURE)


def collectives(device: torch.device) -> Check:
    """Add up a large tensor over all processes, and measure it as nccl-tests does (bus bandwidth)."""
    world = world_size()
    value = torch.full((MEGABYTES * 2**18,), float(rank() + 1), device=device)

    def add() -> None:
        dist.all_reduce(value)

    add()  # makes the connections
    right = bool((value == world * (world + 1) / 2).all())
    value.zero_()
    large = _seconds(add, device)
    small = torch.zeros(1, device=device)
    latency = _seconds(lambda: dist.all_reduce(small), device)
    parts = [torch.zeros(1, device=device) for _ in range(world)]
    dist.all_gather(parts, torch.full((1,), float(rank()), device=device))
    sent = torch.full((1,), float(rank()), device=device)
    dist.broadcast(sent, world - 1)
    right &= [int(part) for part in parts] == list(range(world)) and int(sent) == world - 1
    wrong = [str(number) for number, fine in enumerate(gather_objects(right)) if not fine]
    bandwidth = MEGABYTES * 2**20 * 2 * (world - 1) / world / large / 1e9
    detail = f"{bandwidth:.2f} GB/s a process in sums of {MEGABYTES} MiB, {latency * 1e3:.2f} ms for one number"
    name = f"{device.type} sums"
    if wrong:
        return Check(name, "failed", f"wrong results on rank {', '.join(wrong)}", FEATURE, "test the network's driver")
    return Check(name, "ok", detail, FEATURE)


def _seconds(do: Callable[[], None], device: torch.device) -> float:
    dist.barrier()
    start = time.perf_counter()
    for _ in range(ROUNDS):
        do()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds = torch.tensor((time.perf_counter() - start) / ROUNDS)
    dist.all_reduce(seconds, dist.ReduceOp.MAX)
    return float(seconds)


def shared_folder(runs: Path) -> list[Check]:
    """Have every process write a file into one folder of the first one's choice, and look for the others' files."""
    folder = runs.absolute() / f".doctor-{os.getpid()}-{socket.gethostname()}"
    folder = Path(gather_objects(str(folder))[0])
    try:
        seen = gather_objects(_write_and_look(folder))
        blind = [f"rank {number}: {what}" for number, what in enumerate(seen) if what]
        remedy = "name a folder with --runs that all machines share"
        if blind:
            return [Check("shared folder", "failed", f"{runs}: {'; '.join(blind)}", FEATURE, remedy)]
        shared = Check("shared folder", "ok", f"{runs}: each process sees the files of all", FEATURE)
        return [shared, _locks(folder)]
    finally:
        dist.barrier()
        if rank() == 0:
            shutil.rmtree(folder, ignore_errors=True)


def _write_and_look(folder: Path) -> str:
    """Return what is wrong, empty if nothing is."""
    wrong = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / str(rank())).write_text(str(rank()))
    except OSError as error:
        wrong = f"cannot write: {error.strerror}"
    dist.barrier()
    deadline, seen = time.monotonic() + SIGHT, set[str]()
    while not wrong and len(seen) < world_size() and time.monotonic() < deadline:
        time.sleep(0.05)
        seen = {path.name for path in folder.iterdir()}
    return wrong or ("" if len(seen) == world_size() else f"sees {len(seen)} of {world_size()} files")


def _locks(folder: Path) -> Check:
    descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR)
    state = ""
    try:
        if rank() == 0:
            lock(descriptor, folder)
        dist.barrier()
        if rank() > 0:
            lock(descriptor, folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            state = f"rank {rank()} got the lock that rank 0 holds"
    except BlockingIOError:
        pass
    except UserError as error:
        state = str(error)
        if rank() == 0:
            dist.barrier()
    states = [text for text in gather_objects(state) if text]
    os.close(descriptor)
    if states:
        remedy = "mount the file system with locks (flock) that hold on all machines; sweeps need them"
        return Check("locks", "failed", "; ".join(states), FEATURE, remedy)
    return Check("locks", "ok", "a lock of one process keeps out the others", FEATURE)


def clock() -> Check:
    """Compare the clocks right after a barrier, which takes little time; the best of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        dist.barrier()
        times = gather_objects(time.time())
        rounds.append(max(times) - min(times))
    skew = min(rounds)
    remedy = "" if skew < SKEW else "have the machines keep one time (chrony, ntpd)"
    return Check("clocks", "ok" if skew < SKEW else "failed", f"differ by {skew:.3f} seconds at most", FEATURE, remedy)


def disk(facts: list[dict[str, Any]], name: str) -> Check:
    """Look at the least free space that a process has told."""
    least = min(range(len(facts)), key=lambda number: float(facts[number]["free"][name]))
    free = facts[least]["free"][name]
    detail = f"{name}: {free / 1e9:.1f} GB free at least (rank {least}, {facts[least]['host']})"
    low = free < LOW_DISK
    remedy = f"free some disk space (below {LOW_DISK / 1e9:.0f} GB)" if low else ""
    return Check("disk", "failed" if low else "ok", detail, FEATURE, remedy)
