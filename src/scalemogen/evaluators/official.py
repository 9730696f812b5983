"""The official evaluators by name: "NAME:FOLDER" is what users write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from scalemogen.evaluators.base import Evaluator
from scalemogen.evaluators.humanml3d import HumanML3DEvaluator
from scalemogen.evaluators.snapmogen import SnapMoGenEvaluator

OFFICIAL: Mapping[str, Callable[[Path], Evaluator]] = MappingProxyType(
    {
        "humanml3d": partial(HumanML3DEvaluator.from_folder, "humanml3d"),
        "kit": partial(HumanML3DEvaluator.from_folder, "kit"),
        "snapmogen": SnapMoGenEvaluator.from_folder,
    }
)
"""Name of an official evaluator -> what loads it from the folder of its files (docs/evaluation.md), or a file there."""
