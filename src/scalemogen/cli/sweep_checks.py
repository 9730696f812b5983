"""Bad settings of a sweep, found before any of its runs is started."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO

from tqdm import tqdm

from scalemogen.cli.arguments.experiment import build_parser
from scalemogen.cli.plans import Parsed, check_stages, parse_stages, read_plan
from scalemogen.cli.stages import TASKS, make_cli, quiet_libraries
from scalemogen.errors import UserError
from scalemogen.sweeps import Job

PREFIX = (sys.executable, "-m", "scalemogen")


def check_commands(jobs: Sequence[Job]) -> None:
    """Parse the options of every run whose command is one of ours; what runs have in common is parsed once.

    Raises:
        UserError: what the command would say, with the point of the sweep.
    """
    ours = [job for job in jobs if job.command[: len(PREFIX)] == PREFIX]
    parsed: Parsed = {}
    logging.disable(logging.INFO)  # what Lightning says of each run
    try:
        for job in tqdm(ours, desc="checking", unit="run", leave=False, delay=1):
            _check(job, parsed)
    finally:
        logging.disable(logging.NOTSET)


def _check(job: Job, parsed: Parsed) -> None:
    try:
        _parse(job, parsed)
    except UserError as error:
        point = " ".join(f"{name}={value}" for name, value in job.parameters.items())
        raise UserError(f"{error} (in the run of {point})") from error


def _parse(job: Job, parsed: Parsed) -> None:
    name, *rest = job.command[len(PREFIX) :]
    if name == "experiment":
        plan = read_plan(build_parser().parse_args(rest).options)
        check_stages(plan, parse_stages(plan, job.folder, parsed))
    elif name in TASKS and rest[0] == "fit":
        with quiet_libraries(), redirect_stdout(StringIO()):
            cli = make_cli(name, [*rest[1:], "--trainer.logger=false"], run=False)
            if name == "tokenizer":
                cli.model.build(cli.datamodule)
