"""The arguments of `scalemogen bench`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.benchmarks.rows import GROUPS
from scalemogen.cli.parser import Parser

STORES, CURVES = "data", "curves"
ALONE = {
    STORES: "opening and shuffling a large store, batches, memory of several processes, features",
    CURVES: "time and memory over frames, batch and depth, as plots",
}
"""Words instead of rows, each of which is measured alone."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `scalemogen bench`."""
    listed = "; ".join(f"`{name}`: {meaning}" for name, meaning in ALONE.items())
    parser = Parser(
        prog="scalemogen bench",
        description="Measure speed and memory on this machine, each row in a process of its own: the median of a few"
        f" repeats after a warm-up. Without names all rows that suit the device. {listed}.",
        epilog="example: scalemogen bench generate-64 demo --against HEAD~1 --repeats 5",
    )
    parser.add_argument(
        "rows", nargs="*", metavar="NAME", help=f"rows, or groups: {', '.join(GROUPS)}; or `data` or `curves`"
    )
    parser.add_argument("--list", action="store_true", help="print all rows, measure nothing")
    parser.add_argument("--repeats", type=int, help="of which the median counts; with --against, pairs (default: 3)")
    parser.add_argument("--quick", action="store_true", help="one repeat, and no row of a full-size network")
    parser.add_argument("--against", metavar="REVISION", help="measure that revision by turns, print ratios")
    parser.add_argument("--threads", type=int, help="of torch (default: the machine's choice)")
    parser.add_argument("--precision", choices=["float32", "bf16"], default="float32", help="bf16: autocast")
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="default: a GPU if there is one"
    )
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON; - prints it instead of the table")
    parser.add_argument("--markdown", action="store_true", help="print the table once more as Markdown")
    parser.add_argument("--clips", type=int, default=1_000_000, help="of `data`'s large store (default: 1,000,000)")
    parser.add_argument("--out", type=Path, default=Path("runs/bench"), help="folder of `curves` (default: runs/bench)")
    parser.add_argument("--full-width", action="store_true", help="`curves` of the full-size networks")
    parser.add_argument("--toy", action="store_true", help=argparse.SUPPRESS)  # for tests
    return parser
