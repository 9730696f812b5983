"""Metrics as pure functions of tensors."""

from scalemogen.metrics.functional.neighbours import Nearest, nearest_labels, trajectory_descriptor
from scalemogen.metrics.functional.reconstruction import mpjpe_root_aligned, mpjpe_world

__all__ = ["Nearest", "mpjpe_root_aligned", "mpjpe_world", "nearest_labels", "trajectory_descriptor"]
