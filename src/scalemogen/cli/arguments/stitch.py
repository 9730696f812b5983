"""The arguments of `scalemogen stitch`."""

from __future__ import annotations

import argparse

from scalemogen.cli.options import add_model_options
from scalemogen.cli.parser import Parser

EXAMPLE = """example:
  scalemogen stitch --model runs/demo/model --text "a person walks forward" --text "a person sits down" \\
    --text "a person waves" --seconds 6 3 4 --out scene.bvh scene.html"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen stitch",
        description="Make one motion of several sentences, each going on from the one before, as long as one likes.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--text", action="append", required=True, metavar="SENTENCE", help="give it once a sentence")
    parser.add_argument(
        "--seconds", type=float, nargs="+", default=[4.0], metavar="S", help="one for all or one each (default: 4)"
    )
    add_model_options(parser, ".npz .bvh .mp4 .gif .html .png")
    return parser
