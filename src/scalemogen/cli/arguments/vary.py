"""The arguments of `scalemogen vary`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.options import add_map, add_model_options
from scalemogen.cli.parser import Parser

EXAMPLE = """example:
  scalemogen vary wave.bvh --count 5 --model runs/demo/model --text "a person waves" --out waves.html waves.bvh"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen vary",
        description="Draw motions like a given one: its coarsest scales stay, the finer ones are drawn anew.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("motion", type=Path, metavar="MOTION", help="a .bvh or .npz file")
    parser.add_argument("--text", required=True, metavar="SENTENCE", help="what MOTION shows")
    parser.add_argument("--count", type=int, default=4, metavar="N", help="how many (default: 4)")
    parser.add_argument("--keep-scales", type=int, metavar="K", help="scales that stay (default: half of them)")
    add_model_options(parser, ".npz .bvh .mp4 .gif (numbered when there are several), .html or .png (all in one file)")
    add_map(parser, "default: the one that fits")
    return parser
