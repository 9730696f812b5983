"""The options of `scalemogen data humanml3d` that make the data set from AMASS."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.data_modules import AmassSet, MotionStore, build_amass
from scalemogen.errors import UserError

NEEDED = ("amass", "body_model", "index", "texts")
"""Options that belong together."""


def add_amass(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group(
        "from raw AMASS, in place of the published features",
        "a build that was stopped goes on where it stopped, from OUT.parts",
    )
    group.add_argument(
        "--amass", type=Path, metavar="DIR", help="unpacked subsets ('SMPL+H G'), and HumanAct12's folder humanact12"
    )
    group.add_argument(
        "--body-model",
        type=Path,
        metavar="DIR",
        help="SMPL-H: male/model.npz and female/model.npz, or SMPLH_male.pkl ...",
    )
    group.add_argument("--index", type=Path, metavar="CSV", help="the data set's index.csv")
    group.add_argument(
        "--texts", type=Path, metavar="DIR", help="folder with texts (or texts.zip), train.txt, val.txt, test.txt"
    )
    group.add_argument("--workers", type=int, default=0, help="processes that work in parallel (default: this one)")


def from_amass(args: argparse.Namespace) -> bool:
    """Return whether the data set is to be made from AMASS.

    Raises:
        UserError: both sources or none are given, or not all options that belong together.
    """
    given = [option for option in NEEDED if getattr(args, option) is not None]
    told = ", ".join(f"--{option.replace('_', '-')}" for option in NEEDED)
    if bool(given) == (args.source is not None):
        raise UserError(f"give the folder of the published data set, or {told}")
    if given and (missing := [option for option in NEEDED if option not in given]):
        raise UserError(f"--{missing[0].replace('_', '-')} is missing: {told} belong together")
    if not given and args.workers:
        raise UserError("--workers works only with --amass: published features are only read")
    return bool(given)


def build_from_amass(args: argparse.Namespace) -> MotionStore:
    """Build the store."""
    out = args.out.resolve()
    source = AmassSet(
        args.texts,
        amass=args.amass,
        body_model=args.body_model,
        index=args.index,
        parts=out.with_name(f"{out.name}.parts"),
        processes=args.workers,
    )
    return build_amass(args.out, source, statistics=args.statistics, progress=not args.json)
