"""The rest pose of a motion, changed: the same joints in the same places, told by rotations from another pose.

Rotations say how far joints are turned away from the pose in which all of them are zero. Programs that put a motion on
a character need to know that pose, most easily a T-pose. A pose is given by rotations in the world (J, 4): joint j
turned so, from the old rest pose, stands as in the new one.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.motion.kinematics import forward_kinematics, global_rotations, local_rotations
from scalemogen.motion.record import Motion
from scalemogen.motion.retargeting import mapped_rest
from scalemogen.motion.rotation_library import roma
from scalemogen.motion.rotations import between, fit_rotation, inverse, multiply, rotate
from scalemogen.skeletons import Skeleton
from scalemogen.skeletons.limbs import Limb, find_limbs
from scalemogen.skeletons.maps import MAPS, get_joint_map

SHORTEST = 1e-4
"""Metres; a shorter bone has no direction."""

FARTHEST_SWING = math.radians(120)
"""A limb that must swing farther into the T-pose may come out twisted: the way it swings is a guess."""

SAME_POSE = math.radians(30)
"""Bones of people of other proportions point so far away from the skeleton's, in the same rest pose."""

EXACT_POSE = math.radians(0.5)
"""What the digits of a file leave of a rest pose."""

FLAT_FOOT = 0.3
"""Share of a foot's length that lies level in any rest pose whose feet stand; below, the foot hangs."""


def reposed(motion: Motion, pose: Tensor) -> Motion:
    """Return the motion with `pose` (J, 4) as its rest pose; positions stay."""
    parents, turn = motion.skeleton.parents, pose.double()
    world = multiply(global_rotations(motion.rotations.double(), parents), inverse(turn))
    bones = motion.bones.double()
    bones = torch.cat((bones[:1], rotate(turn[list(parents[1:])], bones[1:])))
    return replace(motion, rotations=local_rotations(world, parents).float(), offsets=bones.float())


def fitted_pose(bones: Tensor, goal: Tensor, parents: tuple[int, ...]) -> Tensor:
    """Return the pose (J, 4) in which bones point as those of another rest pose do.

    A joint with one child turns by the smallest rotation, one with several by the best fit; one without turns as its
    parent. Where the two rest poses are the same, nothing turns.

    Args:
        bones: (J, 3) offsets in the parent's frame.
        goal: (J, 3) offsets of the other rest pose.
        parents: of both.
    """
    still = bones.new_tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64)
    lengths = torch.minimum(*(torch.linalg.vector_norm(offsets.double(), dim=-1) for offsets in (bones, goal)))
    found: list[Tensor] = []
    for joint, parent in enumerate(parents):
        children = [child for child, above in enumerate(parents) if above == joint and lengths[child] > SHORTEST]
        above = found[parent] if parent >= 0 else still
        fitted = fit_rotation(bones[children].double(), goal[children].double()) if children else above
        found.append(fitted)
    return torch.stack(found)


def in_own_rest(motion: Motion) -> Motion:
    """Return a motion whose own bones are in the skeleton's rest pose or in a T-pose with rotations from the first.

    A T-pose is told by its bones, which point as those of the skeleton in `t_pose` do. Positions stay.

    Raises:
        UserError: the bones are in another pose; the message names the one that is farthest off.
    """
    skeleton = motion.skeleton
    still = motion.rotations.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(1, len(skeleton.joints), 4)
    model = Motion.from_rotations(skeleton, still, torch.zeros(1, 3), motion.fps)
    own = _apart(motion.bones, model.bones)
    if own.max() < EXACT_POSE:
        return motion
    try:
        pose = t_pose(model)
    except UserError:  # of this skeleton nobody knows one
        other = math.inf
    else:
        other = float(_apart(motion.bones, reposed(model, pose).bones).max())
    if other < EXACT_POSE or other < SAME_POSE < own.max():
        return reposed(motion, inverse(pose))
    if own.max() > SAME_POSE:
        raise UserError(
            f"the motion's rotations start from another rest pose than those of skeleton {skeleton.name}: the bone to"
            f" {skeleton.joints[int(own.argmax())]} points {math.degrees(float(own.max())):.0f} degrees elsewhere; give"
            " the motion in the skeleton's rest pose or in a T-pose"
        )
    return motion


def _apart(bones: Tensor, goal: Tensor) -> Tensor:
    """Return by how many radians (J,) bones (J, 3) point elsewhere than others; 0 where one has no length."""
    long = torch.minimum(*(torch.linalg.vector_norm(offsets, dim=-1) for offsets in (bones, goal))) > SHORTEST
    angle = 2.0 * torch.linalg.vector_norm(between(bones.double(), goal.double())[:, :3], dim=-1).clamp(0, 1).asin()
    return torch.where(long & (torch.arange(len(bones)) > 0), angle, 0.0)


def t_pose(motion: Motion) -> Tensor:
    """Return the T-pose (J, 4) of a person who faces +Z: arms to the sides, legs down, feet to the front.

    It is what a shipped joint map says of these joints. Where none knows them, the body of the motion's own rest pose
    is set upright, and arms and legs swing into place from there by the smallest rotation.

    Raises:
        UserError: the skeleton has no two legs and two arms, or its own rest pose is too far from a T-pose to tell how
            the limbs are twisted.
    """
    skeleton = motion.skeleton
    for joint_map in map(get_joint_map, MAPS):
        if joint_map.rest and set(joint_map.joints.values()) <= set(skeleton.joints):
            return mapped_rest(skeleton, joint_map)
    limbs = find_limbs(skeleton)
    if sorted(limb.kind for limb in limbs) != ["arm", "arm", "leg", "leg"]:
        raise UserError(f"skeleton {skeleton.name} has no T-pose: two legs and two arms cannot be told")
    bones = motion.bones.double()
    goals = {joint: goal for limb in limbs for joint, goal in _swings(skeleton, limb).items()}
    world: list[Tensor] = []
    for joint, parent in enumerate(skeleton.parents):
        base = _upright(skeleton, bones) if parent < 0 else world[parent]
        if joint in goals:
            child, goal = goals[joint]
            bone = rotate(base, bones[child])
            base = multiply(_swing(bone, _level_front(bone) if goal is None else bones.new_tensor(goal)), base)
        world.append(base)
    for limb in limbs:
        _check_swing(skeleton, limb, bones, world)
    return torch.stack(world)


def _swings(skeleton: Skeleton, limb: Limb) -> dict[int, tuple[int, list[float] | None]]:
    """Return by joint the child that its bone leads to and where that points; None: level, to the front."""
    side = float(skeleton.sides[limb.upper])
    goal = [side, 0.0, 0.0] if limb.kind == "arm" else [0.0, -1.0, 0.0]
    found: dict[int, tuple[int, list[float] | None]] = {limb.upper: (limb.hinge, goal), limb.hinge: (limb.lower, goal)}
    if limb.kind == "leg" and limb.tip != limb.lower:
        found[limb.lower] = (_child_towards(skeleton, limb.lower, limb.tip), None)
    return found


def _child_towards(skeleton: Skeleton, joint: int, tip: int) -> int:
    while skeleton.parents[tip] != joint:
        tip = skeleton.parents[tip]
    return tip


def _upright(skeleton: Skeleton, bones: Tensor) -> Tensor:
    """Return the rotation (4,) that sets the trunk of the rest pose upright, facing +Z."""
    still = bones.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(len(bones), 4)
    joints = forward_kinematics(still, torch.zeros_like(bones[0]), bones, skeleton.parents)
    left_hip, right_hip, left_shoulder, right_shoulder = (joints[joint] for joint in skeleton.facing)
    across, up = left_hip - right_hip, left_shoulder + right_shoulder - left_hip - right_hip
    x = torch.nn.functional.normalize(across, dim=-1)
    y = torch.nn.functional.normalize(up - (up @ x) * x, dim=-1)
    turn: Tensor = roma.rotmat_to_unitquat(torch.stack((x, y, torch.linalg.cross(x, y))))
    return turn


def _swing(bone: Tensor, goal: Tensor) -> Tensor:
    return between(bone, goal) if bone.norm() > SHORTEST else bone.new_tensor([0.0, 0.0, 0.0, 1.0])


def _level_front(bone: Tensor) -> Tensor:
    """Return where a foot points that stood, its slope kept; a hanging foot points level to the front."""
    level = float(torch.linalg.vector_norm(bone[[0, 2]]))
    slope = float(bone[1]) if level > FLAT_FOOT * float(bone.norm()) else 0.0
    return bone.new_tensor([0.0, slope, level if slope else 1.0])


def _check_swing(skeleton: Skeleton, limb: Limb, bones: Tensor, world: list[Tensor]) -> None:
    """Refuse a limb that swings too far from the trunk's frame."""
    trunk = world[0]
    start = rotate(trunk, bones[limb.hinge])
    end = rotate(world[limb.upper], bones[limb.hinge])
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=-1)
    if cosine < math.cos(FARTHEST_SWING):
        raise UserError(
            f"skeleton {skeleton.name}: in its own rest pose the {limb.kind} at {skeleton.joints[limb.upper]} points"
            " away from where it does in a T-pose, so how it is twisted cannot be told; keep the own rest pose"
        )
