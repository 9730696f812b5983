"""Rotations for any leading axes: unit quaternions ordered x y z w, angles in radians, Y up.

Also the continuous six numbers of a rotation: the first two columns of its matrix, one after the other.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

from scalemogen.motion.rotation_library import roma

NARROW = 0.05
"""Vectors that spread less across than along, by this factor, do not tell the twist about their line."""


def multiply(left: Tensor, right: Tensor) -> Tensor:
    """Quaternion product (..., 4): `right` first, then `left`. Leading axes broadcast."""
    product: Tensor = roma.quat_product(left, right)
    return product


def inverse(rotations: Tensor) -> Tensor:
    """Inverse of unit quaternions (..., 4)."""
    conjugate: Tensor = roma.quat_conjugation(rotations)
    return conjugate


def rotate(rotations: Tensor, vectors: Tensor) -> Tensor:
    """Turn vectors (..., 3) by unit quaternions (..., 4). Leading axes broadcast."""
    return torch.einsum("...ij,...j->...i", roma.unitquat_to_rotmat(rotations), vectors)


def about_y(angles: Tensor) -> Tensor:
    """Quaternions (..., 4) that turn by `angles` (...) about the vertical axis; +Z goes towards +X."""
    zero = torch.zeros_like(angles)
    return torch.stack((zero, torch.sin(angles / 2), zero, torch.cos(angles / 2)), dim=-1)


def turn_about_y(vectors: Tensor, angles: Tensor) -> Tensor:
    """Turn vectors (..., 3) about the vertical axis: `rotate(about_y(angles), vectors)`, faster.

    `angles` must expand to the leading axes of `vectors`.
    """
    sin, cos = torch.sin(angles), torch.cos(angles)
    x, y, z = vectors.unbind(-1)
    return torch.stack((cos * x + sin * z, y, cos * z - sin * x), dim=-1)


def between(source: Tensor, target: Tensor) -> Tensor:
    """Smallest rotations (..., 4) that turn directions `source` into `target` (..., 3), whatever their lengths.

    `source` must expand to the shape of `target`. Opposite directions are joined by half a turn about some axis
    across `source`.
    """
    target = _unit(target)
    source = _unit(source).expand_as(target)
    w = 1 + (source * target).sum(-1, keepdim=True)
    smallest = source.abs().argmin(-1, keepdim=True)
    other = torch.zeros_like(source).scatter(-1, smallest, 1.0)
    opposite = w < 1e-6
    axis = torch.where(opposite, torch.linalg.cross(source, other), torch.linalg.cross(source, target))
    return _unit(torch.cat((axis, torch.where(opposite, torch.zeros_like(w), w)), dim=-1))


def fit_rotation(source: Tensor, target: Tensor, start: Tensor | None = None) -> Tensor:
    """Rotations (..., 4) that best turn `source` (n, 3) into `target` (..., n, 3), in the least-squares sense.

    Where the source vectors lie nearly on one line the twist about it is open, or would be noise: the rotation nearest
    to `start` (..., 4) is taken, or to none.
    """
    spread = torch.linalg.svdvals(source.double())
    if len(source) < 2 or spread[1] < NARROW * spread[0]:
        longest = torch.linalg.vector_norm(source, dim=-1).argmax()
        bone, goal = source[longest], target[..., longest, :]
        return between(bone, goal) if start is None else multiply(between(rotate(start, bone), goal), start)
    moment = torch.einsum("...ni,nj->...ij", target, source)
    fitted: Tensor = roma.rotmat_to_unitquat(roma.special_procrustes(moment))
    return fitted


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Rotations (..., 4) that lie `share` (..., 1) of the shorter way from `start` to `end`; beyond 1, past the end."""
    turn = multiply(inverse(start), end)
    turn = torch.where(turn[..., 3:] < 0, -turn, turn)
    return multiply(start, roma.rotvec_to_unitquat(roma.unitquat_to_rotvec(turn) * share))


def to_six(rotations: Tensor) -> Tensor:
    """Quaternions (..., 4) to six numbers (..., 6)."""
    matrices: Tensor = roma.unitquat_to_rotmat(rotations)
    six: Tensor = rearrange(matrices[..., :2], "... row column -> ... (column row)")
    return six


def from_six(values: Tensor) -> Tensor:
    """Six numbers (..., 6), orthonormal or not, to unit quaternions (..., 4) with w >= 0."""
    columns = rearrange(values, "... (column row) -> ... row column", column=2)
    quaternions: Tensor = roma.rotmat_to_unitquat(roma.special_gramschmidt(columns, epsilon=1e-8))
    return torch.where(quaternions[..., 3:] < 0, -quaternions, quaternions)


def _unit(vectors: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / lengths.clamp_min(1e-12)
