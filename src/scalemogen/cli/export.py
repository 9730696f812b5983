"""`scalemogen export`: a motion file to another format."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.outputs import SHEET, check_outputs, write_each
from scalemogen.cli.parser import Parser
from scalemogen.errors import UserError
from scalemogen.export import FORMATS, read_motion

FORMAT_NAMES = tuple(suffix.removeprefix(".") for suffix in (*FORMATS, SHEET))
EXAMPLE = """example:
  scalemogen export walk.bvh --to mp4
  scalemogen export wave.npz --to bvh --out takes/wave.bvh"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen export",
        description="Convert a motion file. Joint tree and frame rate stay those of the file.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("motion", type=Path, metavar="MOTION", help="a .bvh or .npz file")
    parser.add_argument("--to", choices=FORMAT_NAMES, help="format; default: by the suffix of --out")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: beside MOTION, with the format as suffix")
    return parser


def run(args: argparse.Namespace) -> int:
    """Read and write.

    Raises:
        UserError: no format given, two that differ, the same file twice, or a file that cannot be read or written.
    """
    if args.to is None and args.out is None:
        raise UserError(f"which format? Give --to {'|'.join(FORMAT_NAMES)} or --out FILE")
    out: Path = args.motion.with_suffix(f".{args.to}") if args.out is None else args.out
    check_outputs([out])
    if args.to is not None and out.suffix.lower() != f".{args.to}":
        raise UserError(f"--to {args.to} and --out {out} name different formats")
    if out.resolve() == args.motion.resolve():
        raise UserError(f"{out} would overwrite the motion itself; give another --out")
    print(*write_each([read_motion(args.motion)], [args.motion.stem], out), sep="\n")
    return 0
