"""`scalemogen data`: build, check and describe motion stores."""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from types import MappingProxyType
from typing import Any

from scalemogen.cli.amass import build_from_amass, from_amass
from scalemogen.cli.stores import find_store
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
from scalemogen.data_modules.published import READERS
from scalemogen.errors import UserError

USES = {"train": "trained", "val": "validated", "test": "tested"}
SHOWN = 20
"""Faults that are printed; the rest is counted."""


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
    store = BUILDERS[args.command](args)
    if not args.json:
        _print_faults("quarantined", store.quarantine)
    _print_info(describe(store), args.json)
    return 1 if args.strict and store.quarantine else 0


def _info(args: argparse.Namespace) -> int:
    store = find_store(args.store)
    info = describe(store)
    _print_info(info, args.json)
    if args.html is not None:
        page = import_module("scalemogen.cli.data_page")  # plots and viewer take a second to load
        page.write_page(store, info, args.html, args.seed)
    return 0


def _shards(args: argparse.Namespace) -> int:
    store = export_shards(find_store(args.store), args.out, shard_bytes=args.megabytes * 10**6, progress=not args.json)
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


BUILDERS: Mapping[str, Callable[[argparse.Namespace], MotionStore]] = MappingProxyType(
    {
        "synthetic": _build_synthetic,
        "bvh": _build_bvh,
        "humanml3d": _build_humanml3d,
        "kit": _build_published,
        "snapmogen": _build_published,
    }
)
"""What builds a store, by subcommand."""


def _check(args: argparse.Namespace) -> int:
    result = check_store(find_store(args.store), progress=not args.json)
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
    empty = [name for name in ("train", "val", "test") if not info["splits"].get(name, {}).get("clips")]
    if empty:
        uses = " or ".join(USES[name] for name in empty)
        print(f"warning   no clips in {', '.join(empty)}: nothing can be {uses} with this store")
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
