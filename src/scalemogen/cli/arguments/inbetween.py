"""The arguments of `scalemogen inbetween`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.options import add_map, add_model_options
from scalemogen.cli.parser import Parser

EXAMPLE = """example:
  scalemogen inbetween walk.bvh --keep 0:20,60:80 --model runs/demo/model --text "a person jumps" --out jump.bvh
  scalemogen inbetween sit.bvh walk.bvh --seconds 2 --model runs/demo/model --text "a person gets up" --out both.bvh"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen inbetween",
        description="Keep ranges of one motion and make the rest anew, or lead from one motion to another.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("motion", type=Path, nargs="+", metavar="MOTION", help="one or two .bvh or .npz files")
    parser.add_argument("--text", required=True, metavar="SENTENCE", help="what the new frames are to show")
    between = parser.add_mutually_exclusive_group(required=True)
    between.add_argument("--keep", metavar="A:B,...", help="one MOTION: ranges of frames that stay where they are")
    between.add_argument(
        "--seconds", type=float, metavar="S", help="two MOTIONs: length of what leads from one to other"
    )
    add_model_options(parser, ".npz .bvh .mp4 .gif .html .png")
    add_map(parser, "default: the one that fits")
    return parser
