"""`scalemogen stitch`: several sentences, one motion."""

from __future__ import annotations

import argparse

from scalemogen.cli.options import warn_of_unknown_words
from scalemogen.cli.outputs import check_outputs, write_made
from scalemogen.pipeline import TextToMotion
from scalemogen.pipeline.devices import choose_device


def run(args: argparse.Namespace) -> int:
    """Make and write.

    Raises:
        UserError: see `TextToMotion.stitch`; a file that cannot be written.
    """
    check_outputs(args.out)
    seconds = args.seconds[0] if len(args.seconds) == 1 else args.seconds
    model = TextToMotion.from_pretrained(args.model, device=choose_device(args.device))
    made = model.stitch(
        args.text, seconds, seed=args.seed, guidance=args.guidance, temperature=args.temperature, clean=args.clean
    )
    warn_of_unknown_words(model, args.text)
    write_made([made], [" / ".join(args.text)], args)
    return 0
