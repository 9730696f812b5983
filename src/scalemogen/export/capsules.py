"""A figure of capsules, one a bone, in the rest pose, for formats that carry a skinned mesh."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scalemogen.export.figure import HEAD_RADIUS, Array, head_centres, head_joints, sides_of, tinted, tints_of
from scalemogen.motion.record import Motion

SEGMENTS, RINGS = 12, 3
"""Vertices around a capsule, and rings of each of its round ends."""

SHORTEST = 1e-3
"""Metres; a shorter bone gets no capsule."""

THICKNESS, THINNEST, THICKEST = 0.17, 0.012, 0.06
"""Radius as a share of the bone's length, and its limits in metres."""


@dataclass(frozen=True)
class Mesh:
    """Triangles; V vertices, each moved by one joint alone.

    Attributes:
        points: (V, 3) metres.
        normals: (V, 3) unit vectors.
        colours: (V, 3) sRGB, 0..255.
        joints: (V,) the joint that moves each vertex.
        triangles: (N, 3) vertex numbers, counter-clockwise seen from outside.
    """

    points: Array
    normals: Array
    colours: npt.NDArray[np.uint8]
    joints: npt.NDArray[np.uint16]
    triangles: npt.NDArray[np.uint32]


def capsule_figure(motion: Motion, rest: Array) -> Mesh:
    """Return capsules along all bones, and a ball for the head, coloured by body part.

    Args:
        motion: whose body it is.
        rest: (J, 3) joints in the rest pose, metres.
    """
    skeleton = motion.skeleton
    colours = [tinted(*paint) for paint in zip(sides_of(skeleton), tints_of(skeleton), strict=True)]
    pieces = list(_pieces(motion, rest))
    shapes = [_capsule(start, end, radius) for start, end, radius, _, _ in pieces]
    count = len(shapes[0][0])
    faces = [_triangles(ball=bool((start == end).all())) for start, end, *_ in pieces]
    return Mesh(
        points=np.concatenate([points for points, _ in shapes]),
        normals=np.concatenate([normals for _, normals in shapes]),
        colours=np.repeat(np.array([colours[part] for *_, part in pieces], dtype=np.uint8), count, axis=0),
        joints=np.repeat(np.array([mover for *_, mover, _ in pieces], dtype=np.uint16), count),
        triangles=np.concatenate([face + count * number for number, face in enumerate(faces)]).astype(np.uint32),
    )


def _pieces(motion: Motion, rest: Array) -> Iterator[tuple[Array, Array, float, int, int]]:
    """Yield start, end, radius, the joint that moves it, and the joint that colours it; at least one piece."""
    for joint, parent in enumerate(motion.skeleton.parents):
        if joint == 0:
            yield rest[0], rest[0], THICKEST, 0, 0
            continue
        length = float(np.linalg.norm(rest[joint] - rest[parent]))
        if length > SHORTEST:
            yield rest[parent], rest[joint], float(np.clip(THICKNESS * length, THINNEST, THICKEST)), parent, joint
    for joint in head_joints(motion):
        centre = head_centres(rest[joint], rest[motion.skeleton.parents[joint]])
        yield centre, centre, HEAD_RADIUS, joint, joint


def _capsule(start: Array, end: Array, radius: float) -> tuple[Array, Array]:
    """Return points and normals (V, 3): rings from the pole behind `start` to the one beyond `end`."""
    axis = end - start
    length = float(np.linalg.norm(axis))
    along = axis / length if length > SHORTEST else np.array([0.0, 1.0, 0.0])
    across = np.cross(along, np.eye(3)[np.abs(along).argmin()])
    across /= np.linalg.norm(across)
    basis = np.stack([across, np.cross(along, across), along])
    heights = np.linspace(0, np.pi / 2, RINGS + 1)
    tilt = np.concatenate([heights - np.pi / 2, heights])
    turn = np.arange(SEGMENTS) * (2 * np.pi / SEGMENTS)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    local = np.concatenate(
        [
            np.cos(tilt)[:, None, None] * circle[None],
            np.broadcast_to(np.sin(tilt)[:, None, None], (len(tilt), SEGMENTS, 1)),
        ],
        axis=-1,
    )
    normals = local.reshape(-1, 3) @ basis
    centres = np.where((np.arange(len(tilt)) <= RINGS)[:, None], start, end).repeat(SEGMENTS, axis=0)
    return centres + radius * normals, normals


def _triangles(ball: bool) -> npt.NDArray[np.int64]:
    """Return (N, 3) vertex numbers of one capsule; those without area are left out: at the poles, round a ball."""
    rings = 2 * (RINGS + 1)
    found = []
    for ring in range(rings - 1):
        if ball and ring == RINGS:
            continue
        for here in range(SEGMENTS):
            low, high = ring * SEGMENTS, (ring + 1) * SEGMENTS
            there = (here + 1) % SEGMENTS
            if ring > 0:
                found.append((low + here, low + there, high + there))
            if ring < rings - 2:
                found.append((low + here, high + there, high + here))
    return np.array(found)
