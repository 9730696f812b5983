"""Rotation matrices and quaternions of many frames at once, in double precision.

Signs as everywhere in the suite: Y is up, the body faces +Z, its left is +X.
"""

from __future__ import annotations

import numpy as np

from scalemogen.synthetic.curves import Array


def about_x(angles: Array) -> Array:
    """Matrices (..., 3, 3); positive angles tip an upright vector forward (+Y towards +Z)."""
    return _about(angles, 1, 2)


def about_y(angles: Array) -> Array:
    """Matrices (..., 3, 3); positive angles turn to the left (+Z towards +X)."""
    return _about(angles, 2, 0)


def about_z(angles: Array) -> Array:
    """Matrices (..., 3, 3); positive angles lift what points left (+X towards +Y)."""
    return _about(angles, 0, 1)


def _about(angles: Array, first: int, second: int) -> Array:
    result = np.zeros((*angles.shape, 3, 3))
    third = 3 - first - second
    sine, cosine = np.sin(angles), np.cos(angles)
    result[..., third, third] = 1.0
    result[..., first, first] = cosine
    result[..., second, second] = cosine
    result[..., second, first] = sine
    result[..., first, second] = -sine
    return result


def upright(angles: Array) -> Array:
    """Matrices (..., 3, 3) of segments that stand upright at rest.

    Args:
        angles: (..., 3) radians: turn to the left, then tip forward, then lean to the left.
    """
    sine, cosine = np.sin(angles), np.cos(angles)
    sy, sp, sl = sine[..., 0], sine[..., 1], -sine[..., 2]
    cy, cp, cl = cosine[..., 0], cosine[..., 1], cosine[..., 2]
    result = np.empty((*angles.shape, 3))
    result[..., 0, 0] = cy * cl + sy * sp * sl
    result[..., 0, 1] = -cy * sl + sy * sp * cl
    result[..., 0, 2] = sy * cp
    result[..., 1, 0] = cp * sl
    result[..., 1, 1] = cp * cl
    result[..., 1, 2] = -sp
    result[..., 2, 0] = -sy * cl + cy * sp * sl
    result[..., 2, 1] = sy * sl + cy * sp * cl
    result[..., 2, 2] = cy * cp
    return result


def frame(along: Array, hinge: Array) -> Array:
    """Matrices (..., 3, 3) whose columns are a bone's direction, its hinge axis, and their cross product.

    Args:
        along: (..., 3) unit vectors.
        hinge: (..., 3) unit vectors, square to `along`.
    """
    return np.stack((along, hinge, cross(along, hinge)), axis=-1)


def cross(a: Array, b: Array) -> Array:
    """Cross product of (..., 3); several times faster than numpy's for small arrays."""
    result = np.empty(np.broadcast_shapes(a.shape, b.shape))
    result[..., 0] = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    result[..., 1] = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    result[..., 2] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return result


def unit(vectors: Array) -> Array:
    """Scale (..., 3) to length 1."""
    result: Array = vectors / np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))
    return result


def quaternions(matrices: Array) -> Array:
    """Unit quaternions xyzw (..., 4) of rotation matrices (..., 3, 3), by the largest component (Bar-Itzhack)."""
    m = matrices
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    table = np.empty((*m.shape[:-2], 4, 4))
    table[..., 0, 0] = 1.0 + xx - yy - zz
    table[..., 1, 1] = 1.0 - xx + yy - zz
    table[..., 2, 2] = 1.0 - xx - yy + zz
    table[..., 3, 3] = 1.0 + xx + yy + zz
    for row, column, value in (
        (0, 1, m[..., 1, 0] + m[..., 0, 1]),
        (0, 2, m[..., 0, 2] + m[..., 2, 0]),
        (1, 2, m[..., 2, 1] + m[..., 1, 2]),
        (0, 3, m[..., 2, 1] - m[..., 1, 2]),
        (1, 3, m[..., 0, 2] - m[..., 2, 0]),
        (2, 3, m[..., 1, 0] - m[..., 0, 1]),
    ):
        table[..., row, column] = table[..., column, row] = value
    largest = np.diagonal(table, axis1=-2, axis2=-1).argmax(axis=-1)
    picked = np.take_along_axis(table, largest[..., None, None], axis=-2)[..., 0, :]
    result: Array = picked / np.sqrt((picked * picked).sum(axis=-1, keepdims=True))
    return result
