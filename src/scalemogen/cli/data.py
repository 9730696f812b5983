"""`scalemogen data`: build, check and describe motion stores."""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

from scalemogen.cli.amass import add_amass, build_from_amass, from_amass
from scalemogen.cli.parser import Parser
from scalemogen.data_modules import (
    FileNames,
    MotionStore,
    Origin,
    Quarantined,
    Takes,
    Windows,
    build_bvh,
    build_published,
    build_synthetic,
    check_store,
    describe,
    export_shards,
)
from scalemogen.data_modules.conversion import Floor, Layout
from scalemogen.data_modules.published import READERS, Statistics
from scalemogen.errors import UserError
from scalemogen.skeletons.maps import MAPS

SHOWN = 20
"""Faults that are printed; the rest is counted."""


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
        command.add_argument("store", type=Path, help="folder of the store")
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
    parser.set_defaults(build=_build_synthetic)


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
        choices=get_args(Floor),
        default="lowest",
        help="put each clip's lowest joint at height 0, or keep heights (default: lowest)",
    )
    _add_common(parser)
    parser.set_defaults(build=_build_bvh)


def _add_published(commands: Any) -> None:
    for name, reader in READERS.items():
        parser = commands.add_parser(
            name,
            help=f"{reader.form.origin.name} in its published form",
            epilog=f"example: scalemogen data {name} downloads/{name} --out data/{name} --strict",
        )
        raw = name == "humanml3d"
        parser.add_argument("source", type=Path, nargs="?" if raw else None, help=f"folder with {reader.needs}")
        parser.add_argument(
            "--statistics",
            choices=get_args(Statistics),
            default="computed",
            help="mean and deviation: of the training split, or the data set's own files (default: computed)",
        )
        _add_output(parser)
        if raw:
            add_amass(parser)
        parser.set_defaults(build=_build_humanml3d if raw else _build_published)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder of the store; replaced if it exists")
    parser.add_argument("--strict", action="store_true", help="exit with status 1 if anything was set aside")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_common(parser: argparse.ArgumentParser) -> None:
    _add_output(parser)
    parser.add_argument("--fps", type=float, default=20.0, help="frame rate of the store (default: 20)")
    parser.add_argument(
        "--layout", choices=get_args(Layout), default="humanml3d", help="feature layout (default: humanml3d)"
    )
    parser.add_argument("--mirror", action="store_true", help="add mirrored copies of the training clips")
    parser.add_argument("--workers", type=int, default=0, help="processes that work in parallel (default: this one)")


def run(args: argparse.Namespace) -> int:
    """Run one of the subcommands.

    Returns:
        0; 1 if there is something to report and `--strict` was asked for.

    Raises:
        UserError: an option or a source cannot be used.
    """
    if args.command == "check":
        return _check(args)
    if args.command == "info":
        return _info(args)
    if args.command == "shards":
        return _shards(args)
    if getattr(args, "workers", 0) < 0:
        raise UserError(f"--workers {args.workers}: 0 for this process alone, or a number of processes")
    store: MotionStore = args.build(args)
    if not args.json:
        _print_faults("quarantined", store.quarantine)
    _print_info(describe(store), args.json)
    return 1 if args.strict and store.quarantine else 0


def _info(args: argparse.Namespace) -> int:
    store = MotionStore.open(args.store)
    info = describe(store)
    _print_info(info, args.json)
    if args.html is not None:
        page = import_module("scalemogen.cli.data_page")  # plots and viewer take a second to load
        page.write_page(store, info, args.html, args.seed)
    return 0


def _shards(args: argparse.Namespace) -> int:
    store = export_shards(
        MotionStore.open(args.store), args.out, shard_bytes=args.megabytes * 10**6, progress=not args.json
    )
    sizes = [file.stat().st_size for file in args.out.glob("chunk-*.bin")]
    if args.json:
        print(json.dumps({"path": str(args.out), "clips": len(store), "shards": len(sizes), "bytes": sum(sizes)}))
    else:
        print(f"{args.out}: {len(store)} clips in {len(sizes)} shards, {sum(sizes) / 1e6:.1f} MB")
    return 0


def _build_synthetic(args: argparse.Namespace) -> MotionStore:
    return build_synthetic(
        args.out,
        clips=args.clips,
        seed=args.seed,
        fps=args.fps,
        layout=args.layout,
        mirror=args.mirror,
        simple=args.simple,
        processes=args.workers,
        progress=not args.json,
    )


def _build_bvh(args: argparse.Namespace) -> MotionStore:
    takes = Takes(
        args.source,
        Origin(args.name, args.licence, args.citation),
        captions=args.captions,
        names=FileNames(args.names, args.caption),
        skeleton=args.skeleton,
        joint_map=args.map,
        fps=args.fps,
        layout=args.layout,
        floor=args.floor,
        mirror=args.mirror,
        windows=Windows(args.window, args.overlap),
    )
    return build_bvh(args.out, takes, processes=args.workers, progress=not args.json)


def _build_published(args: argparse.Namespace) -> MotionStore:
    reader = READERS[args.command]
    return build_published(args.out, reader(args.source), statistics=args.statistics, progress=not args.json)


def _build_humanml3d(args: argparse.Namespace) -> MotionStore:
    return build_from_amass(args) if from_amass(args) else _build_published(args)


def _check(args: argparse.Namespace) -> int:
    result = check_store(MotionStore.open(args.store), progress=not args.json)
    if args.json:
        report = {
            "clips": result.clips,
            "clean": result.clean,
            "faults": [asdict(fault) for fault in result.faults],
            "quarantined": [asdict(record) for record in result.quarantined],
        }
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        print(f"{args.store}: {result.clips} clips, {len(result.faults)} faults,", end=" ")
        print(f"{len(result.quarantined)} entries quarantined while building")
        _print_faults("faults", result.faults)
        _print_faults("quarantined", result.quarantined)
    return 1 if args.strict and not result.clean else 0


def _print_faults(title: str, faults: Sequence[Quarantined]) -> None:
    if not faults:
        return
    counts = ", ".join(f"{count} {reason}" for reason, count in Counter(fault.reason for fault in faults).most_common())
    print(f"{title}: {counts}")
    for fault in faults[:SHOWN]:
        print(f"  {fault}")
    if len(faults) > SHOWN:
        print(f"  and {len(faults) - SHOWN} more (--json of `scalemogen data check` lists all)")


def _print_info(info: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(info, indent=2, ensure_ascii=False))
        return
    skeleton, lengths, captions = info["skeleton"], info["lengths"], info["captions"]
    print(f"{info['name']}: {info['clips']} clips, {info['hours']:.2f} hours at {info['fps']:g} fps ({info['path']})")
    print(f"licence   {info['licence']}\ncitation  {info['citation']}")
    print(f"features  {info['layout']}, {info['features']} a frame")
    for name, split in info["splits"].items():
        print(f"split     {name:<9} {split['clips']:>7} clips {split['hours']:>8.2f} hours  digest {split['digest']}")
    print(f"lengths   {lengths['min']} to {lengths['max']} frames, median {lengths['median']:g}")
    _print_histogram(**lengths["histogram"])
    print(
        f"captions  {captions['count']} ({captions['per_clip']:g} a clip), {captions['different']} different,"
        f" {captions['words_mean']:g} words on average, {captions['words_max']} at most,"
        f" {captions['vocabulary']} different words"
    )
    levels = " -> ".join(map(str, skeleton["levels"]))
    print(f"skeleton  {skeleton['name']}, levels {levels}")
    for part, joints in skeleton["parts"].items():
        print(f"  part    {part:<12} {', '.join(joints)}")
    for chain, sizes in skeleton["chains"].items():
        print(f"  chain   {chain:<12} {' -> '.join(map(str, sizes))} groups")
    for rule, count in info["provenance"].get("left_out", {}).items():
        print(f"left out  {count} {rule}")
    print(f"set aside {info['quarantined']} entries (see quarantine.jsonl)")


def _print_histogram(edges: Sequence[int], counts: Sequence[int]) -> None:
    room = min(40, shutil.get_terminal_size().columns - 30)
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        bar = "#" * round(room * count / max(counts))
        print(f"  {low:>5} to {high - 1:>5} {count:>7} {bar}")
