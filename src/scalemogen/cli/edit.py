"""`scalemogen edit`: change what a motion shows, everywhere or in some body parts and frames."""

from __future__ import annotations

import argparse
import json

from scalemogen.cli.options import frame_range, warn_of_unknown_words
from scalemogen.cli.outputs import at_rate, check_outputs, write_beside
from scalemogen.editing import EditRequest
from scalemogen.export import read_motion
from scalemogen.pipeline import TextToMotion
from scalemogen.pipeline.devices import choose_device


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
    motion = read_motion(args.motion, model.facts.skeleton, args.map)
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
