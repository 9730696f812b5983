"""BVH files: the skeleton's own rest pose, Euler angles without jumps, centimetres."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scalemogen.export.figure import Array
from scalemogen.files import atomic_path
from scalemogen.motion.record import Motion
from scalemogen.motion.rotation_library import roma

ORDER = "ZXY"
CENTIMETRES = 100.0
END_SHARE = 0.5
"""Length of an End Site as a share of the bone before it."""


def write_bvh(motion: Motion, path: Path, units_per_metre: float = CENTIMETRES) -> None:
    """Write a BVH file that a reader turns back into the same rotations, and joints by forward kinematics.

    The rest pose is that of the motion's bone offsets with all rotations zero. The root has three position channels
    (its OFFSET is zero, so that readers which add it and readers which replace it agree) and, as every joint,
    rotation channels Z, X, Y: rotation = Rz Rx Ry. Angles run on from frame to frame, also past 180 degrees, so that
    curves can be edited and interpolated. Every leaf gets an End Site that prolongs its bone.

    Only root positions, rotations and bone offsets are stored: joint positions that do not follow from these are lost.

    Args:
        motion: what to write.
        path: of the file; appears when complete.
        units_per_metre: 100 for centimetres, as most tools expect; 1 for metres.

    Raises:
        UserError: the file cannot be written.
    """
    order = _depth_first(motion.skeleton.parents)
    rotations = motion.rotations.detach().double().cpu()[:, order]
    angles = np.degrees(continuous_angles(np.asarray(roma.unitquat_to_euler(ORDER, rotations))))
    root = np.asarray(motion.root.detach().double().cpu()) * units_per_metre
    values = np.concatenate([root, angles.reshape(motion.frames, -1)], axis=1)
    row = " ".join(["%.6f"] * values.shape[1])
    lines = [
        "HIERARCHY",
        *_hierarchy(motion, units_per_metre),
        "MOTION",
        f"Frames: {motion.frames}",
        f"Frame Time: {1 / motion.fps:.9f}",
        *(row % tuple(frame) for frame in values.tolist()),
    ]
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def continuous_angles(angles: Array) -> Array:
    """Choose, frame after frame, the Euler angles nearest to those of the frame before.

    The same rotation is described by (a, b, c), by (a + pi, pi - b, c + pi), and by either plus full turns.

    Args:
        angles: (T, ..., 3) radians of an order with three different axes.

    Returns:
        (T, ..., 3) radians of the same rotations; the first frame is unchanged.
    """
    other = np.stack([angles[..., 0] + np.pi, np.pi - angles[..., 1], angles[..., 2] + np.pi], axis=-1)
    chosen = angles.copy()
    for frame in range(1, len(angles)):
        before = chosen[frame - 1]
        near, far = (before + _shortest(choice[frame] - before) for choice in (angles, other))
        nearer = np.abs(near - before).sum(-1) <= np.abs(far - before).sum(-1)
        chosen[frame] = np.where(nearer[..., None], near, far)
    return chosen


def _shortest(turn: Array) -> Array:
    return np.asarray((turn + np.pi) % (2 * np.pi) - np.pi)


def _children(parents: tuple[int, ...]) -> list[list[int]]:
    children: list[list[int]] = [[] for _ in parents]
    for joint, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(joint)
    return children


def _depth_first(parents: tuple[int, ...]) -> list[int]:
    """Return the joints in the order in which a BVH file lists them."""
    children = _children(parents)
    order, pending = [], [0]
    while pending:
        joint = pending.pop()
        order.append(joint)
        pending += reversed(children[joint])
    return order


def _hierarchy(motion: Motion, units_per_metre: float) -> list[str]:
    skeleton = motion.skeleton
    offsets = np.asarray(motion.bones.detach().double().cpu()) * units_per_metre
    children = _children(skeleton.parents)

    def offset(values: Array) -> str:
        return "OFFSET " + " ".join(f"{value:.6f}" for value in values)

    def node(joint: int, indent: str) -> list[str]:
        name = "_".join(skeleton.joints[joint].split())
        turns = " ".join(f"{axis}rotation" for axis in ORDER)
        root = joint == 0
        inner = [
            offset(np.zeros(3) if root else offsets[joint]),
            f"CHANNELS 6 Xposition Yposition Zposition {turns}" if root else f"CHANNELS 3 {turns}",
        ]
        for child in children[joint]:
            inner += node(child, "\t")
        if not children[joint]:
            inner += ["End Site", "{", f"\t{offset(END_SHARE * offsets[joint])}", "}"]
        head = f"{'ROOT' if root else 'JOINT'} {name}"
        return [f"{indent}{line}" for line in (head, "{", *(f"	{line}" for line in inner), "}")]

    return node(0, "")
