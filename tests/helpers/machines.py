"""Two machines in one: network namespaces with host names of their own, and SLURM's daemons on them (as root only)."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from helpers.launching import environment
from scalemogen.files import locked

NAMES = ("node1", "node2")
SPACE = "scalemogen-"
"""Begins the names of their namespaces."""
BRIDGE = "scalemogen0"
NET = "10.77.0"
PATIENCE = 30.0


@dataclass
class Machines:
    """Two machines that share this one's files.

    Attributes:
        folder: for logs and settings.
        running: processes to end at the end.
    """

    folder: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, name: str, command: Sequence[str], place: Path, log: Path, **more: str) -> subprocess.Popen[bytes]:
        """Start a command on one of the machines, or ("") on the one that both are in."""
        if name:
            named = ["unshare", "--uts", "sh", "-c", f'hostname {name}; exec "$@"', "sh"]
            command = ["ip", "netns", "exec", SPACE + name, *named, *command]
        with log.open("ab") as file:
            process = subprocess.Popen(
                command, cwd=place, env=environment(**more), stdout=file, stderr=file, start_new_session=True
            )
        self.running.append(process)
        return process

    def link(self, name: str, state: str) -> None:
        """Pull the network cable of a machine ("down"), or put it back ("up")."""
        _ip("link", "set", f"{name}-out", state)

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """End a process and what it has started in its session."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def two_machines(folder: Path) -> Iterator[Machines]:
    """Make node1 (10.77.0.1) and node2 (10.77.0.2), joined by a bridge; skips where that is not allowed."""
    if os.geteuid() != 0 or shutil.which("ip") is None or subprocess.run(["unshare", "-n", "true"]).returncode:
        pytest.skip("network namespaces need root and iproute2")
    hosts = "".join(f"{NET}.{number} {name}\n" for number, name in enumerate(NAMES, 1))
    machines = Machines(folder)
    with locked(Path(tempfile.gettempdir(), "scalemogen-machines")):  # their names are taken once
        yield from _made(machines, hosts)


def _made(machines: Machines, hosts: str) -> Iterator[Machines]:
    try:
        _ip("link", "add", BRIDGE, "type", "bridge")
        _ip("address", "add", f"{NET}.254/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        for number, name in enumerate(NAMES, 1):
            place = Path("/etc/netns", SPACE + name)  # `ip netns exec` puts its files over those of /etc
            place.mkdir(parents=True)
            (place / "hosts").write_text(f"127.0.0.1 localhost\n{hosts}{NET}.254 control\n")
            _ip("netns", "add", SPACE + name)
            _ip("link", "add", f"{name}-out", "type", "veth", "peer", "name", "eth0", "netns", SPACE + name)
            _ip("link", "set", f"{name}-out", "master", BRIDGE, "up")
            _ip("-n", SPACE + name, "address", "add", f"{NET}.{number}/24", "dev", "eth0")
            _ip("-n", SPACE + name, "link", "set", "eth0", "up")
            _ip("-n", SPACE + name, "link", "set", "lo", "up")
        yield machines
    finally:
        for process in machines.running:
            machines.end(process)
        for name in NAMES:
            for pid in subprocess.run(
                ["ip", "netns", "pids", SPACE + name], capture_output=True, text=True
            ).stdout.split():
                os.kill(int(pid), signal.SIGKILL)
            for words in (["link", "delete", f"{name}-out"], ["netns", "delete", SPACE + name]):
                subprocess.run(["ip", *words], stderr=subprocess.DEVNULL)
            shutil.rmtree(Path("/etc/netns", SPACE + name), ignore_errors=True)
        subprocess.run(["ip", "link", "delete", BRIDGE], stderr=subprocess.DEVNULL)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@dataclass(frozen=True)
class Slurm:
    """SLURM on two machines: a controller here, a daemon on each of them.

    Attributes:
        machines: the machines.
        conf: SLURM's settings.
    """

    machines: Machines
    conf: Path

    def run(self, *words: str, place: Path | None = None, **more: str) -> str:
        """Run one of SLURM's commands, and return what it says."""
        variables = {**environment(**more), "SLURM_CONF": str(self.conf)}
        done = subprocess.run(words, cwd=place, env=variables, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def job(self, number: str) -> dict[str, str]:
        """Return what SLURM knows of a job."""
        text = self.run("scontrol", "--oneliner", "show", "job", number)
        return dict(word.split("=", 1) for word in text.split() if "=" in word)


@contextmanager
def slurm(machines: Machines) -> Iterator[Slurm]:
    """Start munged, slurmctld and two slurmd; skips, saying so, where they are missing or do not start."""
    programs = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "scontrol")
    if missing := [name for name in programs if shutil.which(name) is None]:
        pytest.skip(f"SLURM is not installed (apt-get install slurm-wlm munge): no {', '.join(missing)}")
    folder = machines.folder / "slurm"
    for name in ("state", "log", "munge"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    key, conf = folder / "munge" / "key", folder / "slurm.conf"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    conf.write_text(_settings(folder))
    (folder / "cgroup.conf").write_text(f"CgroupPlugin=cgroup/v1\nCgroupMountpoint={folder / 'cgroup'}\n")  # unused
    log, variables = folder / "log" / "daemons.txt", {"SLURM_CONF": str(conf)}
    munge = [f"--{name}-file={folder / 'munge' / name}" for name in ("key", "pid", "log", "seed")]
    munge += ["--force", "--foreground", f"--socket={folder / 'munge' / 'socket'}"]
    machines.start("", ["munged", *munge], folder, log)
    machines.start("", ["slurmctld", "-D"], folder, log, **variables)
    for name in NAMES:
        machines.start(name, ["slurmd", "-D", "-N", name], folder, log, **variables)
    started = Slurm(machines, conf)
    deadline = time.monotonic() + PATIENCE
    while not _idle(started):
        if time.monotonic() > deadline:
            pytest.skip(f"SLURM's daemons do not start here: {log.read_text()[-1000:]}")
        time.sleep(0.5)
    try:
        yield started
    finally:
        subprocess.run(["scancel", "--me"], env=environment(SLURM_CONF=str(conf)), check=False)


def _idle(slurm: Slurm) -> bool:
    try:
        text = slurm.run("sinfo", "--noheader", "--format=%t %D")
    except (AssertionError, subprocess.TimeoutExpired):
        return False
    return text.split() == ["idle", "2"]


def _settings(folder: Path) -> str:
    nodes = [f"NodeName={name} NodeAddr={NET}.{number} CPUs=4 State=UNKNOWN" for number, name in enumerate(NAMES, 1)]
    lines = [
        "ClusterName=test",
        f"SlurmctldHost={os.uname().nodename}({NET}.254)",
        "SlurmUser=root",
        "AuthType=auth/munge",
        f"AuthInfo=socket={folder / 'munge' / 'socket'}",
        "CryptoType=crypto/munge",
        f"StateSaveLocation={folder / 'state'}",
        f"SlurmdSpoolDir={folder / 'spool'}-%n",
        "MailProg=/bin/true",
        f"SlurmctldPidFile={folder / 'slurmctld.pid'}",
        f"SlurmdPidFile={folder / 'slurmd'}-%n.pid",
        f"SlurmctldLogFile={folder / 'log' / 'slurmctld.log'}",
        f"SlurmdLogFile={folder / 'log' / 'slurmd'}-%n.log",
        "ProctrackType=proctrack/linuxproc",
        "TaskPlugin=task/none",
        "JobAcctGatherType=jobacct_gather/none",
        "MpiDefault=none",
        "SlurmdParameters=config_overrides",  # the machine need not have the processors that are declared
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_CPU",
        "ReturnToService=2",
        "KillWait=10",
        *nodes,
        "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP",
    ]
    return "\n".join(lines) + "\n"
