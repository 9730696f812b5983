"""`scalemogen doctor --cluster` on two processes of this machine, as a launcher starts them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.launching import ended, free_port, start
from scalemogen.cli import cluster_checks
from scalemogen.cli.cluster_checks import disk, same
from scalemogen.cli.main import main


def ask(place: Path, rank: int, port: str, *more: str) -> subprocess.Popen[bytes]:
    """Start one of two processes."""
    variables = {"TORCHELASTIC_RUN_ID": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    command = [sys.executable, "-m", "scalemogen", "doctor", "--cluster", *more]
    return start(command, place, f"{rank}.txt", RANK=str(rank), LOCAL_RANK=str(rank), **variables)


def test_two_processes_that_can_train_together(tmp_path: Path) -> None:
    port = free_port()
    processes = [ask(tmp_path, rank, port, "--json") for rank in range(2)]
    (status, text), (other, nothing) = (
        ended(process, tmp_path / f"{rank}.txt") for rank, process in enumerate(processes)
    )
    assert (status, other) == (0, 0), text + nothing
    report = json.loads(text[text.index("{") :])
    assert report["healthy"] is True
    found = {check["name"]: check["detail"] for check in report["checks"]}
    assert found["processes"].startswith("2 of 2: ")
    assert found["torch"].endswith(" everywhere")
    assert float(found["cpu sums"].split()[0]) > 0.01  # GB/s
    assert {"commit", "shared folder", "locks", "clocks", "disk"} <= found.keys()
    assert not list((tmp_path / "runs").iterdir())


def test_a_missing_process_is_named_in_time(tmp_path: Path) -> None:
    begun = time.monotonic()
    status, text = ended(ask(tmp_path, 0, free_port(), "--timeout=6"), tmp_path / "0.txt")
    assert status == 2
    assert "(1); missing: rank 1\n" in text
    assert "They cannot train together" in text
    assert time.monotonic() - begun < 40  # most of it loads torch


def test_without_a_launcher_it_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--cluster"]) == 2
    assert "start it by `srun scalemogen doctor --cluster`" in capsys.readouterr().err


def test_a_machine_with_another_version_is_named() -> None:
    facts = [{"host": f"node{rank}", "versions": {"torch": "2.9" if rank == 2 else "2.13"}} for rank in range(4)]
    check = same(facts, "torch")
    assert (check.state, check.detail) == ("failed", "2.13, but 2.9 on rank 2 (node2)")


def test_the_fullest_disk_is_named() -> None:
    facts = [{"host": f"node{rank}", "free": {"runs": free}} for rank, free in enumerate([9e12, 2e9, 8e9])]
    check = disk(facts, "runs")
    assert (check.state, check.detail) == ("failed", "runs: 2.0 GB free at least (rank 1, node1)")


def test_a_folder_that_cannot_be_written_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs").write_text("a file")
    monkeypatch.setattr(cluster_checks.dist, "barrier", lambda: None)
    (check,) = cluster_checks.shared_folder(tmp_path / "runs")
    assert check.state == "failed"
    assert "rank 0: cannot write: " in check.detail
