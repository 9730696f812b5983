"""Trainer callbacks. A callback other than EMA can be removed without changing the loss."""

if __name__ != "scalemogen.callbacks":
    raise ImportError(f"import scalemogen.callbacks, not {__name__}: the folder is linked into the package")

from scalemogen.callbacks.best import BestCheckpoint
from scalemogen.callbacks.ema import EMA
from scalemogen.callbacks.finite import SkipNonFinite
from scalemogen.callbacks.last_step import LastStep
from scalemogen.callbacks.model_folder import ModelFolder
from scalemogen.callbacks.newest import NewestCheckpoint
from scalemogen.callbacks.record import RunRecord
from scalemogen.callbacks.sample_motions import SampleMotions
from scalemogen.callbacks.threads import Threads
from scalemogen.callbacks.throughput import Throughput
from scalemogen.callbacks.watch import Watch

__all__ = [
    "EMA",
    "BestCheckpoint",
    "LastStep",
    "ModelFolder",
    "NewestCheckpoint",
    "RunRecord",
    "SampleMotions",
    "SkipNonFinite",
    "Threads",
    "Throughput",
    "Watch",
]
