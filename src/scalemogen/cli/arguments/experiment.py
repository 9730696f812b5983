"""The arguments of `scalemogen experiment`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.parser import Parser

TRAINED = ("tokenizer", "ar", "evaluator")

ORDER = (*TRAINED, "evaluate")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = Parser(
        prog="scalemogen experiment",
        description="Train the stages that are named, evaluate on validation, and write one row of figures.\n"
        f"A stage ({', '.join(ORDER)}) is left out when no option names it. Its folder is named after all\n"
        "that it depends on, so that experiments share what they have in common and go on after a stop.",
        epilog="example: scalemogen experiment tokenizer.config=experiments/tokenizer/demo.yaml tokenizer.model.bits=8"
        " ar.config=experiments/ar/demo.yaml seed=1",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "options",
        nargs="*",
        metavar="STAGE.OPTION=VALUE",
        help="option of a stage as its own command takes it; seed=N is the training seed (default: 0)",
    )
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="for result.json (default: runs/experiment/TIME)")
    parser.add_argument(
        "--stages",
        type=Path,
        default=Path("runs/stages"),
        metavar="FOLDER",
        help="of finished stages (default: %(default)s)",
    )
    return parser
