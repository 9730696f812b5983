"""`scalemogen sweep`: a W&B sweep file, on a W&B server where one is configured, else by processes on this machine."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import closing, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from tqdm import tqdm

from scalemogen.cli.account import has_wandb_key
from scalemogen.cli.main import FAILED
from scalemogen.errors import UserError
from scalemogen.files import atomic_path
from scalemogen.sweeps import (
    Job,
    Outcome,
    Sweep,
    SweepTable,
    kept_outcome,
    make_table,
    only_sweep_in,
    plan_jobs,
    points,
    read_sweep,
    run_jobs,
)

PROJECT = "scalemogen"
SAMPLING = ("evaluate.guidance", "evaluate.temperature")


def run(args: argparse.Namespace) -> int:
    """Run what is not finished yet, and print and write the table.

    Returns:
        0; 1 if a run failed.

    Raises:
        UserError: something in the file is wrong; a folder that cannot be written or is in use.
    """
    if args.jobs < 1:
        raise UserError(f"--jobs {args.jobs}: at least 1 is needed")
    sweep, content = read_sweep(args.file, args.set)
    if not args.local and has_wandb_key() and os.environ.get("WANDB_MODE", "online") == "online":
        return _on_server(sweep, content, args.count)
    folder: Path = args.out or Path("runs/sweeps") / args.file.stem
    jobs = plan_jobs(sweep, points(sweep, args.count, args.seed), folder)
    if sweep.early_terminate is not None:
        print("early_terminate is for a W&B server; here every run goes on to its end", file=sys.stderr)
    with only_sweep_in(folder) as lock:
        outcomes = {job.digest: kept for job in jobs if (kept := kept_outcome(job)) is not None}
        waiting = [job for job in jobs if job.digest not in outcomes]
        if waiting:
            check_command(waiting[0])
        try:
            _run(waiting, len(jobs), args.jobs, lock, outcomes)
        except KeyboardInterrupt:
            print("stopped; the same command goes on from here", file=sys.stderr)
            raise
        finally:  # also after Ctrl-C
            table = make_table(
                args.file.stem,
                sweep.metric,
                [outcomes[job.digest] for job in jobs if job.digest in outcomes],
                len(jobs) - len(outcomes),
            )
            write_table(table, folder)
    print(json.dumps(table.to_dict(), indent=1) if args.json else table.markdown())
    if not args.json:
        _conclude(table, folder)
    return FAILED if any(outcome.status == "failed" for outcome in outcomes.values()) else 0


def _run(waiting: Sequence[Job], total: int, parallel: int, lock: int, outcomes: dict[str, Outcome]) -> None:
    """Run jobs under a progress bar; outcomes are added to `outcomes`."""
    with (
        tqdm(total=total, initial=total - len(waiting), unit="run", smoothing=0) as bar,
        closing(run_jobs(waiting, parallel, lock)) as ended,
    ):
        for outcome in ended:
            outcomes[outcome.digest] = outcome
            bar.update()
            if outcome.status == "failed":
                point = " ".join(f"{name}={value}" for name, value in outcome.parameters.items())
                bar.write(f"failed: {outcome.digest} {point}\n  " + outcome.message.replace("\n", "\n  "), sys.stderr)


def check_command(job: Job) -> None:
    """Parse the first run's options where the command is one of ours: a wrong name should not cost a run each.

    Raises:
        UserError: what the command would say.
    """
    words = list(job.command)
    if words[:3] != [sys.executable, "-m", "scalemogen"] or len(words) < 4:
        return
    from scalemogen.cli import experiment, stages  # load Lightning
    from scalemogen.cli.arguments.experiment import build_parser

    name, rest = words[3], words[4:]
    if name == "experiment":
        experiment.parse_stages(experiment.read_plan(build_parser().parse_args(rest).options), job.folder)
    elif name in stages.TASKS and rest[0] == "fit":
        with stages.quiet_libraries(), redirect_stdout(StringIO()):
            stages.make_cli(name, [*rest[1:], "--trainer.logger=false"], run=False)


def write_table(table: SweepTable, folder: Path) -> None:
    """Write table.md, table.json and table.csv.

    Raises:
        UserError: a file cannot be written.
    """
    texts = {"md": table.markdown(), "json": json.dumps(table.to_dict(), indent=1), "csv": table.csv()}
    for suffix, text in texts.items():
        with atomic_path(folder / f"table.{suffix}") as temporary:
            temporary.write_text(text, encoding="utf-8")


def _conclude(table: SweepTable, folder: Path) -> None:
    """Print where the table is, the best point and, for a search of sampling, what to do with it."""
    print(f"table: {folder / 'table.md'} (.json, .csv)")
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
    """Create the sweep on the server and work on it as one of its agents."""
    import wandb

    project = sweep.project or PROJECT
    # An agent runs `python`, which must be this one.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    identity = wandb.sweep(content, entity=sweep.entity, project=project)
    print(f"more agents, here or elsewhere: wandb agent --project {project} {identity}", flush=True)
    wandb.agent(identity, entity=sweep.entity, project=project, count=count)
    return 0
