"""The stages as LightningModules."""

from scalemogen.tasks.ar import ARTask, Sampling
from scalemogen.tasks.base import MotionTask
from scalemogen.tasks.evaluator import EvaluatorTask
from scalemogen.tasks.execution import Execution
from scalemogen.tasks.muon import Muon
from scalemogen.tasks.schedules import Schedule
from scalemogen.tasks.sharded import Sharded
from scalemogen.tasks.text import TextChoice
from scalemogen.tasks.tokenizer import TokenizerTask

__all__ = [
    "ARTask",
    "EvaluatorTask",
    "Execution",
    "MotionTask",
    "Muon",
    "Sampling",
    "Schedule",
    "Sharded",
    "TextChoice",
    "TokenizerTask",
]
