"""`scalemogen data humanml3d` from AMASS."""

from __future__ import annotations

import argparse

from scalemogen.data_modules import AmassSet, MotionStore, build_amass
from scalemogen.errors import UserError

NEEDED = ("amass", "body_model", "index", "texts")
"""Options that belong together."""


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
