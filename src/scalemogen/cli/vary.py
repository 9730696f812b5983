"""`scalemogen vary`: motions like a given one."""

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
  scalemogen vary wave.bvh --count 5 --model runs/demo/model --text "a person waves" --out waves.html waves.bvh"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen vary",
        description="Draw motions like a given one: its coarsest scales stay, the finer ones are drawn anew.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("motion", type=Path, metavar="MOTION", help="a .bvh or .npz file with the model's joints")
    parser.add_argument("--text", required=True, metavar="SENTENCE", help="what MOTION shows")
    parser.add_argument("--count", type=int, default=4, metavar="N", help="how many (default: 4)")
    parser.add_argument("--keep-scales", type=int, metavar="K", help="scales that stay (default: half of them)")
    add_model_options(parser, ".npz .bvh .mp4 .gif (numbered when there are several), .html or .png (all in one file)")
    return parser


def run(args: argparse.Namespace) -> int:
    """Make and write.

    Raises:
        UserError: see `TextToMotion.vary`; a file that cannot be read or written.
    """
    check_outputs(args.out, [args.motion])
    model = TextToMotion.from_pretrained(args.model, device=choose_device(args.device))
    motion = read_motion(args.motion, skeleton=model.facts.skeleton)
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
