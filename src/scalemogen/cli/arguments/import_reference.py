"""The arguments of `scalemogen import-reference`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalemogen.cli.parser import Parser

EXAMPLE = """example:
  scalemogen import-reference --tokenizer vq/net_best_fid.tar --predictor predictor/ckpt-best.pth \\
    --config vq/train_vq_hml.yaml predictor/train_scalemogen_predictor_hml.yaml \\
    --mean HumanML3D/Mean.npy --std HumanML3D/Std.npy --t5 models/flan-t5-xl --out models/scalemogen-humanml3d"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = Parser(
        prog="scalemogen import-reference",
        description="Turn the files that the paper's authors released into a model folder. It computes as their code"
        " does. Nothing pickled in the files is executed.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tokenizer", type=Path, required=True, metavar="FILE", help="checkpoint of the tokenizer")
    parser.add_argument("--predictor", type=Path, required=True, metavar="FILE", help="checkpoint of the predictor")
    parser.add_argument(
        "--config",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        help="train_vq*.yaml, and if at hand the predictor's and eval_scalemogen*.yaml",
    )
    parser.add_argument(
        "--mean", type=Path, required=True, metavar="FILE", help="mean of the training features: the data set's .npy"
    )
    parser.add_argument("--std", type=Path, required=True, metavar="FILE", help="their standard deviation")
    parser.add_argument(
        "--t5",
        default="google/flan-t5-xl",
        metavar="FOLDER",
        help="text encoder: a local folder, or a hub name (default: google/flan-t5-xl, as released; it is fetched, or"
        " found in the cache)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="model folder to write")
    return parser
