"""The arguments of `scalemogen bench`."""

from __future__ import annotations

import argparse
from types import MappingProxyType

from scalemogen.cli.parser import Parser

BENCHES = MappingProxyType(
    {"data": "opening and shuffling a large store, batches, memory of several processes, features"}
)
"""Name -> what is measured; `scalemogen.cli.bench_NAME` has `measure(clips, repeats) -> list[Figure]`."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `scalemogen bench`."""
    listed = "; ".join(f"{name}: {meaning}" for name, meaning in BENCHES.items())
    parser = Parser(
        prog="scalemogen bench",
        description=f"Measure speed and memory on this machine. {listed}.",
        epilog="example: scalemogen bench data --clips 100000",
    )
    parser.add_argument("bench", nargs="?", choices=list(BENCHES), default="data", help="what to measure")
    parser.add_argument("--clips", type=int, default=1_000_000, help="of the large store (default: 1,000,000)")
    parser.add_argument("--repeats", type=int, default=5, help="of which the median counts (default: 5)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser
