"""`scalemogen inbetween`: the frames between given ones."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.options import add_model_options, frame_range, warn_of_unknown_words
from scalemogen.cli.outputs import check_outputs, write_made
from scalemogen.cli.parser import Parser
from scalemogen.errors import UserError
from scalemogen.export import read_motion
from scalemogen.pipeline import TextToMotion
from scalemogen.pipeline.devices import choose_device

EXAMPLE = """example:
  scalemogen inbetween walk.bvh --keep 0:20,60:80 --model runs/demo/model --text "a person jumps" --out jump.bvh
  scalemogen inbetween sit.bvh walk.bvh --seconds 2 --model runs/demo/model --text "a person gets up" --out both.bvh"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen inbetween",
        description="Keep ranges of one motion and make the rest anew, or lead from one motion to another.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("motion", type=Path, nargs="+", metavar="MOTION", help="one or two .bvh or .npz files")
    parser.add_argument("--text", required=True, metavar="SENTENCE", help="what the new frames are to show")
    between = parser.add_mutually_exclusive_group(required=True)
    between.add_argument("--keep", metavar="A:B,...", help="one MOTION: ranges of frames that stay where they are")
    between.add_argument(
        "--seconds", type=float, metavar="S", help="two MOTIONs: length of what leads from one to other"
    )
    add_model_options(parser, ".npz .bvh .mp4 .gif .html .png")
    return parser


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
    first, *others = [read_motion(path, skeleton=model.facts.skeleton) for path in args.motion]
    options = {"seed": args.seed, "guidance": args.guidance, "temperature": args.temperature, "clean": args.clean}
    if args.seconds is None:
        keep = [frame_range(text) for text in args.keep.split(",")]
        made = model.inbetween(first, args.text, keep, **options)
    else:
        made = model.bridge(first, others[0], args.text, args.seconds, **options)
    warn_of_unknown_words(model, [args.text])
    write_made([made], [args.text], args)
    return 0
