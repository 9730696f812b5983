"""Sweeps without a server: W&B sweep files, their runs as processes, figures that are kept, tables with intervals.

A run is a command with a folder of its own. Runs and stages are named by the digest of what they depend on, so that
nothing finished is done twice; a run is locked by the processes that are at it, so that nothing is done by two.
"""

from scalemogen.sweeps.cache import digest_words, once
from scalemogen.sweeps.description import Sweep, override, read_sweep
from scalemogen.sweeps.drawing import points, runs_at_most
from scalemogen.sweeps.figures import read_figures, read_origin
from scalemogen.sweeps.jobs import Job, Outcome, plan_job, read_outcome
from scalemogen.sweeps.runner import RESUME_VARIABLE, Search, orderly, run_jobs
from scalemogen.sweeps.table import Row, SweepTable, make_table, shortest

__all__ = [
    "RESUME_VARIABLE",
    "Job",
    "Outcome",
    "Row",
    "Search",
    "Sweep",
    "SweepTable",
    "digest_words",
    "make_table",
    "once",
    "orderly",
    "override",
    "plan_job",
    "points",
    "read_figures",
    "read_origin",
    "read_outcome",
    "read_sweep",
    "run_jobs",
    "runs_at_most",
    "shortest",
]
