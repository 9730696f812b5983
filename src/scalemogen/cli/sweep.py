"""`scalemogen sweep`: a W&B sweep file, on a W&B server where one is configured, else by processes on this machine."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from scalemogen.cli.account import has_wandb_key
from scalemogen.cli.main import FAILED
from scalemogen.errors import UserError
from scalemogen.evaluation import sweep_plot
from scalemogen.files import atomic_path
from scalemogen.sweeps import (
    Job,
    Outcome,
    Search,
    Sweep,
    SweepTable,
    make_table,
    orderly,
    plan_job,
    points,
    read_outcome,
    read_sweep,
    run_jobs,
    runs_at_most,
)

PROJECT = "scalemogen"
SAMPLING = ("evaluate.guidance", "evaluate.temperature")


def run(args: argparse.Namespace) -> int:
    """Run what is not finished yet, and print and write the table.

    Returns:
        0; 1 if a run failed.

    Raises:
        UserError: something in the file is wrong; a folder that cannot be written.
    """
    if args.jobs < 1:
        raise UserError(f"--jobs {args.jobs}: at least 1 is needed")
    sweep, content = read_sweep(args.file, args.set)
    if not args.local and has_wandb_key() and os.environ.get("WANDB_MODE", "online") == "online":
        return _on_server(sweep, content, args.count)
    folder: Path = args.out or Path("runs/sweeps") / args.file.stem
    jobs, search = _plan(sweep, folder, args.count, args.seed)
    outcomes = {job.digest: kept for job in jobs if (kept := read_outcome(job)) is not None and kept.ended}
    if waiting := [job for job in jobs if job.digest not in outcomes]:
        from scalemogen.cli.sweep_checks import check_commands  # loads Lightning

        check_commands(waiting)
    with orderly():
        try:
            _run(jobs, args.jobs, search, outcomes)
        except KeyboardInterrupt:
            print("stopped; the same command goes on from here", file=sys.stderr)
            raise
        finally:  # also after Ctrl-C
            order = {job.digest: place for place, job in enumerate(jobs)}
            known = sorted(outcomes.values(), key=lambda outcome: order.get(outcome.digest, len(order)))
            table = make_table(args.file.stem, sweep.metric, known, max(0, _total(jobs, search) - len(known)))
            write_table(table, folder)
    print(json.dumps(table.to_dict(), indent=1) if args.json else table.markdown())
    if not args.json:
        _conclude(table, folder)
    return FAILED if any(outcome.status == "failed" for outcome in outcomes.values()) else 0


def _plan(sweep: Sweep, folder: Path, count: int | None, seed: int) -> tuple[list[Job], Search | None]:
    """Return the runs that are known beforehand, and what decides on others.

    Raises:
        UserError: see `points` and `space`; optuna is needed and not there; runs that cannot be ended early.
    """
    bayes = sweep.method == "bayes"
    if sweep.early_terminate is not None and "experiment" in sweep.words:
        reason = "`scalemogen experiment` has its figures only at its end; sweep a stage by itself to end runs early"
        raise UserError(f"early_terminate: {reason}")
    if not bayes and sweep.early_terminate is None:
        return [plan_job(sweep, point, folder) for point in points(sweep, count, seed)], None
    try:
        from scalemogen.sweeps.search import OptunaSearch
    except ImportError as error:
        needed = "method bayes and early_terminate need optuna"
        raise UserError(f"{needed}: pip install 'scalemogen[sweep]'") from error
    search = OptunaSearch(sweep, folder, runs_at_most(sweep, count) if bayes else None, seed)
    if bayes:
        return search.points() or search.more([], {}), search
    return [plan_job(sweep, point, folder) for point in points(sweep, count, seed)], search


def _run(jobs: Sequence[Job], parallel: int, search: Search | None, outcomes: dict[str, Outcome]) -> None:
    """Run jobs under a progress bar; outcomes are added to `outcomes`."""
    with (
        tqdm(total=_total(jobs, search), unit="run", smoothing=0) as bar,
        closing(run_jobs(jobs, parallel, search, partial(bar.write, file=sys.stderr))) as ended,
    ):
        for outcome in ended:
            outcomes[outcome.digest] = outcome
            bar.update()
            if outcome.status == "failed":
                point = " ".join(f"{name}={value}" for name, value in outcome.parameters.items())
                bar.write(f"failed: {outcome.digest} {point}\n  " + outcome.message.replace("\n", "\n  "), sys.stderr)


def _total(jobs: Sequence[Job], search: Search | None) -> int:
    return len(jobs) if search is None or search.count is None else search.count


def write_table(table: SweepTable, folder: Path) -> None:
    """Write table.md, table.json, table.csv, and plots.svg if there is something to plot.

    Raises:
        UserError: a file cannot be written.
    """
    texts: dict[str, str | None] = {"table.md": table.markdown(), "table.json": json.dumps(table.to_dict(), indent=1)}
    texts |= {"table.csv": table.csv(), "plots.svg": sweep_plot(table)}
    for name, text in texts.items():
        if text is not None:
            with atomic_path(folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8")


def _conclude(table: SweepTable, folder: Path) -> None:
    """Print where the table is, the best point and, for a search of sampling, what to do with it."""
    print(f"table: {folder / 'table.md'} (.json, .csv)")
    if (folder / "plots.svg").is_file():
        print(f"plots: {folder / 'plots.svg'}")
    if table.metric is not None and table.best is None and table.rows:
        print(f"no run has the metric {table.metric.name}; there are {', '.join(table.figures)}")
    if table.best is None:
        return
    point = table.best.parameters
    print("best:  " + " ".join(f"{name}={value}" for name, value in point.items()))
    chosen = {name.partition(".")[2]: point[name] for name in SAMPLING if name in point}
    if chosen and "evaluate.model" in point:
        print(f'to make it the default of the model, write {json.dumps(chosen)} to "sampling" in')
        print(f"       {Path(str(point['evaluate.model'])) / 'model.json'}")


def _on_server(sweep: Sweep, content: dict[str, Any], count: int | None) -> int:
    """Create the sweep on the server and work on it as one of its agents.

    Raises:
        UserError: something in the file is for the local runner alone.
    """
    import wandb

    if sweep.early_terminate is not None and sweep.early_terminate.type != "hyperband":
        raise UserError("early_terminate.type: a W&B server knows hyperband alone; run it here (--local), or change it")
    project = sweep.project or PROJECT
    # An agent runs `python`, which must be this one.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    identity = wandb.sweep(content, entity=sweep.entity, project=project)
    print(f"more agents, here or elsewhere: wandb agent --project {project} {identity}", flush=True)
    wandb.agent(identity, entity=sweep.entity, project=project, count=count)
    return 0
