"""`scalemogen bench`: how fast parts of the package are on this machine; medians of a few repeats."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module

from scalemogen.errors import UserError


@dataclass(frozen=True)
class Figure:
    """One number.

    Attributes:
        name: what was measured.
        value: the number.
        unit: its unit.
    """

    name: str
    value: float
    unit: str


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    if args.clips < 1000 or args.repeats < 1:
        raise UserError(f"{args.clips} clips, {args.repeats} repeats: at least 1,000 and 1 are needed")
    figures: list[Figure] = import_module(f"scalemogen.cli.bench_{args.bench}").measure(args.clips, args.repeats)
    if args.json:
        print(json.dumps([asdict(figure) for figure in figures], indent=2))
        return 0
    for figure in figures:
        print(f"{figure.value:>12.4g} {figure.unit:<14} {figure.name}")
    return 0


def median_seconds(work: Callable[[], object], repeats: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the median time of some calls by a clock, after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        start = clock()
        work()
        times.append(clock() - start)
    return statistics.median(times)
