"""`scalemogen inbetween`: the frames between given ones."""

from __future__ import annotations

import argparse

from scalemogen.cli.options import frame_range, warn_of_unknown_words
from scalemogen.cli.outputs import check_outputs, write_made
from scalemogen.errors import UserError
from scalemogen.export import read_motion
from scalemogen.pipeline import TextToMotion
from scalemogen.pipeline.devices import choose_device


def run(args: argparse.Namespace) -> int:
    """Make and write.

    Raises:
        UserError: see `TextToMotion.inbetween` and `TextToMotion.bridge`; a file that cannot be read or written.
    """
    check_outputs(args.out, args.motion)
    wanted = 1 if args.seconds is None else 2
    if len(args.motion) != wanted:
        use = "--keep takes one motion" if wanted == 1 else "--seconds leads from one motion to another: give two"
        raise UserError(f"{len(args.motion)} motions given; {use}")
    model = TextToMotion.from_pretrained(args.model, device=choose_device(args.device))
    first, *others = [read_motion(path, model.facts.skeleton, args.map) for path in args.motion]
    options = {"seed": args.seed, "guidance": args.guidance, "temperature": args.temperature, "clean": args.clean}
    if args.seconds is None:
        keep = [frame_range(text) for text in args.keep.split(",")]
        made = model.inbetween(first, args.text, keep, **options)
    else:
        made = model.bridge(first, others[0], args.text, args.seconds, **options)
    warn_of_unknown_words(model, [args.text])
    write_made([made], [args.text], args)
    return 0
