"""The arguments of `scalemogen edit`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.options import add_map, add_model_options
from scalemogen.cli.parser import Parser

STRENGTHS = ("subtle", "medium", "strong", "full")
"""Names of `editing.STRENGTHS`."""

EXAMPLE = """example:
  scalemogen edit walk.bvh --model runs/demo/model --text "a person waves with the left hand" \\
    --source-text "a person walks forward" --parts "left arm" --strength full --out waving.bvh both.html
  scalemogen edit walk.bvh --model runs/demo/model --text "a person jumps" --frames 20:60 --out jump.bvh"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen edit",
        description="Change what a motion shows. Body parts and frames that are not named stay as they are.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("motion", type=Path, metavar="MOTION", help="a .bvh or .npz file")
    parser.add_argument("--text", required=True, metavar="SENTENCE", help="what the result is to show")
    parser.add_argument("--source-text", metavar="SENTENCE", help="what MOTION shows, if known; keeps more of it")
    parser.add_argument("--parts", metavar="NAMES", help='what may change, such as "left arm,head" (default: all)')
    parser.add_argument("--frames", metavar="A:B", help="frames of MOTION that may change, B not included")
    parser.add_argument(
        "--strength", choices=STRENGTHS, default="medium", help="how much may change there (default: medium)"
    )
    parser.add_argument("--gamma", type=int, metavar="N", help="keep the N coarsest scales (default: by --strength)")
    parser.add_argument(
        "--tau", type=float, metavar="X", help="change a bit if it got less probable by more (default: by --strength)"
    )
    parser.add_argument(
        "--stay", action="store_true", help="after --frames, keep the place in the world; bends the path inside"
    )
    parser.add_argument("--raw", action="store_true", help="the decoder's output, also where nothing was to change")
    add_model_options(parser, ".npz .bvh (the result), .html .mp4 .gif .png (beside the original)")
    add_map(parser, "default: the one that fits")
    return parser
