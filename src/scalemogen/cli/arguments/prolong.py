"""The arguments of `scalemogen prolong`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.options import add_map, add_model_options
from scalemogen.cli.parser import Parser

EXAMPLE = """example:
  scalemogen prolong walk.bvh --seconds 10 --model runs/demo/model --text "a person walks forward" --out long.bvh"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen prolong",
        description="Let a motion go on, for longer than the model's longest motion where that is asked for.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("motion", type=Path, metavar="MOTION", help="a .bvh or .npz file")
    parser.add_argument("--text", required=True, metavar="SENTENCE", help="what the new frames are to show")
    parser.add_argument("--seconds", type=float, required=True, metavar="S", help="length of what is added")
    add_model_options(parser, ".npz .bvh .mp4 .gif .html .png")
    add_map(parser, "default: the one that fits")
    return parser
