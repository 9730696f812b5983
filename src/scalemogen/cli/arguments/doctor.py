"""The arguments of `scalemogen doctor`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.parser import Parser


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `scalemogen doctor`."""
    parser = Parser(
        prog="scalemogen doctor",
        description="Print versions, devices and writable paths, and what is missing for which feature.",
        epilog="example: scalemogen doctor --json | python -m json.tool",
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of training runs (default: runs)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of motion stores (default: data)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser
