"""What suits a machine: precision by its units, threads by its cores, its quotas and its load."""

from __future__ import annotations

import math
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from helpers.source import ROOT
from helpers.training import QUIET, fit, options
from scalemogen import machine
from scalemogen.cli.main import main
from scalemogen.machine import Load, choose_precision, device_kind, quota, threads_beside


def pretend(
    monkeypatch: pytest.MonkeyPatch, capability: str = "AVX512", amx: bool = False, bf16: bool = False, limit: str = ""
) -> None:
    """Make this CPU another one, as torch reports it."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)


def pretend_gpu(monkeypatch: pytest.MonkeyPatch, name: str, bf16: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: name)
    # With emulation every GPU has bfloat16; the question is whether it has units for it.
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or bf16)


@pytest.mark.parametrize(
    ("facts", "name", "why"),
    [
        ({"amx": True, "bf16": True}, "bf16-mixed", "AMX"),
        ({"bf16": True}, "bf16-mixed", "AVX512-BF16"),
        ({}, "32-true", "AVX512"),
        ({"capability": "AVX2"}, "32-true", "AVX2"),
        ({"capability": "DEFAULT"}, "32-true", "DEFAULT"),
        # A newer CPU that is told to be an older one: torch's own kernels, its matrix library, one of its units.
        ({"capability": "AVX2", "amx": True, "bf16": True}, "32-true", "AVX2"),
        ({"amx": True, "bf16": True, "limit": "avx2"}, "32-true", "AVX512"),
        ({"amx": True, "bf16": True, "limit": "AVX512_CORE"}, "32-true", "AVX512"),
        ({"amx": True, "bf16": True, "limit": "AVX512_CORE_BF16"}, "bf16-mixed", "AVX512-BF16"),
        ({"amx": True, "bf16": True, "limit": "AVX512_CORE_AMX"}, "bf16-mixed", "AMX"),
        ({"bf16": True, "limit": "AVX512_CORE_AMX"}, "bf16-mixed", "AVX512-BF16"),
        ({"amx": True, "bf16": True, "limit": "DEFAULT"}, "bf16-mixed", "AMX"),
    ],
)
def test_precision_of_a_cpu(monkeypatch: pytest.MonkeyPatch, facts: dict[str, object], name: str, why: str) -> None:
    pretend(monkeypatch, **facts)  # type: ignore[arg-type]
    found = choose_precision("cpu")
    assert found.name == name
    assert f"({why})" in found.reason


def test_precision_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, capability="AVX2")
    pretend_gpu(monkeypatch, "an H100", bf16=True)
    assert device_kind("auto") == device_kind("gpu") == "cuda"
    assert device_kind("cpu") == "cpu"
    assert str(choose_precision("cuda")) == "bf16-mixed, an H100 has bfloat16 units"
    pretend_gpu(monkeypatch, "a T4", bf16=False)
    assert str(choose_precision("cuda")) == "32-true, a T4 has no bfloat16 units"
    assert choose_precision("mps").name == "32-true"


def test_without_a_gpu_the_cpu_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert device_kind("auto") == "cpu"
    assert choose_precision("cuda").name == "32-true"  # the trainer says that there is none


def test_what_a_user_names_is_measured_where_it_is_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, bf16=True)
    assert machine.emulation_factor("bf16-mixed", "cpu") is None
    pretend(monkeypatch, capability="AVX2")
    seconds = {torch.float32: 2.0, torch.bfloat16: 15.0}
    monkeypatch.setattr(machine, "_product_seconds", lambda matrix: seconds[matrix.dtype])
    for name in ("bf16-mixed", "bf16-true", "16-mixed", "16"):
        assert machine.emulation_factor(name, "cpu") == 7.5
    assert machine.emulation_factor("32-true", "cpu") is None
    assert machine.emulation_factor("bf16-mixed", "cuda") is None


PAGES = """
import resource, sys
import torch
from scalemogen import machine
if sys.argv[1] == "keep":
    machine.keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(40_000_000 // 4)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_freed_memory_is_used_again() -> None:
    """Twenty blocks of 40 MB, one after the other: each is new to the process, or only the first is."""
    path = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    plain, kept = (
        int(subprocess.run([sys.executable, "-c", PAGES, how], env=path, capture_output=True, text=True).stdout)
        for how in ("plain", "keep")
    )
    assert kept < plain / 5


@pytest.mark.parametrize("error", [OSError, TypeError])
def test_without_glibc_nothing_happens(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def refuse(name: None) -> None:
        raise error

    monkeypatch.setattr(machine.ctypes, "CDLL", refuse)
    assert machine.keep_freed_memory() is False
    monkeypatch.setattr(machine.ctypes, "CDLL", lambda name: object())
    assert machine.keep_freed_memory() is False


OLD = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def train(place: Path, variables: dict[str, str], *more: str) -> subprocess.CompletedProcess[str]:
    """Train for two steps in a process of its own."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    arguments = [*options("tokenizer", place / "data"), *QUIET, "--trainer.max_steps=2", f"--run={place / 'run'}"]
    return subprocess.run(
        [sys.executable, "-m", "scalemogen", "tokenizer", "fit", *arguments, "--trainer.limit_val_batches=0", *more],
        env={**os.environ, "PYTHONPATH": path, **variables},
        capture_output=True,
        text=True,
        check=True,
    )


def test_a_training_on_an_older_cpu(tmp_path: Path) -> None:
    done = train(tmp_path, OLD)
    assert "precision: 32-true, this CPU (AVX2) has no bfloat16 units" in done.stdout
    assert "bfloat16 Automatic Mixed Precision" not in done.stderr


def test_a_named_precision_is_obeyed_with_a_warning(tmp_path: Path) -> None:
    done = train(tmp_path, OLD, "--trainer.precision=bf16-mixed")
    assert "precision: bf16-mixed, as asked" in done.stdout
    assert "bfloat16 Automatic Mixed Precision" in done.stderr
    assert "bf16-mixed is emulated on this CPU: a matrix product takes " in done.stderr


def test_a_training_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit("tokenizer", tmp_path / "run", tmp_path / "data", "--trainer.max_steps=1", "--trainer.limit_val_batches=0")
    expected = f"precision: {choose_precision('cpu')}\n"
    assert expected in capsys.readouterr().out
    folders = [f"--runs={tmp_path}", f"--data={tmp_path}"]
    assert main(["doctor", *folders]) == 0
    assert f"precision      {choose_precision(device_kind('auto'))}\n" in capsys.readouterr().out


def test_threads_give_way_at_once_and_come_back_slowly() -> None:
    threads, seen, found = 2, [], []
    for busy in [0.1, 0.4, 0.6, 1.0, 0.2, 0.1, 1.0, 0.0, 0.0, 0.3, 0.0]:
        seen.append(busy)
        threads = threads_beside(2, 2, threads, seen)
        found.append(threads)
    assert found == [2, 2, 1, 1, 1, 1, 1, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("limit", "cores", "busy", "expected"),
    [
        (2, 2, 1.9, 1),  # never none
        (16, 16, 3.4, 13),
        (4, 64, 30.0, 4),  # a quota of four, and room for them
        (4, 64, 62.0, 2),
        (1, 2, 0.0, 1),
    ],
)
def test_threads_of_larger_machines(limit: int, cores: int, busy: float, expected: int) -> None:
    assert threads_beside(limit, cores, limit, [busy]) == expected


def test_threads_come_back_to_what_all_of_the_last_readings_allow() -> None:
    assert threads_beside(8, 8, 2, [6.0, 3.0, 1.0, 2.0]) == 5
    assert threads_beside(8, 8, 2, [1.0, 2.0]) == 2
    assert threads_beside(8, 8, 2, []) == 2


def write_stat(path: Path, *rows: str) -> Path:
    path.write_text("cpu  1 1 1 1 1 1 1 1 0 0\n" + "".join(f"{row}\n" for row in rows) + "intr 5\nctxt 7\n")
    return path


def test_load_counts_the_cores_of_this_process_without_idling(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 10}, raising=False)
    # user nice system idle iowait irq softirq steal guest guest_nice; a guest's time is in the user's already
    rows = ["cpu0 900 0 0 0 0 0 0 0 0 0", "cpu1 100 2 30 5000 7 4 5 6 50 2", "cpu10 3 0 0 9 0 0 0 0 0 0"]
    load = Load.read(write_stat(tmp_path / "stat", *rows))
    assert load is not None
    assert load.cores == 2
    assert load.everyone * os.sysconf("SC_CLK_TCK") == pytest.approx(100 + 2 + 30 + 4 + 5 + 6 + 3)
    before = Load(load.moment - 2.0, 2, load.everyone - 3.5, load.own - 2.5)
    assert load.others_since(before) == pytest.approx(0.5)
    assert load.others_since(Load(load.moment - 2.0, 2, load.everyone - 1.0, load.own - 2.0)) == 0.0


def test_where_the_system_does_not_tell_there_is_no_load(tmp_path: Path) -> None:
    assert Load.read(tmp_path / "absent") is None
    zeros = [f"cpu{number} 0 0 0 0 0 0 0 0 0 0" for number in range(256)]
    assert Load.read(write_stat(tmp_path / "stat", *zeros)) is None


def write_groups(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/", {"cpu.max": "max 100000"}, math.inf),
        ("0::/a/b", {"a/cpu.max": "200000 100000", "a/b/cpu.max": "400000 100000"}, 2.0),  # the outer group binds
        ("0::/not/seen/from/here", {"cpu.max": "300000 100000"}, 3.0),
        ("4:cpu,cpuacct:/a", {"cpu/a/cpu.cfs_quota_us": "50000", "cpu/a/cpu.cfs_period_us": "100000"}, 0.5),
        ("4:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, math.inf),
        ("3:cpuset:/\n2:memory:/", {"cpu.max": "100000 100000"}, math.inf),  # no group of CPU time
        ("0::/", {}, math.inf),
    ],
)
def test_quotas(membership: str, files: dict[str, str], expected: float, tmp_path: Path) -> None:
    write_groups(tmp_path / "groups", files)
    (tmp_path / "groups").mkdir(exist_ok=True)
    (tmp_path / "membership").write_text(membership + "\n")
    assert quota(tmp_path / "membership", tmp_path / "groups") == expected


def test_without_control_groups_there_is_no_quota(tmp_path: Path) -> None:
    assert quota(tmp_path / "absent", tmp_path) == math.inf


def test_cores_are_the_least_of_affinity_quota_and_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(machine, "quota", lambda: math.inf)
    assert machine.allowed_cores() == 8
    monkeypatch.setattr(machine, "quota", lambda: 3.5)
    assert machine.allowed_cores() == 3
    monkeypatch.setattr(machine, "quota", lambda: 0.2)
    assert machine.allowed_cores() == 1
    monkeypatch.setattr(machine, "quota", lambda: 5.0)
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "2")
    assert machine.allowed_cores() == 2
