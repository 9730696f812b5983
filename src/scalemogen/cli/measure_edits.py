"""`scalemogen measure-edits`: what edits of held-out clips keep and what they move, part by part."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path

import torch

from scalemogen.checkpoints import load_model
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
from scalemogen.pipeline.devices import choose_device

SAMPLING = ("guidance", "temperature")


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
