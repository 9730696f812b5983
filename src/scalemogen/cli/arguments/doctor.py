"""The arguments of `scalemogen doctor`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.main import STAGES
from scalemogen.cli.parser import Parser


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `scalemogen doctor`."""
    parser = Parser(
        prog="scalemogen doctor",
        description="Print versions, devices and writable paths, and what is missing for which feature.\n"
        "With --recipe: what training with it costs, in parameters, operations, memory and disk; no data is needed.\n"
        "With --cluster, under srun or torchrun: can the processes of this job train together? Exit status 2 if not.",
        epilog="example: scalemogen doctor --recipe experiments/ar/humanml3d.yaml --devices 8",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of training runs (default: runs)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of motion stores (default: data)")
    parser.add_argument(
        "--recipe",
        type=Path,
        action="append",
        metavar="FILE",
        help="a recipe; again for each overlay, a later one wins",
    )
    parser.add_argument("--stage", choices=STAGES, help="of the recipe (default: told by its folder or its keys)")
    parser.add_argument("--devices", type=int, metavar="N", help="devices to train the recipe on (default: 1)")
    parser.add_argument(
        "--precision", choices=("32-true", "bf16-mixed"), help="of training (default: what training would take)"
    )
    parser.add_argument(
        "--cluster", action="store_true", help="check the processes of a job, their network and folders"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="with --cluster: an end in any case (default: 60)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser
