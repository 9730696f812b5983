"""Metrics as pure functions of tensors."""

from scalemogen.metrics.functional.reconstruction import mpjpe_root_aligned, mpjpe_world

__all__ = ["mpjpe_root_aligned", "mpjpe_world"]
