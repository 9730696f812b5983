"""Sweeps without a server: W&B sweep files, their runs as processes, figures that are kept, tables with intervals.

A run is a command with a folder of its own. Runs and stages are named by the digest of what they depend on, so that
nothing finished is done twice.
"""

from scalemogen.sweeps.cache import digest_words, once
from scalemogen.sweeps.description import Sweep, override, read_sweep
from scalemogen.sweeps.drawing import points
from scalemogen.sweeps.figures import read_figures, read_origin
from scalemogen.sweeps.jobs import Job, Outcome, kept_outcome, plan_jobs
from scalemogen.sweeps.runner import RESUME_VARIABLE, only_sweep_in, run_jobs
from scalemogen.sweeps.table import Row, SweepTable, make_table

__all__ = [
    "RESUME_VARIABLE",
    "Job",
    "Outcome",
    "Row",
    "Sweep",
    "SweepTable",
    "digest_words",
    "kept_outcome",
    "make_table",
    "once",
    "only_sweep_in",
    "override",
    "plan_jobs",
    "points",
    "read_figures",
    "read_origin",
    "read_sweep",
    "run_jobs",
]
