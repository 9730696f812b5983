"""The arguments of `scalemogen generate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.options import DEVICES, add_finish
from scalemogen.cli.parser import Parser

EXAMPLE = """example:
  scalemogen generate --model runs/demo/model --text "a person waves with the left hand" --seconds 4 --out wave.mp4
  scalemogen generate --model runs/demo/model --texts sentences.txt --seconds 3 --out page.html motions/m.bvh"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen generate",
        description="Make a motion of a sentence, or one of each of several sentences.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", required=True, metavar="FOLDER", help="model folder that stage 2 wrote")
    parser.add_argument("--text", action="append", default=[], metavar="SENTENCE", help="may be given several times")
    parser.add_argument("--texts", type=Path, metavar="FILE", help="text file, a sentence a line; # begins a comment")
    parser.add_argument(
        "--seconds", type=float, nargs="+", default=[4.0], metavar="S", help="one for all or one each (default: 4)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the first sentence; the next one has the next number (default: 0)"
    )
    parser.add_argument("--guidance", type=float, help="how closely to follow the text (default: the model's)")
    parser.add_argument("--temperature", type=float, help="of the sampling (default: the model's)")
    add_finish(parser)
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default: auto)")
    parser.add_argument(
        "--out",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        help=".bvh .glb .npz .csv .mp4 .gif (numbered where there are several motions), .html .png (all in one file)",
    )
    parser.add_argument("--json", action="store_true", help="print what was made as JSON")
    return parser
