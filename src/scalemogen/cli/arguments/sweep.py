"""The arguments of `scalemogen sweep`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.parser import Parser


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = Parser(
        prog="scalemogen sweep",
        description="Run a W&B sweep file (grid, random or bayes). Finished runs are found again, so the same command\n"
        "goes on after a stop, and helps on other machines that share the folder. With a W&B key the sweep is\n"
        "made on the server, and this machine works on it.",
        epilog="example: scalemogen sweep experiments/sweeps/scales_x_bits.yaml --jobs 2",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, help="the sweep file")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="fix a parameter; may be repeated"
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="runs at the same time (default: 1)")
    parser.add_argument("--count", type=int, metavar="N", help="runs at most (default: all, or the file's run_cap)")
    parser.add_argument("--seed", type=int, default=0, help="of methods random and bayes (default: 0)")
    parser.add_argument("--local", action="store_true", help="run here, even where a W&B server is configured")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="folder of runs, table and plots (default: runs/sweeps/NAME)"
    )
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    return parser
