"""The arguments of `scalemogen export`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.options import add_frame_rate, add_map
from scalemogen.cli.parser import Parser

FORMAT_NAMES = ("bvh", "glb", "npz", "csv", "mp4", "gif", "html", "png")
"""Suffixes of `export.FORMATS`, and of a contact sheet."""

RESTS = ("own", "t-pose", "source")

UNITS = {"cm": 100.0, "m": 1.0}
"""Units per metre of BVH files."""

EXAMPLE = """example:
  scalemogen export walk.bvh --to mp4
  scalemogen export wave.npz --to bvh --rest t-pose --unit m
  scalemogen export walk.npz --out walk-again.bvh --rest source --like walk.bvh"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen export",
        description="Convert a motion file. Joint tree and frame rate stay those of the file, unless asked for.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("motion", type=Path, metavar="MOTION", help="a .bvh or .npz file")
    parser.add_argument("--to", choices=FORMAT_NAMES, help="format; default: by the suffix of --out")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: beside MOTION, with the format as suffix")
    parser.add_argument(
        "--rest",
        choices=RESTS,
        default="own",
        help="pose that rotations start from, .bvh and .glb: the motion's own (default), a T-pose, or hierarchy and"
        " rest pose of the file --like",
    )
    parser.add_argument("--like", type=Path, metavar="BVH", help="the file that --rest source follows")
    parser.add_argument(
        "--clean-feet", action="store_true", help="keep feet from sliding, by bending legs; prints what that changed"
    )
    add_frame_rate(parser, "the file's")
    parser.add_argument("--unit", choices=tuple(UNITS), help="of lengths in a .bvh (default: cm); Y is up in all files")
    add_map(parser, "default: the file's own skeleton")
    return parser
