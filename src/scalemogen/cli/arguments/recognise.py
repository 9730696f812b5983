"""The arguments of `scalemogen recognise`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.options import DEVICES
from scalemogen.cli.parser import Parser

EXAMPLE = """example:
  scalemogen recognise --model runs/bandai/model --data data/bandai --split test --per-action 5 --out report"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen recognise",
        description="Generate motions from a store's captions and name each by its nearest training clip.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", required=True, metavar="FOLDER", help="model folder that stage 2 wrote")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="STORE",
        help="motion store with a train split, or its name in data/",
    )
    parser.add_argument("--split", default="test", help="where captions and real clips are from (default: test)")
    parser.add_argument(
        "--label", default="content", metavar="KEY", help="attribute that names the action (default: content)"
    )
    parser.add_argument("--per-action", type=int, default=5, metavar="N", help="captions an action (default: 5)")
    parser.add_argument("--neighbours", type=int, default=1, metavar="K", help="training clips that vote (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of captions and of the motions (default: 0)")
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="seeds, this and the next (default: 1)")
    parser.add_argument("--guidance", type=float, help="how closely to follow the text (default: the model's)")
    parser.add_argument("--temperature", type=float, help="of the sampling (default: the model's)")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default: auto)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for table.md, table.json and contact sheets")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser
