"""The arguments of `scalemogen preserve`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.options import DEVICES
from scalemogen.cli.parser import Parser

EXAMPLE = """example:
  scalemogen preserve --model inner-to-outer=runs/tokenizer/A/model --model flat=runs/tokenizer/B/model \\
      --data data/STORE --split test --out results/preservation
  scalemogen preserve --sweep runs/sweeps/chains --data data/STORE --out results/preservation

Models of one name are one tokenizer, trained with several seeds."""

PLOT = "preservation.svg"


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen preserve",
        description="Reconstruct held-out clips from 1, 2, ... all scales of one or several tokenizers, and compare\n"
        "bone lengths, joint angles and joints with the original, over the tokens spent.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="model folder or checkpoint; may be given several times",
    )
    parser.add_argument("--sweep", type=Path, metavar="FOLDER", help="all finished runs of a sweep of tokenizers")
    parser.add_argument("--data", type=Path, required=True, metavar="STORE", help="motion store, or its name in data/")
    parser.add_argument(
        "--split", action="append", default=[], metavar="NAME", help="may be given several times (default: test)"
    )
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default: auto)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help=f"for preservation.json, preservation.md and {PLOT}")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser
