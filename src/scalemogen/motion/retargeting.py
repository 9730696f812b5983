"""Motions put on another skeleton by a joint map.

Every mapped joint keeps its turns in the world. Both skeletons are thought of in the same T-pose; what a foreign joint
turns away from it, the joint that it moves turns too. Arms and legs point where the foreign ones point, whatever the
two rest poses are; trunk, hands and feet, whose joints lie differently in every skeleton, turn alike without being bent
to the foreign shape, so a foot that is flat on the ground stays flat. The path is scaled by the height of the hips, and
the legs are then bent until the tips of the feet are where the foreign ones are, scaled: a resting foot stays at rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from scalemogen.errors import UserError
from scalemogen.motion.kinematics import forward_kinematics, global_rotations, local_rotations
from scalemogen.motion.record import Motion
from scalemogen.motion.rotation_library import roma
from scalemogen.motion.rotations import between, inverse, multiply, rotate
from scalemogen.motion.two_bones import SHORTEST, hinge_point, length_of, within_reach
from scalemogen.skeletons import Skeleton
from scalemogen.skeletons.limbs import Limb, find_limbs
from scalemogen.skeletons.maps import MAPS, JointMap, get_joint_map

STRAIGHT = 1e-3
"""Share of the thigh by which a knee leans to the front, which tells where a straight leg bends to."""


def retarget(motion: Motion, joint_map: JointMap) -> Motion:
    """Return the motion on the map's skeleton; heights are the foreign ones, scaled.

    Args:
        motion: on any skeleton whose joints bear the names that the map knows, with or without a prefix "NAME:".
        joint_map: see `JointMap`.

    Raises:
        UserError: joints are missing; the message names them.
    """
    target = joint_map.target
    sources = _find_joints(motion.skeleton, joint_map, target)
    rest = _rest_rotations(motion.skeleton, joint_map, sources)
    placed = _rest_positions(rest, motion)
    turns = global_rotations(motion.rotations.double(), motion.skeleton.parents)
    world: list[Tensor] = []
    for joint, (source, parent) in enumerate(zip(sources, target.parents, strict=True)):
        if source is None:
            world.append(world[parent])
        else:
            aligned = multiply(inverse(rest[source]), _swing(joint, target, sources, placed))
            world.append(multiply(turns[:, source], aligned))
    joints = motion.positions.double() * _ratio(target, sources, placed)
    turned = torch.stack(world, dim=1)
    root = _place_root(turned, joints, target, sources)
    local = local_rotations(_plant_feet(turned, root, joints, target, sources), target.parents)
    return Motion.from_rotations(target, local, root, motion.fps)


def fitting_maps(own: Skeleton, target: Skeleton) -> list[JointMap]:
    """Return the shipped maps that put motions of a skeleton's joints on `target`."""
    maps = [get_joint_map(name) for name in MAPS]
    return [one for one in maps if one.target.joints == target.joints and not _missing(own, one)]


def mapped_rest(own: Skeleton, joint_map: JointMap) -> Tensor:
    """Return rotations in the world (J, 4) of a foreign skeleton's joints in the T-pose that a map describes.

    Raises:
        UserError: joints are missing; the message names them.
    """
    return _rest_rotations(own, joint_map, _find_joints(own, joint_map, joint_map.target))


def _find_joints(own: Skeleton, joint_map: JointMap, target: Skeleton) -> list[int | None]:
    """Return for each joint of the target the foreign joint that moves it."""
    places = _places(own)
    if missing := _missing(own, joint_map):
        raise UserError(
            f"{own.name}: joints of map {joint_map.name} are missing: {', '.join(missing)};"
            f" there are {', '.join(own.joints)}"
        )
    return [places[joint_map.joints[joint]] if joint in joint_map.joints else None for joint in target.joints]


def _places(own: Skeleton) -> dict[str, int]:
    """Return the joints by name, also by what stands behind a prefix "NAME:"."""
    bare = {joint.rsplit(":", 1)[-1]: index for index, joint in enumerate(own.joints)}
    return bare | {joint: index for index, joint in enumerate(own.joints)}


def _missing(own: Skeleton, joint_map: JointMap) -> list[str]:
    return sorted(set(joint_map.joints.values()) - set(_places(own)))


def _rest_rotations(own: Skeleton, joint_map: JointMap, sources: Sequence[int | None]) -> Tensor:
    """Return rotations in the world (J, 4) of the foreign joints in the T-pose; unknown joints follow their parents."""
    named = dict(zip(joint_map.target.joints, sources, strict=True))
    axes = {named[joint]: joint_map.rest[foreign] for joint, foreign in joint_map.joints.items() if joint_map.rest}
    found: list[Tensor] = []
    for joint, parent in enumerate(own.parents):
        if joint in axes:
            x, y = functional.normalize(torch.tensor(axes[joint], dtype=torch.float64), dim=-1)
            matrix = torch.stack((x, y, torch.linalg.cross(x, y)), dim=-1)
            found.append(roma.rotmat_to_unitquat(matrix))
        else:
            found.append(found[parent] if parent >= 0 else torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64))
    return torch.stack(found)


def _rest_positions(rest: Tensor, motion: Motion) -> Tensor:
    """Return the foreign joints (J, 3) in the T-pose, the root at the origin."""
    bones, parents = motion.bones.double(), motion.skeleton.parents
    return forward_kinematics(local_rotations(rest, parents), torch.zeros_like(bones[0]), bones, parents)


def _swing(joint: int, target: Skeleton, sources: Sequence[int | None], placed: Tensor) -> Tensor:
    """Return the rotation (4,) from a bone of the target's T-pose to that of the foreign one: arms, legs, collars."""
    still = placed.new_tensor([0.0, 0.0, 0.0, 1.0])
    start, end = sources[joint], sources[_ends(target).get(joint, joint)]
    if start is None or end is None:
        return still
    bone = placed[end] - placed[start]
    offset = placed.new_tensor(target.offsets[_ends(target).get(joint, joint)])
    return between(offset, bone) if bone.norm() > SHORTEST else still


@lru_cache(maxsize=8)
def _ends(skeleton: Skeleton) -> dict[int, int]:
    """Return the bones of arms and legs down to wrists and ankles, and collars: the joint at each end by its start."""
    found: dict[int, int] = {}
    for limb in find_limbs(skeleton):
        found |= {limb.upper: limb.hinge, limb.hinge: limb.lower}
        collar = skeleton.parents[limb.upper]
        if skeleton.sides[collar]:
            found[collar] = limb.upper
    return found


def _legs(skeleton: Skeleton) -> list[Limb]:
    return [limb for limb in find_limbs(skeleton) if limb.kind == "leg"]


def _ratio(target: Skeleton, sources: Sequence[int | None], placed: Tensor) -> float:
    """Return the height of the target's hips on straight legs and flat feet over that of the foreign ones."""
    offsets = placed.new_tensor(target.offsets)
    still = placed.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(len(offsets), 4)
    own = forward_kinematics(still, torch.zeros_like(offsets[0]), offsets, target.parents)
    heights = []
    for joints, places in ((own, list(range(len(own)))), (placed, sources)):
        total = 0.0
        for leg in _legs(target):
            upper, hinge, lower, tip = (places[joint] for joint in leg[1:])
            for start, end in ((upper, hinge), (hinge, lower)):
                if start is not None and end is not None:
                    total += float((joints[end] - joints[start]).norm())
            if lower is not None and tip is not None and None not in (sources[leg.lower], sources[leg.tip]):
                total += max(0.0, float(joints[lower, 1] - joints[tip, 1]))
        heights.append(total)
    if heights[1] < SHORTEST:
        raise UserError("the legs have no length: their joints lie in one place")
    return heights[0] / heights[1]


def _place_root(world: Tensor, joints: Tensor, target: Skeleton, sources: Sequence[int | None]) -> Tensor:
    """Return the root's path (T, 3) that takes the middle of the hips where the foreign one is."""
    hips = [leg.upper for leg in _legs(target)]
    stood = joints[:, [place for hip in hips if (place := sources[hip]) is not None]].mean(dim=1)
    return stood - _joints(world, torch.zeros_like(stood), target)[:, hips].mean(dim=1)


def _joints(world: Tensor, root: Tensor, target: Skeleton) -> Tensor:
    return forward_kinematics(
        local_rotations(world, target.parents), root, root.new_tensor(target.offsets), target.parents
    )


def _plant_feet(world: Tensor, root: Tensor, joints: Tensor, target: Skeleton, sources: Sequence[int | None]) -> Tensor:
    """Return rotations in the world (T, J, 4) with legs bent so that the tips of the feet reach the foreign ones.

    Feet keep their turns, and knees stay in their planes; what is out of reach is reached for with a straight leg.
    """
    own = _joints(world, root, target)
    front = rotate(world[:, 0], world.new_tensor([0.0, 0.0, 1.0]))
    bent = list(world.unbind(dim=1))
    for leg in _legs(target):
        tip = sources[leg.tip]
        if tip is None or leg.tip == leg.lower:
            continue
        hip, knee, ankle = (own[:, joint] for joint in (leg.upper, leg.hinge, leg.lower))
        thigh, shin = knee - hip, ankle - knee
        goal = joints[:, tip] - (own[:, leg.tip] - ankle)
        lengths = length_of(thigh), length_of(shin)
        hinge = hinge_point(goal - hip, thigh + STRAIGHT * lengths[0] * front, *lengths)
        reached = within_reach(goal - hip, *lengths)
        bent[leg.upper] = multiply(between(thigh, hinge), bent[leg.upper])
        bent[leg.hinge] = multiply(between(shin, reached - hinge), bent[leg.hinge])
    return torch.stack(bent, dim=1)
