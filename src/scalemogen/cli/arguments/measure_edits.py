"""The arguments of `scalemogen measure-edits`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.options import DEVICES
from scalemogen.cli.parser import Parser

EXAMPLE = """example:
  scalemogen measure-edits --model runs/demo/model --data data/STORE --split test --clips 50 \\
      --text "the person raises both hands." --parts "right arm" --out results/edits"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen measure-edits",
        description="Edit held-out clips to one sentence: some parts, the middle third of the frames, or everything;\n"
        "at several strengths, with and without their own captions. Tells what was kept and what moved.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", required=True, metavar="FOLDER", help="model folder that stage 2 wrote")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="STORE", help="motion store with captions, or its name in data/"
    )
    parser.add_argument("--text", required=True, metavar="SENTENCE", help="what every clip is edited to show")
    parser.add_argument("--parts", required=True, metavar="NAMES", help='what may change, such as "left arm,head"')
    parser.add_argument("--split", default="test", help="where the clips are from (default: test)")
    parser.add_argument(
        "--clips", type=int, default=50, metavar="N", help="drawn from the split, at most (default: 50)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the choice of clips and of the edits (default: 0)")
    parser.add_argument("--guidance", type=float, help="how closely to follow the text (default: the model's)")
    parser.add_argument("--temperature", type=float, help="of the sampling (default: the model's)")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default: auto)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for edits.json and edits.md")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser
