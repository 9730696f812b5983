"""`scalemogen stitch`: several sentences, one motion."""

from __future__ import annotations

import argparse

from scalemogen.cli.options import add_model_options, warn_of_unknown_words
from scalemogen.cli.outputs import check_outputs, write_made
from scalemogen.cli.parser import Parser
from scalemogen.pipeline import TextToMotion
from scalemogen.pipeline.devices import choose_device

EXAMPLE = """example:
  scalemogen stitch --model runs/demo/model --text "a person walks forward" --text "a person sits down" \\
    --text "a person waves" --seconds 6 3 4 --out scene.bvh scene.html"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen stitch",
        description="Make one motion of several sentences, each going on from the one before, as long as one likes.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--text", action="append", required=True, metavar="SENTENCE", help="give it once a sentence")
    parser.add_argument(
        "--seconds", type=float, nargs="+", default=[4.0], metavar="S", help="one for all or one each (default: 4)"
    )
    add_model_options(parser, ".npz .bvh .mp4 .gif .html .png")
    return parser


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
