"""Processes of a test that launchers start: begun, waited for, ended for sure."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from helpers.source import ROOT
from scalemogen.cli.run_folder import RUN_VARIABLE
from scalemogen.sweeps import RESUME_VARIABLE

PATIENCE = 120.0


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process that no launcher has started yet."""
    launchers = ("SLURM_", "TORCHELASTIC_", RUN_VARIABLE, RESUME_VARIABLE)
    keep = {name: value for name, value in os.environ.items() if not name.startswith(launchers)}
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    return {**keep, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **more}


def start(command: Sequence[str], place: Path, log: str, **more: str) -> subprocess.Popen[bytes]:
    with (place / log).open("wb") as file:
        return subprocess.Popen(
            command, cwd=place, env=environment(**more), stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )


def wait_for(what: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.1)


def ended(process: subprocess.Popen[bytes], log: Path) -> tuple[int, str]:
    try:
        status = process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return status, log.read_text()


def free_port() -> str:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return str(server.getsockname()[1])


def workers_of(process: subprocess.Popen[bytes]) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(child) for child in children]


def alive(process: int) -> bool:
    """Return whether a process is there and not only waiting to be noticed as ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
