"""Both stages as LightningModules."""

from scalemogen.tasks.ar import ARTask, Sampling, TextChoice
from scalemogen.tasks.base import MotionTask
from scalemogen.tasks.schedules import Schedule
from scalemogen.tasks.tokenizer import TokenizerTask

__all__ = ["ARTask", "MotionTask", "Sampling", "Schedule", "TextChoice", "TokenizerTask"]
