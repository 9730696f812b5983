"""`scalemogen preserve`: how far tokenizers bend and stretch the skeleton after each scale, beside each other."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

import torch

from scalemogen.checkpoints import load_model
from scalemogen.cli.arguments.preserve import PLOT
from scalemogen.cli.stores import open_store
from scalemogen.data_modules import MotionStore
from scalemogen.errors import UserError
from scalemogen.evaluation import (
    Batching,
    Contender,
    Subject,
    origin_of_data,
    origin_of_model,
    origin_of_run,
    preservation,
    preservation_plot,
    preservation_report,
)
from scalemogen.files import atomic_path
from scalemogen.pipeline.devices import choose_device


def run(args: argparse.Namespace) -> int:
    """Measure, print and write.

    Raises:
        UserError: no models, or some that cannot be read or set beside each other; a store that does not fit them or
            lacks the split; a folder that cannot be written.
    """
    if args.out is not None and args.out.exists() and not args.out.is_dir():
        raise UserError(f"{args.out} is a file; name a folder")
    named = [_named(text) for text in args.model] + ([] if args.sweep is None else models_of_sweep(args.sweep))
    if not named:
        raise UserError("no model: give --model NAME=FOLDER, or --sweep FOLDER")
    device = choose_device(args.device)
    contenders, store, origins = _load(named, args.data, device)
    result = preservation(contenders, store, args.split or ["test"], Batching(quiet=args.json))
    for name, models in origins.items():
        result["tokenizers"][name]["models"] = models
    result |= {"data": origin_of_data(store), "run": origin_of_run(torch.device(device)) | {"command": _command(args)}}
    report = preservation_report(result, PLOT)
    text = json.dumps(result, indent=1, allow_nan=False) + "\n"
    if args.out is not None:
        _write(args.out / PLOT, preservation_plot(result))
        _write(args.out / "preservation.md", report)
        _write(args.out / "preservation.json", text)
    print(text if args.json else report, end="")
    return 0


def models_of_sweep(folder: Path) -> list[tuple[str, str]]:
    """Return name and model folder of every finished run of a sweep; the name is what its row differs in.

    Raises:
        UserError: no table of a sweep there, or no run in it.
    """
    path = folder / "table.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        points = [row["parameters"] for row in rows]
        varied = [name for name in points[0] if any(point.get(name) != points[0][name] for point in points)]
        return [
            (", ".join(str(row["parameters"][name]) for name in varied) or folder.name, _tokenizer_of(folder / digest))
            for row in rows
            for digest in row["runs"]
        ]
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error} (`scalemogen sweep` writes it)") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UserError(f"{path} is no table of finished runs: {type(error).__name__} {error}") from error


def _tokenizer_of(run: Path) -> str:
    """Return the model folder of a run: its own, or that of its stage where it trained several."""
    if (run / "model").is_dir():
        return str(run / "model")
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    return str(Path(result["stages"]["tokenizer"]["folder"]) / "model")


def _named(text: str) -> tuple[str, str]:
    name, separator, folder = text.partition("=")
    if not separator or not name or not folder:
        raise UserError(f"--model {text}: needed is NAME=FOLDER")
    return name, folder


def _load(
    named: list[tuple[str, str]], data: Path, device: str
) -> tuple[list[Contender], MotionStore, dict[str, list[dict[str, Any]]]]:
    """Return the tokenizers by name, the store, and where the models of each name are from."""
    subjects: dict[str, list[Subject]] = {}
    origins: dict[str, list[dict[str, Any]]] = {}
    for name, folder in named:
        bundle = load_model(folder)
        store = open_store(data, bundle.facts)
        subjects.setdefault(name, []).append(Subject(bundle, store, device=device))
        origins.setdefault(name, []).append(origin_of_model(bundle, folder))
    return [Contender(name, models) for name, models in subjects.items()], store, origins


def _command(args: argparse.Namespace) -> str:
    words = ["scalemogen", "preserve"]
    for option, values in (("--model", args.model), ("--sweep", [args.sweep]), ("--data", [args.data])):
        words += [word for value in values if value is not None for word in (option, str(value))]
    return shlex.join(words + [word for split in args.split for word in ("--split", split)])


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
