"""`scalemogen vary`: motions like a given one."""

from __future__ import annotations

import argparse

from scalemogen.cli.options import warn_of_unknown_words
from scalemogen.cli.outputs import check_outputs, write_made
from scalemogen.export import read_motion
from scalemogen.pipeline import TextToMotion
from scalemogen.pipeline.devices import choose_device


def run(args: argparse.Namespace) -> int:
    """Make and write.

    Raises:
        UserError: see `TextToMotion.vary`; a file that cannot be read or written.
    """
    check_outputs(args.out, [args.motion])
    model = TextToMotion.from_pretrained(args.model, device=choose_device(args.device))
    motion = read_motion(args.motion, model.facts.skeleton, args.map)
    made = model.vary(
        motion,
        args.text,
        args.count,
        keep_scales=args.keep_scales,
        seed=args.seed,
        guidance=args.guidance,
        temperature=args.temperature,
        clean=args.clean,
    )
    warn_of_unknown_words(model, [args.text])
    titles = [f"{args.text} ({number})" for number in range(1, len(made) + 1)]
    write_made(made, titles, args)
    return 0
