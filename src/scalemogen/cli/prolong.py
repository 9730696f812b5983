"""`scalemogen prolong`: a motion that goes on."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.options import add_model_options, warn_of_unknown_words
from scalemogen.cli.outputs import check_outputs, write_made
from scalemogen.cli.parser import Parser
from scalemogen.export import read_motion
from scalemogen.pipeline import TextToMotion
from scalemogen.pipeline.devices import choose_device

EXAMPLE = """example:
  scalemogen prolong walk.bvh --seconds 10 --model runs/demo/model --text "a person walks forward" --out long.bvh"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen prolong",
        description="Let a motion go on, for longer than the model's longest motion where that is asked for.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("motion", type=Path, metavar="MOTION", help="a .bvh or .npz file with the model's joints")
    parser.add_argument("--text", required=True, metavar="SENTENCE", help="what the new frames are to show")
    parser.add_argument("--seconds", type=float, required=True, metavar="S", help="length of what is added")
    add_model_options(parser, ".npz .bvh .mp4 .gif .html .png")
    return parser


def run(args: argparse.Namespace) -> int:
    """Make and write.

    Raises:
        UserError: see `TextToMotion.prolong`; a file that cannot be read or written.
    """
    check_outputs(args.out, [args.motion])
    model = TextToMotion.from_pretrained(args.model, device=choose_device(args.device))
    motion = read_motion(args.motion, skeleton=model.facts.skeleton)
    made = model.prolong(
        motion,
        args.text,
        args.seconds,
        seed=args.seed,
        guidance=args.guidance,
        temperature=args.temperature,
        clean=args.clean,
    )
    warn_of_unknown_words(model, [args.text])
    write_made([made], [args.text], args)
    return 0
