"""What suits this machine: precision, CPU threads, what becomes of freed memory; and what its GPUs can do at best."""

from __future__ import annotations

import ctypes
import math
import os
import re
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

HALF = ("bf16", "16")
"""Beginnings of the names of precisions that compute in 16 bits."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Who sets one of these has chosen the number of threads."""
QUIET = 3
"""Readings in a row that must find cores free before they are taken back."""

_PEAKS = (
    (r"A100\b", 312, 156),
    (r"A30\b", 165, 82),
    (r"A40\b", 149.7, 74.8),
    (r"A10\b", 125, 62.5),
    (r"L40S\b", 362, 183),
    (r"L4\b", 121, 60),
    (r"H[12]00 NVL\b", 835, 417),
    (r"H100 PCIe\b", 756, 378),
    (r"H100 80GB\b|H200\b|GH200\b", 989, 494),
)
"""Teraflops a second of NVIDIA's data sheets for dense matrices, by beginnings of names: in 16 bits, and in TF32."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


@dataclass(frozen=True)
class Precision:
    """A precision by Lightning's name, and why this one."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}, {self.reason}"


def device_kind(accelerator: str) -> str:
    """Return what Lightning's `accelerator` means here: "cuda", "mps", "cpu" or another name as it is."""
    if accelerator not in ("auto", "gpu"):
        return accelerator
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def choose_precision(kind: str) -> Precision:
    """Return bf16-mixed where the device has units for it, else 32-true.

    Args:
        kind: as `device_kind` returns it.
    """
    if kind == "cuda" and torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Precision("bf16-mixed", f"{name} has bfloat16 units")
        return Precision("32-true", f"{name} has no bfloat16 units")
    if kind == "cpu":
        units = cpu_bf16_units()
        if units:
            return Precision("bf16-mixed", f"this CPU has bfloat16 units ({units})")
        capability = torch.backends.cpu.get_cpu_capability()
        return Precision("32-true", f"this CPU ({capability}) has no bfloat16 units that torch uses")
    return Precision("32-true", f"the usual one on {kind}")


def cpu_bf16_units() -> str:
    """Return "AMX" or "AVX512-BF16", the units that torch multiplies bfloat16 matrices with on this CPU, "" for none.

    `ATEN_CPU_CAPABILITY` and `ONEDNN_MAX_CPU_ISA`, by which torch and its matrix library are told to use an older set
    of instructions than the CPU has, count.
    """
    if not torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
        return ""
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "ALL").upper()
    if limit in ("", "ALL", "DEFAULT"):
        limit = "AMX"
    if "AMX" in limit and torch.cpu._is_amx_tile_supported():
        return "AMX"
    newer = any(name in limit for name in ("BF16", "FP16", "AMX", "AVX10"))
    return "AVX512-BF16" if newer and torch.cpu._is_avx512_bf16_supported() else ""


def emulation_factor(precision: str, kind: str) -> float | None:
    """Return how many times as long as in float32 a matrix product takes, None where the device has units for it.

    It is measured on the spot, in some tens of milliseconds.

    Args:
        precision: one of Lightning's names.
        kind: as `device_kind` returns it.
    """
    if kind != "cpu" or not precision.startswith(HALF) or cpu_bf16_units():
        return None
    full = torch.ones(256, 128)
    return _product_seconds(full.bfloat16()) / _product_seconds(full)


def _product_seconds(matrix: torch.Tensor) -> float:
    """Return the shortest of three times that the product of (N, K) and its transpose takes, after a first one."""
    taken = []
    for _ in range(4):
        started = time.perf_counter()
        matrix @ matrix.T
        taken.append(time.perf_counter() - started)
    return min(taken[1:])


def allowed_cores() -> int:
    """Return how many CPU cores this process may keep busy: by its affinity, its cgroup's quota and SLURM's share."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return max(1, min(affinity, int(min(quota(), affinity)), int(share) if share.isdecimal() else affinity))


def quota(membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> float:
    """Return how many cores' time the control groups of this process grant it, infinity where they set no limit.

    Args:
        membership: file with a line "number:controllers:path" for each group of the process.
        root: folder where the groups of version 2 are; those of version 1 that limit CPU time are in its folder `cpu`.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return math.inf
    limit = math.inf
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / "cpu" if controllers else root
        place = top / path.strip("/")
        for folder in (place, *place.parents):  # a group has at most what the groups around it have
            limit = min(limit, _group_limit(folder))
            if folder == top:
                break
    return limit


def _group_limit(folder: Path) -> float:
    """Return the cores that one control group grants: quota over period, in microseconds, of version 2 or 1."""
    try:
        granted, period = (folder / "cpu.max").read_text().split()
    except OSError:
        try:
            granted, period = ((folder / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
        except OSError:
            return math.inf
    return math.inf if granted in ("max", "-1") else int(granted) / int(period)


@dataclass(frozen=True)
class Load:
    """CPU time used so far on the cores where this process may run.

    Attributes:
        moment: seconds of a monotonic clock.
        cores: how many those cores are.
        everyone: core-seconds of all processes, and of the machine that hosts this one where it took the core away.
        own: core-seconds of this process; those that it started count as others while they run.
    """

    moment: float
    cores: int
    everyone: float
    own: float

    @classmethod
    def read(cls, stat: Path = Path("/proc/stat")) -> Load | None:
        """Return the load, None where the system does not tell."""
        try:
            lines = stat.read_text().splitlines()
        except OSError:
            return None
        mine = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        rows = [[int(field) for field in line.split()[1:9]] for line in lines if line.split(" ", 1)[0] in mine]
        # user, nice, system, idle, waiting for a disk, two kinds of interrupts, stolen by the host
        ticks = sum(sum(row) - row[3] - row[4] for row in rows)
        if not ticks:
            return None
        own = os.times()
        return cls(time.monotonic(), len(rows), ticks / os.sysconf("SC_CLK_TCK"), own.user + own.system)

    def others_since(self, before: Load) -> float:
        """Return how many of the cores others kept busy on average since `before`."""
        seconds = max(self.moment - before.moment, 1e-9)
        return max(0.0, (self.everyone - before.everyone) - (self.own - before.own)) / seconds


def threads_beside(limit: int, cores: int, threads: int, busy: Sequence[float]) -> int:
    """Return how many threads to compute with from now on.

    Threads wait for each other at the end of every operation, so that one that finds its core taken makes all wait:
    each busy process of others costs one thread. Fewer threads are taken at once, more when `QUIET` readings in a row
    find room for them.

    Args:
        limit: most threads, at least 1.
        cores: where this process may run.
        threads: at present.
        busy: readings of how many of the cores others use, about a second apart, newest last.
    """
    room = [max(1, min(limit, cores - round(reading))) for reading in busy[-QUIET:]]
    if not room or room[-1] < threads:
        return room[-1] if room else threads
    return max(threads, min(room)) if len(room) == QUIET else threads


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees, for its next use; returns whether the C library does so.

    glibc gives large blocks back to the system at once and asks for them anew, zeroed page by page, in every training
    step. Elsewhere nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return False
    large = any(mallopt(_MMAP_THRESHOLD, 1 << bits) for bits in (30, 25))  # older versions refuse more than 32 MiB
    return large and bool(mallopt(_TRIM_THRESHOLD, (1 << 31) - 1))


def peak_flops(device: torch.device, precision: str) -> float | None:
    """Return the floating point operations a second that a device can do at best, None where that is not known.

    Known are NVIDIA's data-centre GPUs from Ampere on, whole ones. In 32 bits they multiply matrices in TF32, unless
    torch was told to be more exact.

    Args:
        device: where to compute.
        precision: one of Lightning's names.
    """
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device).removeprefix("NVIDIA ")
    rates = next((rates for pattern, *rates in _PEAKS if re.match(pattern, name)), None)
    if rates is None or "MIG" in name:
        return None
    if precision.startswith(HALF):
        return rates[0] * 1e12
    tf32 = precision.startswith("32") and torch.get_float32_matmul_precision() != "highest"
    return rates[1] * 1e12 if tf32 else None


def peak_memory() -> int:
    """Return the most bytes of main memory that this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
