"""The arguments of `scalemogen data`."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scalemogen.cli.parser import Parser

MAPS = ("bandai_namco", "cmu", "mixamo")
FLOORS = ("lowest", "keep")
LAYOUTS = ("humanml3d", "humanml3d-published", "snapmogen")
STATISTICS = ("computed", "published")
_BY_NAME = "new_joint_vecs, texts, train.txt, val.txt and test.txt"
PUBLISHED = MappingProxyType(
    {
        "humanml3d": ("HumanML3D", _BY_NAME),
        "kit": ("KIT-ML", _BY_NAME),
        "snapmogen": ("SnapMoGen", "renamed_feats, all_caption_clean.json and data_split_info"),
    }
)
"""Published data sets: what they are called, and which files they are made of."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `scalemogen data`."""
    parser = Parser(
        prog="scalemogen data",
        description="Build, check and describe motion stores.",
        epilog="example: scalemogen data synthetic --clips 500 --out data/tiny && scalemogen data info data/tiny",
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="{synthetic,bvh,humanml3d,kit,snapmogen,check,info,shards}"
    )
    _add_synthetic(commands)
    _add_bvh(commands)
    _add_published(commands)
    check = commands.add_parser(
        "check",
        help="read a whole store and list what is wrong",
        epilog="example: scalemogen data check data/tiny --strict",
    )
    check.add_argument("--strict", action="store_true", help="exit with status 1 if there is anything to report")
    info = commands.add_parser(
        "info",
        help="print sizes, lengths, captions, skeleton, licence",
        epilog="example: scalemogen data info data/tiny --html tiny.html",
    )
    info.add_argument(
        "--html", type=Path, metavar="FILE", help="also write a page: plots, samples that play, augmentations"
    )
    info.add_argument("--seed", type=int, default=0, help="of the samples and augmentations shown (default: 0)")
    shards = commands.add_parser(
        "shards",
        help="write a store in litdata shards, for machines without a shared disk",
        epilog="example: scalemogen data shards data/hml --out data/hml-shards",
    )
    shards.add_argument("--out", type=Path, required=True, help="folder of the shards; replaced if it exists")
    shards.add_argument("--megabytes", type=int, default=64, metavar="MB", help="of a shard, about (default: 64)")
    for command in (check, info, shards):
        command.add_argument("store", type=Path, help="folder of the store, or its name in data/")
        command.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _add_synthetic(commands: Any) -> None:
    parser = commands.add_parser(
        "synthetic",
        help="generate procedural motions with captions",
        epilog="example: scalemogen data synthetic --clips 2000 --out data/synthetic",
    )
    parser.add_argument("--clips", type=int, default=2000, help="number of clips (default: 2000)")
    parser.add_argument("--seed", type=int, default=0, help="of the generator (default: 0)")
    parser.add_argument("--simple", action="store_true", help="one neutral action a clip, at most twice")
    _add_common(parser)


def _add_bvh(commands: Any) -> None:
    parser = commands.add_parser(
        "bvh",
        help="a folder or zip archive of BVH files",
        epilog="example: scalemogen data bvh --source takes.zip --captions captions.csv --name 'My takes'"
        " --licence 'CC BY 4.0' --citation 'Me, 2026' --out data/mine",
    )
    parser.add_argument("--source", type=Path, required=True, help="folder or zip archive, read in place")
    parser.add_argument("--captions", default="", help="CSV file with the columns clip, file, split, caption")
    parser.add_argument(
        "--names",
        default="",
        metavar="PATTERN",
        help="in place of a table: '{action}_{style}_{take}', or a regular expression with named groups, for the names"
        " of the files; fields become attributes, a field 'split' the split",
    )
    parser.add_argument(
        "--caption", default="", metavar="SENTENCE", help="made of the fields of --names: 'a person does {action}'"
    )
    parser.add_argument("--name", required=True, help="of the data set")
    parser.add_argument("--licence", required=True, help="of the data")
    parser.add_argument("--citation", required=True, help="how to cite the data")
    parser.add_argument(
        "--skeleton", default="", help="name or YAML file (default: derived from the first file that can be read)"
    )
    parser.add_argument(
        "--map",
        default="",
        help=f"put all files on one skeleton by a joint map: {', '.join(MAPS)}, or a YAML file",
    )
    parser.add_argument(
        "--window", type=float, default=0.0, metavar="SECONDS", help="cut longer takes into windows of this length"
    )
    parser.add_argument(
        "--overlap", type=float, default=0.0, metavar="SECONDS", help="that two windows share (default: 0)"
    )
    parser.add_argument(
        "--floor",
        choices=FLOORS,
        default="lowest",
        help="put each clip's lowest joint at height 0, or keep heights (default: lowest)",
    )
    _add_common(parser)


def _add_published(commands: Any) -> None:
    for name, (title, files) in PUBLISHED.items():
        parser = commands.add_parser(
            name,
            help=f"{title} in its published form",
            epilog=f"example: scalemogen data {name} downloads/{name} --out data/{name} --strict",
        )
        raw = name == "humanml3d"
        parser.add_argument("source", type=Path, nargs="?" if raw else None, help=f"folder with {files}")
        parser.add_argument(
            "--statistics",
            choices=STATISTICS,
            default="computed",
            help="mean and deviation: of the training split, or the data set's own files (default: computed)",
        )
        _add_output(parser)
        if raw:
            _add_amass(parser)


def _add_amass(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "from raw AMASS, in place of the published features",
        "a build that was stopped goes on where it stopped, from OUT.parts",
    )
    group.add_argument(
        "--amass", type=Path, metavar="DIR", help="unpacked subsets ('SMPL+H G'), and HumanAct12's folder humanact12"
    )
    group.add_argument(
        "--body-model",
        type=Path,
        metavar="DIR",
        help="SMPL-H: male/model.npz and female/model.npz, or SMPLH_male.pkl ...",
    )
    group.add_argument("--index", type=Path, metavar="CSV", help="the data set's index.csv")
    group.add_argument(
        "--texts", type=Path, metavar="DIR", help="folder with texts (or texts.zip), train.txt, val.txt, test.txt"
    )
    group.add_argument("--workers", type=int, default=0, help="processes that work in parallel (default: this one)")


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder of the store; replaced if it exists")
    parser.add_argument("--strict", action="store_true", help="exit with status 1 if anything was set aside")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_common(parser: argparse.ArgumentParser) -> None:
    _add_output(parser)
    parser.add_argument("--fps", type=float, default=20.0, help="frame rate of the store (default: 20)")
    parser.add_argument("--layout", choices=LAYOUTS, default="humanml3d", help="feature layout (default: humanml3d)")
    parser.add_argument("--mirror", action="store_true", help="add mirrored copies of the training clips")
    parser.add_argument("--workers", type=int, default=0, help="processes that work in parallel (default: this one)")
