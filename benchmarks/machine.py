"""What a figure depends on: machine, versions, threads."""

from __future__ import annotations

import os
import platform
import statistics
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from scalemogen.benchmarks.process import commit
from scalemogen.benchmarks.work import repeat_seconds

BF16_SIZE = 512
"""Rows and columns of the matrices on which bfloat16 is compared with float32."""

PEAKS = MappingProxyType(
    {
        "H200": (989e12, 67e12),
        "H100 PCIe": (756e12, 51e12),
        "H100": (989e12, 67e12),
        "A100": (312e12, 19.5e12),
        "L40S": (362e12, 91.6e12),
        "RTX 4090": (165e12, 82.6e12),
        "RTX 3090": (71e12, 35.6e12),
    }
)
"""Part of a GPU's name -> dense peaks by its makers, bfloat16 and float32 (without TF32), operations a second."""


def facts(command: str, threads: int | None) -> dict[str, Any]:
    """Return what stands beside every table.

    Args:
        command: as it was typed.
        threads: asked for; None = the machine's choice.
    """
    speed = bf16_speed()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "aten": torch.backends.cpu.get_cpu_capability(),
        "bf16_speed": round(speed, 2),
        "bf16_native": speed > 1,
        "threads": threads or torch.get_num_threads(),
        "torch": torch.__version__,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "command": command,
    }


def cpu_model() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def bf16_speed() -> float:
    """Return how many times as fast as float32 this CPU multiplies matrices of bfloat16: under 1 it emulates them."""
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        matrix = torch.ones(BF16_SIZE, BF16_SIZE, dtype=dtype)
        seconds[dtype] = statistics.median(repeat_seconds(lambda m=matrix: m @ m, 3, "cpu"))  # type: ignore[misc]
    return seconds[torch.float32] / seconds[torch.bfloat16]


def peak(name: str | None, precision: str) -> float | None:
    """Return the peak of a GPU in operations a second, None where it is not known."""
    known = [rates for part, rates in PEAKS.items() if name is not None and part in name]
    return known[0][0 if precision == "bf16" else 1] if known else None
