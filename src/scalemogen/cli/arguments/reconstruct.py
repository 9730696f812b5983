"""The arguments of `scalemogen reconstruct`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.options import DEVICES, add_map
from scalemogen.cli.parser import Parser

EXAMPLE = """example:
  scalemogen reconstruct --model runs/demo/model --motion walk.bvh --out both.html
  scalemogen reconstruct --model runs/demo/model --data data/tiny --id 000000 --out both.mp4 --json"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen reconstruct",
        description="Turn a motion into bits and back, and tell how far the joints have moved.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", required=True, metavar="FOLDER", help="model folder of stage 1 or 2")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--motion", type=Path, metavar="FILE", help="a .bvh or .npz file")
    source.add_argument("--data", type=Path, metavar="STORE", help="a motion store, or its name in data/; with --id")
    parser.add_argument("--id", metavar="CLIP", help="which clip of the store")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default: auto)")
    parser.add_argument(
        "--out",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help=".html .mp4 .gif .png (both motions side by side), .bvh .npz (the reconstruction alone)",
    )
    parser.add_argument("--json", action="store_true", help="print the errors as JSON")
    add_map(parser, "default: the one that fits")
    return parser
