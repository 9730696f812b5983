"""`scalemogen doctor --cluster`: can the processes of this job train together? Asked by each, told by the first."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch.plugins.environments import (  # type: ignore[attr-defined]
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

from scalemogen import __version__
from scalemogen.cli.cluster_checks import FEATURE, clock, collectives, disk, gpus, same, shared_folder
from scalemogen.cli.doctor import Check, line
from scalemogen.cli.main import BAD_INPUT
from scalemogen.errors import UserError
from scalemogen.evaluation.origin import commit

LIBRARIES = ("torch", "lightning", "numpy")


@dataclass(frozen=True)
class Seat:
    """Where a process sits among those of the job."""

    rank: int
    world: int
    local_rank: int
    address: str
    port: int
    agent: bool
    """Whether torchrun keeps a store at the address."""


def run(args: argparse.Namespace) -> int:
    """Check, and have the first process print.

    Returns:
        0; 2 when something fails, on every process.

    Raises:
        UserError: neither srun nor torchrun has started this process, or the first one cannot be reached.
    """
    if not args.timeout > 0:
        raise UserError(f"--timeout is {args.timeout}; it must be above 0 (seconds)")
    seat = find_seat()
    with _ends_within(args.timeout, seat):
        checks = examine(seat, args.runs, args.data, args.timeout)
    healthy = all(check.state != "failed" for check in checks)
    if seat.rank == 0 and args.json:
        print(json.dumps({"checks": [asdict(check) for check in checks], "healthy": healthy}, indent=2))
    elif seat.rank == 0:
        print("\n".join([*(line(check) for check in checks), "", _verdict(seat, healthy)]))
    return 0 if healthy else BAD_INPUT


def find_seat() -> Seat:
    """Return this process's place, as the launcher tells it.

    Raises:
        UserError: there is no launcher, or it gives tasks in a way that training cannot use.
    """
    environment: Any
    if TorchElasticEnvironment.detect():
        environment = TorchElasticEnvironment()
    elif SLURMEnvironment.detect() and "SLURM_STEP_ID" in os.environ:
        try:
            environment = SLURMEnvironment()
        except RuntimeError as error:
            raise UserError(f"training does not start in this job either: {error}") from error
    else:
        raise UserError(
            "doctor --cluster asks the processes of a job: start it by `srun scalemogen doctor --cluster`, or by"
            " `torchrun ... -m scalemogen -- doctor --cluster`"
        )
    agent = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    places = environment.global_rank(), environment.world_size(), environment.local_rank()
    return Seat(*places, environment.main_address, environment.main_port, agent)


def examine(seat: Seat, runs: Path, data: Path, timeout: float) -> list[Check]:
    """Return all checks, the same on every process; those that need all processes only where all are there."""
    store = _meet(seat, timeout / 2)
    facts = _gather_facts(seat, store, runs, data, timeout / 2)
    checks = [_present(seat, facts)]
    if checks[0].state == "failed":
        return checks
    step = timedelta(seconds=timeout / 3)
    cuda = all(fact["gpu"] for fact in facts)
    try:
        if cuda:
            torch.cuda.set_device(seat.local_rank)
        backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
        dist.init_process_group(
            backend, store=PrefixStore("group", store), rank=seat.rank, world_size=seat.world, timeout=step
        )
        checks += [same(facts, name) for name in facts[0]["versions"]]
        checks += [gpus(facts)]
        checks += [collectives(torch.device("cpu"))]
        checks += [collectives(torch.device("cuda", seat.local_rank))] if cuda else []
        checks += [*shared_folder(runs), clock()]
        checks += [disk(facts, name) for name in facts[0]["free"]]
        dist.barrier()
    except RuntimeError as error:  # of torch.distributed: a process has ended or hangs
        reason = str(error).strip().splitlines()[0]
        checks.append(Check("processes", "failed", f"one of them ended, or hung in a collective: {reason}", FEATURE))
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
    return checks


def _meet(seat: Seat, timeout: float) -> PrefixStore:
    host = seat.rank == 0 and not seat.agent
    try:
        store = TCPStore(
            seat.address, seat.port, is_master=host, wait_for_workers=False, timeout=timedelta(seconds=timeout)
        )
    except RuntimeError as error:
        place = f"rank 0 at {seat.address}:{seat.port}"
        raise UserError(f"rank {seat.rank} on {socket.gethostname()} cannot reach {place}: {error}") from error
    return PrefixStore(f"doctor/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)


def _gather_facts(seat: Seat, store: PrefixStore, runs: Path, data: Path, timeout: float) -> list[dict[str, Any]]:
    """Return what each process knows of its machine, an empty entry for one that does not come in time."""
    store.set(f"fact/{seat.rank}", json.dumps(_facts(seat, runs, data)))
    if seat.rank == 0:
        deadline = time.monotonic() + timeout
        for rank in range(seat.world):
            left = max(deadline - time.monotonic(), 0.1)
            with suppress(RuntimeError):
                store.wait([f"fact/{rank}"], timedelta(seconds=left))
        texts = [
            store.get(f"fact/{rank}").decode() if store.check([f"fact/{rank}"]) else "{}" for rank in range(seat.world)
        ]
        store.set("facts", f"[{','.join(texts)}]")
        if not all(text != "{}" for text in texts):
            time.sleep(1.0)  # the store goes with this process
    try:
        store.wait(["facts"], timedelta(seconds=timeout + 5))
    except RuntimeError as error:
        raise UserError(f"rank {seat.rank}: rank 0 did not come within {timeout:g} seconds: {error}") from error
    found: list[dict[str, Any]] = json.loads(store.get("facts"))
    return found


def _facts(seat: Seat, runs: Path, data: Path) -> dict[str, Any]:
    versions = {"scalemogen": __version__, "commit": commit() or "none", "python": platform.python_version()}
    versions |= {name: metadata.version(name) for name in LIBRARIES} | {"cuda": torch.version.cuda or "none"}
    folders = {"runs": runs, "data": data, "temporary": Path(tempfile.gettempdir())}
    free = {f"{name} {path}": shutil.disk_usage(_existing(path)).free for name, path in folders.items()}
    gpu = torch.cuda.device_count() > seat.local_rank
    return {"host": socket.gethostname(), "gpu": gpu, "versions": versions, "free": free}


def _existing(path: Path) -> Path:
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())


def _present(seat: Seat, facts: list[dict[str, Any]]) -> Check:
    missing = [str(rank) for rank, fact in enumerate(facts) if not fact]
    hosts = Counter(fact["host"] for fact in facts if fact)
    places = ", ".join(f"{host} ({count})" for host, count in hosts.items())
    detail = f"{seat.world - len(missing)} of {seat.world}: {places}"
    if not missing:
        return Check("processes", "ok", detail, FEATURE)
    detail += f"; missing: rank {', '.join(missing)}"
    remedy = "look whether they were started, and whether their machine reaches the first one's port"
    return Check("processes", "failed", detail, FEATURE, remedy)


@contextmanager
def _ends_within(seconds: float, seat: Seat) -> Iterator[None]:
    """End this process when what is inside takes longer: a dead file system answers nobody."""

    def end() -> None:
        sys.stderr.write(f"scalemogen: error: rank {seat.rank}: doctor --cluster was not done in {seconds:g} seconds\n")
        sys.stderr.flush()
        os._exit(BAD_INPUT)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _verdict(seat: Seat, healthy: bool) -> str:
    return f"{seat.world} processes can train together." if healthy else "They cannot train together: see [!!]."
