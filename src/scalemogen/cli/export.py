"""`scalemogen export`: a motion file to another format."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import torch

from scalemogen.cleaning import clean_feet, find_feet
from scalemogen.cli.arguments.export import FORMAT_NAMES, UNITS
from scalemogen.cli.outputs import at_rate, check_outputs, write_each
from scalemogen.errors import UserError
from scalemogen.export import read_motion, write_bvh, write_bvh_like
from scalemogen.motion import Motion
from scalemogen.motion.rest import reposed, t_pose


def run(args: argparse.Namespace) -> int:
    """Read and write.

    Raises:
        UserError: no format given, two that differ, the same file twice, options without effect, a skeleton without
            T-pose, or a file that cannot be read or written.
    """
    if args.to is None and args.out is None:
        raise UserError(f"which format? Give --to {'|'.join(FORMAT_NAMES)} or --out FILE")
    out: Path = args.motion.with_suffix(f".{args.to}") if args.out is None else args.out
    check_outputs([out], [args.motion] if args.like is None else [args.motion, args.like])
    if args.to is not None and out.suffix.lower() != f".{args.to}":
        raise UserError(f"--to {args.to} and --out {out} name different formats")
    _check_rest(args, out.suffix.lower())
    motion = read_motion(args.motion, joint_map=args.map)
    if args.clean_feet:
        motion = _clean(motion, args.motion)
    (motion,) = at_rate([motion], args.fps)
    if args.rest == "t-pose":
        motion = reposed(motion, t_pose(motion))
    if out.suffix.lower() == ".bvh":
        _write_bvh(motion, out, args)
    else:
        write_each([motion], [args.motion.stem], out)
    print(out)
    return 0


def _clean(motion: Motion, path: Path) -> Motion:
    """Clean the feet, and say on stderr how far they slid and what moved.

    Raises:
        UserError: a skeleton without feet.
    """
    if not find_feet(motion.skeleton):
        raise UserError(f"{path}: no legs with feet can be told among its joints: --clean-feet has nothing to work on")
    cleaned = clean_feet(motion)
    before, after = (_sliding(one) for one in (motion, cleaned))
    moved = 100 * torch.linalg.vector_norm(cleaned.positions - motion.positions, dim=-1)
    print(
        f"feet slide in {before} of the frames in which one stands, when cleaned in {after};"
        f" joints moved by {float(moved.mean()):.1f} cm on the mean, {float(moved.max()):.1f} cm at most",
        file=sys.stderr,
    )
    return cleaned


def _sliding(motion: Motion) -> str:
    from scalemogen.metrics.functional import foot_skating  # loads torchmetrics, which --help does not need

    ratio = float(foot_skating(motion.positions[None], None, skeleton=motion.skeleton, fps=motion.fps).ratio)
    return "none" if math.isnan(ratio) else f"{ratio:.0%}"  # none stands


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
