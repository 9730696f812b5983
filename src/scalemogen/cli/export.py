"""`scalemogen export`: a motion file to another format."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.outputs import SHEET, check_outputs, write_each
from scalemogen.cli.parser import Parser
from scalemogen.errors import UserError
from scalemogen.export import FORMATS, read_motion, write_bvh, write_bvh_like
from scalemogen.motion import Motion
from scalemogen.motion.rest import reposed, t_pose

FORMAT_NAMES = tuple(suffix.removeprefix(".") for suffix in (*FORMATS, SHEET))
RESTS = ("own", "t-pose", "source")
UNITS = {"cm": 100.0, "m": 1.0}
"""Units per metre of BVH files."""

EXAMPLE = """example:
  scalemogen export walk.bvh --to mp4
  scalemogen export wave.npz --to bvh --rest t-pose --unit m
  scalemogen export edited.npz --out edited.bvh --rest source --like walk.bvh"""


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
    parser.add_argument(
        "--rest",
        choices=RESTS,
        default="own",
        help="pose that rotations start from, .bvh and .glb: the motion's own (default), a T-pose, or hierarchy and"
        " rest pose of the file --like",
    )
    parser.add_argument("--like", type=Path, metavar="BVH", help="the file that --rest source follows")
    parser.add_argument("--unit", choices=tuple(UNITS), help="of lengths in a .bvh (default: cm); Y is up in all files")
    return parser


def run(args: argparse.Namespace) -> int:
    """Read and write.

    Raises:
        UserError: no format given, two that differ, the same file twice, options without effect, a skeleton without
            T-pose, or a file that cannot be read or written.
    """
    if args.to is None and args.out is None:
        raise UserError(f"which format? Give --to {'|'.join(FORMAT_NAMES)} or --out FILE")
    out: Path = args.motion.with_suffix(f".{args.to}") if args.out is None else args.out
    check_outputs([out])
    if args.to is not None and out.suffix.lower() != f".{args.to}":
        raise UserError(f"--to {args.to} and --out {out} name different formats")
    if out.resolve() == args.motion.resolve():
        raise UserError(f"{out} would overwrite the motion itself; give another --out")
    _check_rest(args, out.suffix.lower())
    motion = read_motion(args.motion)
    if args.rest == "t-pose":
        motion = reposed(motion, t_pose(motion))
    if out.suffix.lower() == ".bvh":
        _write_bvh(motion, out, args)
    else:
        write_each([motion], [args.motion.stem], out)
    print(out)
    return 0


def _check_rest(args: argparse.Namespace, suffix: str) -> None:
    """Refuse options that the format, or another option, leaves without effect."""
    if (args.rest == "source") != (args.like is not None):
        raise UserError("--rest source and --like FILE.bvh go together: whose hierarchy and rest pose")
    if args.rest != "own" and suffix not in ((".bvh",) if args.like else (".bvh", ".glb")):
        raise UserError(f"--rest {args.rest} has no effect on {suffix} files")
    if args.unit is not None and (suffix != ".bvh" or args.like):
        raise UserError("--unit is for .bvh files; with --like the unit is that file's")


def _write_bvh(motion: Motion, out: Path, args: argparse.Namespace) -> None:
    if args.like is None:
        write_bvh(motion, out, UNITS[args.unit or "cm"])
    else:
        write_bvh_like(motion, out, args.like)
