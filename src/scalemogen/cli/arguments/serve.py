"""The arguments of `scalemogen serve`."""

from __future__ import annotations

import argparse

from scalemogen.cli.options import DEVICES
from scalemogen.cli.parser import Parser

EXAMPLE = """example:
  scalemogen serve --model runs/demo/model
  scalemogen serve --model runs/demo/model --port 9000 --queue 64 --batch 16"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen serve",
        description="Serve a model: a page to make, look at, edit and download motions, and a JSON API.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", required=True, metavar="FOLDER", help="model folder that stage 2 wrote")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine)")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one (default: 8000)")
    parser.add_argument("--queue", type=int, default=32, metavar="N", help="requests that may wait (default: 32)")
    parser.add_argument("--batch", type=int, default=8, metavar="N", help="requests computed together (default: 8)")
    parser.add_argument(
        "--rate", type=int, default=60, metavar="N", help="requests for motions a minute and address (default: 60)"
    )
    parser.add_argument("--keep", type=int, default=256, metavar="N", help="motions kept in memory (default: 256)")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default: auto)")
    return parser
