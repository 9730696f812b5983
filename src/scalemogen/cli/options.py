"""Arguments that the commands share which make motions of motions."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from scalemogen.cli.devices import DEVICES
from scalemogen.errors import UserError


def add_model_options(parser: argparse.ArgumentParser, outputs: str) -> None:
    """Add --model, sampling, device, --out (with `outputs` as help) and --json."""
    parser.add_argument("--model", required=True, metavar="FOLDER", help="model folder that stage 2 wrote")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers (default: 0)")
    parser.add_argument("--guidance", type=float, help="how closely to follow the text (default: the model's)")
    parser.add_argument("--temperature", type=float, help="of the sampling (default: the model's)")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default: auto)")
    parser.add_argument("--out", type=Path, nargs="+", required=True, metavar="FILE", help=outputs)
    parser.add_argument("--json", action="store_true", help="print what was made as JSON")


def frame_range(text: str) -> tuple[int, int]:
    """Return (20, 60) of "20:60".

    Raises:
        UserError: not of this form.
    """
    match = re.fullmatch(r"\s*(\d+)\s*:\s*(\d+)\s*", text)
    if match is None:
        raise UserError(f"'{text}' is no range of frames; write first:end, such as 20:60 for frames 20 to 59")
    return int(match[1]), int(match[2])
