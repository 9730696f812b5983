"""Arguments that the commands share which make motions of motions."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scalemogen.errors import UserError

if TYPE_CHECKING:
    from scalemogen.pipeline import TextToMotion  # takes a second to import; `export` shares only --fps

DEVICES = ("auto", "cpu", "cuda")
"""What --device takes: the names of `pipeline.devices`, which loads torch."""

FASTEST = 1000
"""Most frames per second that a file can be asked for."""


def add_finish(parser: argparse.ArgumentParser) -> None:
    """Add --no-clean and --fps: what is done to motions that a model made before they are written."""
    parser.add_argument(
        "--no-clean", dest="clean", action="store_false", help="leave feet as the model moves them, sliding or not"
    )
    add_frame_rate(parser, "the model's")


def add_frame_rate(parser: argparse.ArgumentParser, usual: str) -> None:
    """Add --fps."""
    parser.add_argument(
        "--fps", type=_frame_rate, metavar="N", help=f"frames per second of the files (default: {usual})"
    )


def _frame_rate(text: str) -> float:
    """Return a frame rate.

    Raises:
        ArgumentTypeError: it is no number, or outside 1 to `FASTEST`.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 1 <= value <= FASTEST:
        raise argparse.ArgumentTypeError(f"'{text}' is no frame rate; give 1 to {FASTEST} frames per second")
    return value


def add_model_options(parser: argparse.ArgumentParser, outputs: str) -> None:
    """Add --model, sampling, what is done at the end, device, --out (with `outputs` as help) and --json."""
    parser.add_argument("--model", required=True, metavar="FOLDER", help="model folder that stage 2 wrote")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers (default: 0)")
    parser.add_argument("--guidance", type=float, help="how closely to follow the text (default: the model's)")
    parser.add_argument("--temperature", type=float, help="of the sampling (default: the model's)")
    add_finish(parser)
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default: auto)")
    parser.add_argument("--out", type=Path, nargs="+", required=True, metavar="FILE", help=outputs)
    parser.add_argument("--json", action="store_true", help="print what was made as JSON")


def add_map(parser: argparse.ArgumentParser, default: str) -> None:
    """Add --map, which joint map puts a motion of other joints on a skeleton; `default` says what happens without."""
    text = f"joint map for a motion on another skeleton: bandai_namco, cmu, mixamo or a YAML file ({default})"
    parser.add_argument("--map", metavar="MAP", help=text)


def warn_of_unknown_words(model: TextToMotion, texts: Sequence[str]) -> None:
    """Print a line on stderr that names the words which the model was not trained on, if there are any."""
    unknown = model.unknown_words(texts)
    if unknown:
        words = ", ".join(unknown)
        print(f"scalemogen: warning: the model was not trained on these words: {words}", file=sys.stderr)


def frame_range(text: str) -> tuple[int, int]:
    """Return (20, 60) of "20:60".

    Raises:
        UserError: not of this form.
    """
    match = re.fullmatch(r"\s*(\d+)\s*:\s*(\d+)\s*", text)
    if match is None:
        raise UserError(f"'{text}' is no range of frames; write first:end, such as 20:60 for frames 20 to 59")
    return int(match[1]), int(match[2])
