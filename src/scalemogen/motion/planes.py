"""Joints and rotations as planes: joint first, then component, then everything else, (J, 3, ..., T) and (J, 4, ..., T).

Arithmetic on planes of numbers is several times faster than on rows of three or four, so features are made of planes.
Conventions are those of `rotations`, whose functions these equal; numbers keep the type of the vectors.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from scalemogen.motion.kinematics import levels


def to_planes(values: Tensor) -> Tensor:
    """Return planes (J, C, ..., T) of values (..., T, J, C)."""
    rows = values.reshape(-1, values.shape[-2] * values.shape[-1])
    return rows.T.contiguous().view(*values.shape[-2:], *values.shape[:-2])


def from_planes(first: Tensor, *others: Tensor) -> Tensor:
    """Return values (..., F) of planes that are F in all: `first` (n, ...), the others (n, ...) or (J, C, ...).

    Planes of joints follow one another joint by joint.
    """
    flat = torch.cat([planes.reshape(-1, first[0].numel()) for planes in (first, *others)])
    return flat.T.contiguous().view(*first.shape[1:], len(flat))


def on_ground(root: Tensor) -> Tensor:
    """Return vectors (n, 3, ...) with their heights set to 0."""
    x, y, z = root.unbind(1)
    return torch.stack((x, torch.zeros_like(y), z), dim=1)


def squares(vectors: Tensor) -> Tensor:
    """Return the squared lengths (J, ...) of vectors (J, 3, ...)."""
    x, y, z = vectors.unbind(1)
    return x * x + y * y + z * z


def turn_planes(vectors: Tensor, angles: Tensor) -> Tensor:
    """Turn vectors (J, 3, ...) about the vertical axis by angles (...)."""
    sin, cos = torch.sin(angles).to(vectors), torch.cos(angles).to(vectors)
    x, y, z = vectors.unbind(1)
    return torch.stack((cos * x + sin * z, y, cos * z - sin * x), dim=1)


def turns_planes(angles: Tensor, like: Tensor) -> Tensor:
    """Return rotations (1, 4, ...) about the vertical axis by angles (...), of the type of `like`."""
    zero = torch.zeros_like(angles)
    return torch.stack((zero, torch.sin(angles / 2), zero, torch.cos(angles / 2)))[None].to(like)


def multiply_planes(left: Tensor, right: Tensor) -> Tensor:
    """Quaternion product of planes (J, 4, ...): `right` first, then `left`."""
    ax, ay, az, aw = left.unbind(1)
    bx, by, bz, bw = right.unbind(1)
    x = aw * bx + ax * bw + ay * bz - az * by
    y = aw * by - ax * bz + ay * bw + az * bx
    z = aw * bz + ax * by - ay * bx + az * bw
    return torch.stack((x, y, z, aw * bw - ax * bx - ay * by - az * bz), dim=1)


def inverse_planes(rotations: Tensor) -> Tensor:
    """Inverse of unit quaternions (J, 4, ...)."""
    return torch.cat((-rotations[:, :3], rotations[:, 3:]), dim=1)


def chain_planes(rotations: Tensor, parents: Sequence[int]) -> Tensor:
    """Chain local rotations (J, 4, ...) from the root down; returns rotations in the world (J, 4, ...)."""
    found, order = [rotations[:1]], [0]
    for joints, places in levels(tuple(parents)):
        found.append(multiply_planes(found[-1][places], rotations[joints]))
        order += joints
    return torch.cat(found)[sorted(range(len(order)), key=order.__getitem__)]


def six_planes(rotations: Tensor) -> Tensor:
    """Return the six numbers (J, 6, ...) of rotations (J, 4, ...): the first two columns of their matrices."""
    x, y, z, w = rotations.unbind(1)
    xy, xz, yz = x * y, x * z, y * z
    xw, yw, zw = x * w, y * w, z * w
    xx, yy, zz = x * x, y * y, z * z
    first = (1 - 2 * (yy + zz), 2 * (xy + zw), 2 * (xz - yw))
    return torch.stack((*first, 2 * (xy - zw), 1 - 2 * (xx + zz), 2 * (yz + xw)), dim=1)


def swing_planes(axes: Sequence[Sequence[float]], bones: Tensor) -> Tensor:
    """Return the smallest rotations (J, 4, ...) that turn unit axes (J, 3) into the directions of bones (J, 3, ...).

    A bone against its axis is reached by half a turn about an axis of the world that is square to it.
    """
    source = bones.new_tensor(axes)
    ones = (1,) * (bones.ndim - 2)
    ax, ay, az = source.reshape(-1, 3, *ones).unbind(1)
    x, y, z = (bones / squares(bones).sqrt().clamp_min(1e-12)[:, None]).unbind(1)
    w = 1 + (ax * x + ay * y + az * z)
    found = torch.stack((ay * z - az * y, az * x - ax * z, ax * y - ay * x, w), dim=1)
    found = found * torch.rsqrt(2 * w)[:, None]  # twice w is the squared length
    least = torch.zeros_like(source).scatter(1, source.abs().argmin(1, keepdim=True), 1.0)
    half = torch.cat((torch.linalg.cross(source, least), torch.zeros_like(source[:, :1])), dim=1)
    return torch.where(w[:, None] < 1e-6, half.reshape(-1, 4, *ones), found)
