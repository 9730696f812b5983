"""Units of the published data sets: their files, and the statistics that others trained with, are not all in metres."""

from __future__ import annotations

import torch
from torch import Tensor

from scalemogen.motion.layouts import get_layout
from scalemogen.skeletons import get_skeleton

METRES = {
    "humanml3d": 1.0,
    "kit": 0.75 / 480,  # the MMM body model as the field's tools read it: 480 of its units are 0.75 m
    "snapmogen": 0.01,
}
"""Length of a data set's unit, by the name of its skeleton."""

LENGTHS = ("step", "height", "positions", "velocities")
"""Channel groups that are measured in the unit of length."""


def metres_scale(skeleton: str, layout: str) -> Tensor:
    """Return the factors (F,) float64 that bring a data set's published features to metres.

    Args:
        skeleton: name of the data set's skeleton.
        layout: name of the layout of its features.
    """
    tree, definition = get_skeleton(skeleton), get_layout(layout)
    groups = definition.groups(tree)
    factors = torch.ones(definition.width(tree), dtype=torch.float64)
    factors[[channel for group in LENGTHS for channel in groups[group]]] = METRES[skeleton]
    return factors
