"""What a row does, and how it is measured: seconds, memory, and the machine's own rate for the same matrices."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import torch

from scalemogen.benchmarks.flops import Product, total
from scalemogen.benchmarks.rows import Settings

LEAST_SECONDS = 0.1
"""A repeat lasts at least so long: fast work is done several times in a row."""

MOST_ROWS = 8192
"""Rows of the matrices on which the machine's rate is measured, at most: taller ones run at the same rate."""

MOST_ARITHMETIC = 0.8
"""Share of the arithmetic whose shapes the machine's rate is measured on, those with the most of it first."""


@dataclass(frozen=True)
class Work:
    """What a row repeats.

    Attributes:
        run: does it once.
        products: the useful arithmetic of one run; empty where it is not matrix products that take the time.
        memory: returns the peak in bytes where it is not this process that needs it.
        folder: of files that `run` needs; gone when the context is left.
    """

    run: Callable[[], object]
    products: Sequence[Product] = ()
    memory: Callable[[], int] | None = None
    folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.folder is not None:
            self.folder.cleanup()


@dataclass(frozen=True)
class Measured:
    """The figures of a row.

    Attributes:
        seconds: of every repeat.
        memory: bytes at the peak: of a CPU process all that it ever held (VmHWM), Python and torch included; of a GPU
            what torch had allocated there.
        flops: useful multiplications and additions of one run; 0 where that is not what takes the time.
        matrix_rate: multiplications and additions a second that this machine's matrix product reaches for the same
            shapes; 0 likewise.
    """

    seconds: list[float]
    memory: int
    flops: int = 0
    matrix_rate: float = 0.0
    median: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "median", statistics.median(self.seconds))

    @property
    def share(self) -> float | None:
        """Useful arithmetic a second over the machine's matrix rate."""
        return self.flops / self.median / self.matrix_rate if self.matrix_rate else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values."""
        return {**asdict(self), "share": self.share}


def measure(work: Work, settings: Settings) -> Measured:
    """Measure a row. Memory is read before the machine's rate is measured, whose matrices do not count."""
    if settings.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = repeat_seconds(work.run, settings.repeats, settings.device)
    memory = work.memory() if work.memory else peak_memory(settings.device)
    flops = total(work.products)
    return Measured(seconds, memory, flops, matrix_rate(work.products, settings) if flops else 0.0)


def repeat_seconds(run: Callable[[], object], repeats: int, device: str) -> list[float]:
    """Return the seconds of some repeats, after one that does not count; by CUDA's events on a GPU."""
    clock = _cuda_seconds if device == "cuda" else _seconds
    clock(run, 1)
    once = clock(run, 1)  # the first call also allocates, compiles and fills caches
    times = math.ceil(LEAST_SECONDS / max(once, 1e-9))
    return [once if times == 1 and number == 0 else clock(run, times) for number in range(repeats)]


def _seconds(run: Callable[[], object], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        run()
    return (time.perf_counter() - start) / times


def _cuda_seconds(run: Callable[[], object], times: int) -> float:
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    begin.record()
    for _ in range(times):
        run()
    end.record()
    torch.cuda.synchronize()
    return float(begin.elapsed_time(end)) / 1000 / times


def peak_memory(device: str) -> int:
    """Return the peak in bytes: of this process's memory, or of what torch held on a GPU."""
    return torch.cuda.max_memory_allocated() if device == "cuda" else high_water("self")


def high_water(process: int | str) -> int:
    """Return VmHWM of a process in bytes, 0 if it is gone."""
    try:
        lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def matrix_rate(products: Sequence[Product], settings: Settings) -> float:
    """Return the multiplications and additions a second of plain matrix products of these shapes.

    The shapes with the most arithmetic are measured; the rate is that of doing them in the same proportions. Vectors
    and single numbers are not among them.
    """
    weights: Counter[tuple[int, int, int]] = Counter()
    for one in products:
        if min(one.rows, one.inner, one.columns) > 1:
            weights[min(one.rows, MOST_ROWS), one.inner, one.columns] += one.flops
    enough = MOST_ARITHMETIC * weights.total()
    dtype = torch.bfloat16 if settings.precision == "bf16" else torch.float32
    generator = torch.Generator(settings.device).manual_seed(0)
    counted, seconds = 0, 0.0
    for (rows, inner, columns), flops in weights.most_common():
        if counted >= enough:
            break
        left = torch.rand(rows, inner, generator=generator, device=settings.device).to(dtype)
        right = torch.rand(inner, columns, generator=generator, device=settings.device).to(dtype)
        result = left @ right
        with torch.no_grad():
            once = statistics.median(
                repeat_seconds(lambda a=left, b=right, r=result: torch.mm(a, b, out=r), 3, settings.device)  # type: ignore[misc]
            )
        counted += flops
        seconds += once * flops / Product(rows, inner, columns).flops
    return counted / seconds


def autocast(settings: Settings) -> AbstractContextManager[object]:
    """Return the context that networks run in."""
    if settings.precision == "float32":
        return nullcontext()
    return torch.autocast(settings.device, torch.bfloat16)
