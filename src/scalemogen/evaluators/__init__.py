"""Embedding networks for metrics; `evaluation.load_evaluator` loads one."""

from scalemogen.evaluators.base import Evaluator, MotionEmbeddings
from scalemogen.evaluators.contrastive import ContrastiveEvaluator
from scalemogen.evaluators.loss import caption_labels, info_nce
from scalemogen.evaluators.official import OFFICIAL
from scalemogen.evaluators.retrieval import retrieval_figures
from scalemogen.evaluators.towers import ContrastiveNetwork
from scalemogen.metrics.functional import Distance

__all__ = [
    "OFFICIAL",
    "ContrastiveEvaluator",
    "ContrastiveNetwork",
    "Distance",
    "Evaluator",
    "MotionEmbeddings",
    "caption_labels",
    "info_nce",
    "retrieval_figures",
]
