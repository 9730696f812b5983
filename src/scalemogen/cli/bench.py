"""`scalemogen bench`: speed and memory of rows, of two revisions in alternation, of stores, and over size."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scalemogen.benchmarks.rows import ROWS, Row, Settings, select
from scalemogen.cli.arguments.bench import ALONE, CURVES, STORES
from scalemogen.errors import UserError
from scalemogen.files import atomic_path


def run(args: argparse.Namespace) -> int:
    """Measure and print.

    Returns:
        0, or 1 if a row could not be measured here.

    Raises:
        UserError: an unknown row or revision, or a number out of range.
    """
    repeats = args.repeats if args.repeats is not None else 1 if args.quick else 3
    if args.clips < 1000 or repeats < 1 or (args.threads is not None and args.threads < 1):
        counts = f"{args.clips} clips, {repeats} repeats, {args.threads or 'default'} threads"
        raise UserError(f"{counts}: at least 1,000, 1 and 1 are needed")
    if args.list:
        width = max(map(len, ROWS))
        print("\n".join(f"{row.name:<{width}}  {row.group:<10} {row.what}" for row in ROWS.values()))
        return 0
    alone = [name for name in args.rows if name in ALONE]
    if alone and (len(args.rows) > 1 or args.against):
        raise UserError(f"'{alone[0]}' is measured alone, without other rows and without --against")
    if not alone:
        select(args.rows)  # a wrong name is found before torch is loaded
    settings = Settings(_device(args.device), args.precision, repeats, args.toy)
    facts = _facts(args, settings)
    if alone == [STORES]:
        return _stores(args, repeats, facts)
    if alone == [CURVES]:
        return _curves(args, settings, facts)
    rows = select(args.rows, quick=args.quick, cuda=settings.device == "cuda")
    return _compare(args, rows, settings, facts) if args.against else _measure(args, rows, settings, facts)


def _device(asked: str) -> str:
    import torch

    found = torch.cuda.is_available()
    if asked == "cuda" and not found:
        raise UserError("--device cuda: no GPU is visible (see `scalemogen doctor`)")
    return "cuda" if found and asked != "cpu" else "cpu"


def _facts(args: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    from scalemogen.benchmarks.machine import facts

    command = shlex.join(["scalemogen", *sys.argv[1:]])
    return {**facts(command, args.threads), "device": settings.device, "precision": settings.precision}


def _measure(args: argparse.Namespace, rows: list[Row], settings: Settings, facts: dict[str, Any]) -> int:
    from scalemogen.benchmarks import machine, process, table

    peak = machine.peak(facts["gpu"], settings.precision) if settings.device == "cuda" else None

    def one(row: Row) -> tuple[list[str], dict[str, Any], str]:
        outcome = process.run_row(row, settings, threads=args.threads)
        return table.alone(row, outcome, peak), {**(outcome.figures or {}), "reason": outcome.reason}, outcome.reason

    return _table(args, rows, facts, table.headings(peak=peak), one)


def _compare(args: argparse.Namespace, rows: list[Row], settings: Settings, facts: dict[str, Any]) -> int:
    from scalemogen.benchmarks import table
    from scalemogen.benchmarks.compare import compare
    from scalemogen.benchmarks.process import other_revision

    with other_revision(args.against) as source:

        def one(row: Row) -> tuple[list[str], dict[str, Any], str]:
            compared = compare(row, settings, source, threads=args.threads)
            return table.paired(row, compared), compared.to_dict(), compared.reason

        return _table(args, rows, {**facts, "against": args.against}, table.headings(paired=True), one)


def _table(
    args: argparse.Namespace,
    rows: list[Row],
    facts: dict[str, Any],
    names: tuple[str, ...],
    one: Callable[[Row], tuple[list[str], dict[str, Any], str]],
) -> int:
    """Measure row after row, printing each as it is done."""
    from scalemogen.benchmarks import table

    shown, width = args.json != "-", max(len(row.what) for row in rows)
    if shown:
        print(f"{table.describe(facts)}\n\n{table.line(names, width)}", flush=True)
    found, cells, failed = [], [], False
    for row in rows:
        line, figures, reason = one(row)
        cells.append(line)
        found.append({"name": row.name, "group": row.group, "what": row.what, **figures})
        failed = failed or bool(reason)
        if shown:
            print(table.line(line, width), flush=True)
        if reason:
            print(f"{row.name} was not measured: {reason}", file=sys.stderr, flush=True)
    _write(args.json, {"machine": facts, "rows": found})
    if args.markdown:
        print(f"\n{table.markdown(names, cells, facts)}")
    return int(failed)


def _stores(args: argparse.Namespace, repeats: int, facts: dict[str, Any]) -> int:
    from scalemogen.benchmarks.stores import measure

    figures = measure(args.clips, repeats)
    if args.json != "-":
        for figure in figures:
            print(f"{figure.value:>12.4g} {figure.unit:<14} {figure.name}")
    _write(args.json, {"machine": facts, "figures": [asdict(figure) for figure in figures]})
    return 0


def _curves(args: argparse.Namespace, settings: Settings, facts: dict[str, Any]) -> int:
    from scalemogen.benchmarks.curves import draw

    def told(line: str) -> None:
        if args.json != "-":
            print(line, flush=True)

    args.out.mkdir(parents=True, exist_ok=True)
    size = "full" if args.full_width else "reduced"
    points = draw(args.out, size, settings, threads=args.threads, told=told)
    _write(args.json, {"machine": facts, "points": points})
    return 0


def _write(file: str | None, content: dict[str, Any]) -> None:
    """Print JSON, or write it to a file.

    Raises:
        UserError: the file cannot be written.
    """
    text = json.dumps(content, indent=1)
    if file == "-":
        print(text)
    elif file is not None:
        with atomic_path(Path(file)) as temporary:
            temporary.write_text(text, "utf-8")
