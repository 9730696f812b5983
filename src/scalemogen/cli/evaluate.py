"""`scalemogen evaluate`: the full protocol on a model, and two results beside each other."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from scalemogen.checkpoints import load_model
from scalemogen.cli.arguments.evaluate import EVALUATORS, RESULT, RESULTS, build_parser
from scalemogen.cli.stores import open_store
from scalemogen.data_modules import MotionStore
from scalemogen.distributed import rank, world_size
from scalemogen.errors import UserError
from scalemogen.evaluation import (
    TABLES,
    Batching,
    Draws,
    Protocol,
    Settings,
    Subject,
    as_markdown,
    compare,
    evaluate,
    find_evaluator,
    get_protocol,
    html_page,
    load_evaluator,
    markdown,
    origin_of_data,
    origin_of_evaluator,
    origin_of_model,
    origin_of_run,
    read_result,
    row_table,
    summary,
)
from scalemogen.files import atomic_path
from scalemogen.pipeline.devices import choose_device

NEEDED = ("model", "data")


def run(args: argparse.Namespace) -> int:
    """Measure or compare, write and print.

    Raises:
        UserError: see `evaluate` and `compare`; a missing option; no evaluator; a folder that cannot be written.
    """
    if args.out is not None and args.out.exists() and not args.out.is_dir():
        raise UserError(f"{args.out} is a file; name a folder")
    if args.compare is not None:
        return _compare(args)
    missing = [f"--{name}" for name in NEEDED if getattr(args, name) is None]
    if missing:
        raise UserError(f"{' and '.join(missing)}: needed to measure a model (or --compare two results)")
    with _processes():
        return _evaluate(args)


def _evaluate(args: argparse.Namespace) -> int:
    started = time.perf_counter()
    protocol = _protocol(args)
    if args.batch_size < 1:
        raise UserError(f"--batch-size {args.batch_size}: at least one motion at a time")
    device = _device(args.device)
    bundle = load_model(args.model)
    store = open_store(args.data, bundle.facts)
    path = args.evaluator or _newest_evaluator(store)
    evaluator = load_evaluator(path).to(device)
    subject = Subject(bundle, store, device=device, guidance=args.guidance, temperature=args.temperature)
    settings = Settings(
        protocol,
        repeats=args.repeats,
        seed=args.seed,
        multimodality=args.multimodality,
        batching=Batching(args.batch_size, quiet=args.json),
    )
    origin = {
        "model": origin_of_model(bundle, str(args.model)),
        "data": origin_of_data(store),
        "evaluator": origin_of_evaluator(evaluator, str(path)),
        "run": origin_of_run(torch.device(device)) | {"command": command_of(args)},
    }
    found = evaluate(subject, evaluator, args.split or ["test"], settings)
    if rank():
        return 0
    origin["run"]["seconds"] = round(time.perf_counter() - started, 1)
    result = found.result | origin
    out: Path = args.out or RESULTS / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    _write(out / "report.md", markdown(result))
    _write(out / "report.html", html_page(result, found.examples))
    _write(out / RESULT, _json(result))  # the last one: a folder that has it is complete
    if args.wandb:
        from scalemogen.cli.wandb_evaluation import log_evaluation  # loads Lightning

        log_evaluation(out, result, store)
    if args.json:
        print(_json(result), end="")
    else:
        print(f"{_text(result)}\n\nreport: {out / 'report.html'}")
    return 0


def check(args: argparse.Namespace, store: MotionStore, max_frames: int) -> None:
    """Look at what can be said of an evaluation before there is a model.

    Args:
        args: of this command.
        store: that will be measured on.
        max_frames: of the longest motion of the model to come.

    Raises:
        UserError: no repeats; an unknown protocol; a split that is not there, or has too few clips.
    """
    protocol = _protocol(args)
    if args.repeats < 1:
        raise UserError(f"--repeats {args.repeats}: at least one is needed, 20 are usual")
    for split in args.split:
        Draws(store, split, protocol, args.seed, max_frames=max_frames, min_frames=1).repeat(0)


def _protocol(args: argparse.Namespace) -> Protocol:
    protocol = get_protocol(args.protocol)
    return protocol if args.pool is None else protocol.with_pool(args.pool)


def _compare(args: argparse.Namespace) -> int:
    first, second = (read_result(path) for path in args.compare)
    comparison = compare(first, second, anyway=args.anyway)
    if args.out is not None:
        _write(args.out / "comparison.md", comparison.markdown())
        _write(args.out / "comparison.html", comparison.html())
        _write(args.out / "comparison.json", _json(comparison.to_dict()))
    print(_json(comparison.to_dict()) if args.json else comparison.markdown(), end="")
    return 0


@contextmanager
def _processes() -> Iterator[None]:
    """Join the other processes where torchrun has started several."""
    if not dist.is_torchelastic_launched() or dist.is_initialized():
        yield
        return
    dist.init_process_group("gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def _device(name: str) -> str:
    """Return the device of this process, with matrix products in full float32."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    device = choose_device(name)
    several = device == "cuda" and world_size() > 1
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if several else device


def _newest_evaluator(store: MotionStore) -> Path:
    """Return the evaluator that was last trained on this data.

    Raises:
        UserError: there is none.
    """
    found = find_evaluator(EVALUATORS, store.facts)
    if found is None:
        raise UserError(
            f"no evaluator of this data under {EVALUATORS}: train one (`make train-evaluator`), or name one"
            " (--evaluator)"
        )
    return found


def command_of(args: argparse.Namespace) -> str:
    """Return the command line that these arguments stand for."""
    words = ["scalemogen", "evaluate"]
    defaults = vars(build_parser().parse_args([]))
    for name, value in vars(args).items():
        if value != defaults.get(name):
            option = f"--{name.replace('_', '-')}"
            if isinstance(value, bool):
                words.append(option if value else f"--no-{option[2:]}")
            else:
                words += [
                    word for one in (value if isinstance(value, list) else [value]) for word in (option, str(one))
                ]
    return shlex.join(words)


def _text(result: Mapping[str, Any]) -> str:
    parts = [summary(result)]
    for name, split in result["splits"].items():
        tables = [row_table(split, columns) for columns in TABLES.values()]
        parts += [f"split {name}, {split['clips']} clips", *(as_markdown(table) for table in tables if table)]
    return "\n\n".join(parts)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=1, allow_nan=False) + "\n"


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
