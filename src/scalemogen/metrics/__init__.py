"""Metrics of motion and tokens: torchmetrics classes here, pure functions in `functional`."""

from scalemogen.metrics.attributes import AttributeAccuracy, AttributeFigures
from scalemogen.metrics.distribution import FrechetDistance, KernelDistance
from scalemogen.metrics.diversity import Diversity, MultiModality
from scalemogen.metrics.plausibility import Plausibility, plausibility_figures
from scalemogen.metrics.reconstruction import Reconstruction, reconstruction_figures, reconstruction_weights
from scalemogen.metrics.retrieval import Gallery, MatchedDistance, MatchingScore, RPrecision
from scalemogen.metrics.tokens import BitDependence, BitUsage, Dependence, Usage

__all__ = [
    "AttributeAccuracy",
    "AttributeFigures",
    "BitDependence",
    "BitUsage",
    "Dependence",
    "Diversity",
    "FrechetDistance",
    "Gallery",
    "KernelDistance",
    "MatchedDistance",
    "MatchingScore",
    "MultiModality",
    "Plausibility",
    "RPrecision",
    "Reconstruction",
    "Usage",
    "plausibility_figures",
    "reconstruction_figures",
    "reconstruction_weights",
]
