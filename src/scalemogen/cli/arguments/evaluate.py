"""The arguments of `scalemogen evaluate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.options import DEVICES
from scalemogen.cli.parser import Parser

EVALUATORS, RESULTS = Path("runs/evaluator"), Path("runs/evaluate")
"""Where `make train-evaluator` leaves its runs, and `make evaluate` its results."""

RESULT = "result.json"
PROTOCOLS = ("default", "humanml3d", "humanml3d-deterministic", "kit", "snapmogen")
"""Names of `evaluation.PROTOCOLS`."""

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
    parser.add_argument("--data", type=Path, metavar="STORE", help="motion store, or its name in data/")
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
    parser.add_argument(
        "--wandb", action="store_true", help="log figures, model and data as a W&B run, offline without a key"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser
