"""The arguments of `scalemogen demo`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.parser import Parser


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = Parser(
        prog="scalemogen demo",
        description="Train all stages on embedded synthetic motion (under ten minutes on 2 CPU cores), and generate.",
        epilog="example: scalemogen demo --out runs/demo",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="folder of results (default runs/demo)")
    parser.add_argument("--data", default="data", help="folder of motion stores (default data)")
    parser.add_argument("--seed", type=int, default=0, help="seed of training and sampling (default 0)")
    return parser
