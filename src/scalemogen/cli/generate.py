"""`scalemogen generate`: sentences to motions."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

from scalemogen.cli.options import warn_of_unknown_words
from scalemogen.cli.outputs import at_rate, check_outputs, write_each
from scalemogen.errors import UserError
from scalemogen.export import TokenPyramid, split_tokens
from scalemogen.motion import Motion
from scalemogen.pipeline import TextToMotion
from scalemogen.pipeline.devices import choose_device
from scalemogen.sampling import keeping_tokens


def run(args: argparse.Namespace) -> int:
    """Generate and write.

    Raises:
        UserError: see `TextToMotion.generate`; no sentence; a file that cannot be read or written.
    """
    check_outputs(args.out)
    texts = [*args.text, *read_sentences(args.texts)]
    seconds = args.seconds[0] if len(args.seconds) == 1 else args.seconds
    model = TextToMotion.from_pretrained(args.model, device=choose_device(args.device))
    started = time.perf_counter()
    with keeping_tokens() as batches:
        motions = model.generate(
            texts,
            seconds=seconds,
            seed=args.seed,
            guidance=args.guidance,
            temperature=args.temperature,
            clean=args.clean,
        )
    taken = time.perf_counter() - started
    warn_of_unknown_words(model, texts)
    tokens = _in_order(split_tokens(model.spec, batches, model.facts.fps), motions)
    motions = at_rate(motions, args.fps)
    files = [str(written) for path in args.out for written in write_each(motions, texts, path, tokens)]
    if args.json:
        made = [
            {"text": text, "seed": args.seed + number, "frames": motion.frames, "seconds": motion.seconds}
            for number, (text, motion) in enumerate(zip(texts, motions, strict=True))
        ]
        print(json.dumps({"motions": made, "files": files, "generation_seconds": taken}, indent=1))
    else:
        print("\n".join(files))
    return 0


def _in_order(drawn: Sequence[TokenPyramid], motions: Sequence[Motion]) -> list[TokenPyramid]:
    """Return the bits in the order of the motions; they were drawn longest motion first."""
    order = sorted(range(len(motions)), key=lambda row: -motions[row].frames)
    return [tokens for _, tokens in sorted(zip(order, drawn, strict=True), key=lambda pair: pair[0])]


def read_sentences(path: Path | None) -> list[str]:
    """Return the sentences of a text file, one a line, without comments; none of no file.

    Raises:
        UserError: it cannot be read as UTF-8.
    """
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a UTF-8 text file: {error.reason} at byte {error.start}") from error
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
