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
from scalemogen.cli.parser import Parser
from scalemogen.cli.stores import open_store
from scalemogen.data_modules import MotionStore
from scalemogen.distributed import rank, world_size
from scalemogen.errors import UserError
from scalemogen.evaluation import (
    PROTOCOLS,
    TABLES,
    Batching,
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
from scalemogen.pipeline.devices import DEVICES, choose_device

EVALUATORS, RESULTS = Path("runs/evaluator"), Path("runs/evaluate")
"""Where `make train-evaluator` leaves its runs, and `make evaluate` its results."""

RESULT = "result.json"
NEEDED = ("model", "data")
EXAMPLE = """example:
  scalemogen evaluate --model runs/ar/NAME/model --data data/bandai --split test --split compose --out results/bandai
  scalemogen evaluate --compare results/a/result.json results/b/result.json --out results/a-b
  torchrun --nproc-per-node 4 -m scalemogen evaluate --model ... --data ... --out ...      the same numbers, sooner

Make choices on the validation split (--split val), and look at the test split once."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen evaluate",
        description="Measure real, reconstructed and generated motions side by side, or compare two results.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", metavar="FOLDER", help="model folder or checkpoint; a tokenizer alone will do")
    parser.add_argument("--data", type=Path, metavar="STORE", help="motion store")
    parser.add_argument(
        "--evaluator",
        metavar="FOLDER",
        help="model folder of an evaluator, or NAME:FILES of an official one (default: the newest of this data's"
        f" under {EVALUATORS})",
    )
    parser.add_argument(
        "--protocol",
        default="default",
        metavar="NAME",
        help=f"{', '.join(PROTOCOLS)} (default: default, the honest one)",
    )
    parser.add_argument(
        "--split", action="append", default=[], metavar="NAME", help="may be given several times (default: test)"
    )
    parser.add_argument(
        "--repeats", type=int, default=20, metavar="N", help="of everything that is drawn (default: 20)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all draws (default: 0)")
    parser.add_argument(
        "--pool", type=int, metavar="N", help="motions a sentence chooses from (default: the protocol's)"
    )
    parser.add_argument(
        "--multimodality",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="several motions for each of some sentences; on a small split this is most of the work (default: yes)",
    )
    parser.add_argument("--guidance", type=float, help="how closely to follow the text (default: the model's)")
    parser.add_argument("--temperature", type=float, help="of the sampling (default: the model's)")
    parser.add_argument(
        "--batch-size", type=int, default=64, metavar="N", help="motions at a time; changes no number (default: 64)"
    )
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default: auto)")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("A.json", "B.json"), help="two results, no model")
    parser.add_argument("--anyway", action="store_true", help="compare even what is not comparable, and say so")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help=f"for {RESULT}, report.md and report.html (default: {RESULTS}/TIME)"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


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
    protocol = get_protocol(args.protocol)
    if args.pool is not None:
        protocol = protocol.with_pool(args.pool)
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
    if args.json:
        print(_json(result), end="")
    else:
        print(f"{_text(result)}\n\nreport: {out / 'report.html'}")
    return 0


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
