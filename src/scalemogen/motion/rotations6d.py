"""The continuous six numbers of a rotation: the first two columns of its matrix, one after the other."""

from __future__ import annotations

import roma
import torch
from einops import rearrange
from torch import Tensor


def to_six(rotations: Tensor) -> Tensor:
    """Quaternions (..., 4) to six numbers (..., 6)."""
    return rearrange(roma.unitquat_to_rotmat(rotations)[..., :2], "... row column -> ... (column row)")


def from_six(values: Tensor) -> Tensor:
    """Six numbers (..., 6), orthonormal or not, to unit quaternions (..., 4) with w >= 0."""
    columns = rearrange(values, "... (column row) -> ... row column", column=2)
    quaternions = roma.rotmat_to_unitquat(roma.special_gramschmidt(columns, epsilon=1e-8))
    return torch.where(quaternions[..., 3:] < 0, -quaternions, quaternions)
