"""Embedding networks for metrics; `checkpoints.load_evaluator` loads one."""

from scalemogen.evaluators.base import Distance, Evaluator, MotionEmbeddings

__all__ = ["Distance", "Evaluator", "MotionEmbeddings"]
