"""`scalemogen measure-edits`: what edits of held-out clips keep and what they move, part by part."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path

import torch

from scalemogen.checkpoints import load_model
from scalemogen.cli.parser import Parser
from scalemogen.cli.stores import open_store
from scalemogen.errors import UserError
from scalemogen.evaluation import (
    Batching,
    choose_clips,
    edits_report,
    measure_edits,
    origin_of_data,
    origin_of_model,
    origin_of_run,
)
from scalemogen.files import atomic_path
from scalemogen.pipeline import TextToMotion
from scalemogen.pipeline.devices import DEVICES, choose_device

EXAMPLE = """example:
  scalemogen measure-edits --model runs/demo/model --data data/STORE --split test --clips 50 \\
      --text "the person raises both hands." --parts "right arm" --out results/edits"""

SAMPLING = ("guidance", "temperature")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen measure-edits",
        description="Edit held-out clips to one sentence: some parts, the middle third of the frames, or everything;\n"
        "at several strengths, with and without their own captions. Tells what was kept and what moved.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", required=True, metavar="FOLDER", help="model folder that stage 2 wrote")
    parser.add_argument("--data", type=Path, required=True, metavar="STORE", help="motion store with captions")
    parser.add_argument("--text", required=True, metavar="SENTENCE", help="what every clip is edited to show")
    parser.add_argument("--parts", required=True, metavar="NAMES", help='what may change, such as "left arm,head"')
    parser.add_argument("--split", default="test", help="where the clips are from (default: test)")
    parser.add_argument(
        "--clips", type=int, default=50, metavar="N", help="drawn from the split, at most (default: 50)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the choice of clips and of the edits (default: 0)")
    parser.add_argument("--guidance", type=float, help="how closely to follow the text (default: the model's)")
    parser.add_argument("--temperature", type=float, help="of the sampling (default: the model's)")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default: auto)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for edits.json and edits.md")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def run(args: argparse.Namespace) -> int:
    """Edit, measure, print and write.

    Raises:
        UserError: not a text-to-motion model; a store that does not fit it, lacks the split or captions; unknown parts;
            an empty or too long sentence; a number out of range; a folder that cannot be written.
    """
    if args.clips < 1:
        raise UserError(f"--clips {args.clips}: at least one is needed")
    if args.out is not None and args.out.exists() and not args.out.is_dir():
        raise UserError(f"{args.out} is a file; name a folder")
    device = choose_device(args.device)
    bundle = load_model(args.model)
    store = open_store(args.data, bundle.facts)
    model = TextToMotion(bundle, device)
    clips = choose_clips(store, args.split, args.clips, args.seed, model)
    parts = [name for name in args.parts.split(",") if name.strip()]
    sampling = {name: value for name in SAMPLING if (value := getattr(args, name)) is not None}
    result = measure_edits(model, clips, args.text, parts, Batching(quiet=args.json), **sampling)
    result |= {
        "split": args.split,
        "seed": args.seed,
        "sampling": dict(bundle.sampling) | sampling,
        "model": origin_of_model(bundle, args.model),
        "data": origin_of_data(store),
        "run": origin_of_run(torch.device(device)) | {"command": _command(args)},
    }
    report, text = edits_report(result), json.dumps(result, indent=1, allow_nan=False) + "\n"
    if args.out is not None:
        _write(args.out / "edits.md", report)
        _write(args.out / "edits.json", text)
    print(text if args.json else report, end="")
    return 0


def _command(args: argparse.Namespace) -> str:
    options = ("model", "data", "split", "clips", "seed", "text", "parts", *SAMPLING)
    given = [(name, getattr(args, name)) for name in options if getattr(args, name) is not None]
    return shlex.join(
        ["scalemogen", "measure-edits", *(word for name, value in given for word in (f"--{name}", str(value)))]
    )


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
