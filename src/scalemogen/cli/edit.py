"""`scalemogen edit`: change what a motion shows, everywhere or in some body parts and frames."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from scalemogen.cli.options import add_model_options, frame_range, warn_of_unknown_words
from scalemogen.cli.outputs import at_rate, check_outputs, write_beside
from scalemogen.cli.parser import Parser
from scalemogen.editing import STRENGTHS, EditRequest
from scalemogen.export import read_motion
from scalemogen.pipeline import TextToMotion
from scalemogen.pipeline.devices import choose_device

EXAMPLE = """example:
  scalemogen edit walk.bvh --model runs/demo/model --text "a person waves with the left hand" \\
    --source-text "a person walks forward" --parts "left arm" --strength full --out waving.bvh both.html
  scalemogen edit walk.bvh --model runs/demo/model --text "a person jumps" --frames 20:60 --out jump.bvh"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen edit",
        description="Change what a motion shows. Body parts and frames that are not named stay as they are.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("motion", type=Path, metavar="MOTION", help="a .bvh or .npz file with the model's joints")
    parser.add_argument("--text", required=True, metavar="SENTENCE", help="what the result is to show")
    parser.add_argument("--source-text", metavar="SENTENCE", help="what MOTION shows, if known; keeps more of it")
    parser.add_argument("--parts", metavar="NAMES", help='what may change, such as "left arm,head" (default: all)')
    parser.add_argument("--frames", metavar="A:B", help="frames of MOTION that may change, B not included")
    parser.add_argument(
        "--strength", choices=STRENGTHS, default="medium", help="how much may change there (default: medium)"
    )
    parser.add_argument("--gamma", type=int, metavar="N", help="keep the N coarsest scales (default: by --strength)")
    parser.add_argument(
        "--tau", type=float, metavar="X", help="change a bit if it got less probable by more (default: by --strength)"
    )
    parser.add_argument(
        "--stay", action="store_true", help="after --frames, keep the place in the world; bends the path inside"
    )
    parser.add_argument("--raw", action="store_true", help="the decoder's output, also where nothing was to change")
    add_model_options(parser, ".npz .bvh (the result), .html .mp4 .gif .png (beside the original)")
    return parser


def run(args: argparse.Namespace) -> int:
    """Edit, write and report.

    Raises:
        UserError: see `EditRequest` and `TextToMotion.edit_with_report`; a file that cannot be read or written.
    """
    check_outputs(args.out, [args.motion])
    request = EditRequest(
        text=args.text,
        source_text=args.source_text,
        parts=None if args.parts is None else tuple(name for name in args.parts.split(",") if name.strip()),
        frames=None if args.frames is None else frame_range(args.frames),
        strength=args.strength,
        gamma=args.gamma,
        tau=args.tau,
        seed=args.seed,
        compose=not args.raw,
        stay=args.stay,
    )
    model = TextToMotion.from_pretrained(args.model, device=choose_device(args.device))
    motion = read_motion(args.motion, skeleton=model.facts.skeleton)
    (edited,) = model.edit_with_report(
        [motion], [request], guidance=args.guidance, temperature=args.temperature, clean=args.clean
    )
    warn_of_unknown_words(model, [args.text, args.source_text or ""])
    original, result = at_rate([edited.original, edited.motion], args.fps)
    for path in args.out:
        write_beside(original, result, ("original", args.text), path)
    files = [str(path) for path in args.out]
    if args.json:
        print(json.dumps({"frames": edited.motion.frames, **edited.report.to_dict(), "files": files}, indent=1))
    else:
        print(edited.report.table())
        print("\n".join(files))
    return 0
