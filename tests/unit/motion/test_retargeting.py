"""Motions on another skeleton: nothing changes where the skeletons differ in names, size and joint frames only."""

from __future__ import annotations

import zipfile
from itertools import permutations, product

import pytest
import roma
import torch
from torch import Tensor

from helpers.shared import SHARED, needs_data
from scalemogen.errors import UserError
from scalemogen.motion import Motion, read_bvh
from scalemogen.motion.kinematics import global_rotations, local_rotations
from scalemogen.motion.retargeting import retarget
from scalemogen.motion.rotations import inverse, multiply, rotate
from scalemogen.skeletons import Skeleton, derive_skeleton, get_skeleton
from scalemogen.skeletons.maps import MAPS, JointMap, get_joint_map
from scalemogen.synthetic import generate_clip

TARGET = get_skeleton("humanml3d")


def cube_rotations() -> Tensor:
    """Return the 24 rotations (24, 3, 3) that keep a cube in place."""
    found = []
    for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        matrix = torch.zeros(3, 3, dtype=torch.float64)
        for row, (column, sign) in enumerate(zip(order, signs, strict=True)):
            matrix[row, column] = sign
        if torch.linalg.det(matrix) > 0:
            found.append(matrix)
    return torch.stack(found)


def foreign(motion: Motion, names: list[str], size: float, frames: Tensor) -> Motion:
    """Return the motion on a larger body with other names, whose joint frames are turned by `frames` (J, 3, 3)."""
    rest = roma.rotmat_to_unitquat(frames)
    parents = list(motion.skeleton.parents)
    offsets = size * torch.tensor(motion.skeleton.offsets, dtype=torch.float64)
    turned = torch.cat((offsets[:1], rotate(inverse(rest[parents[1:]]), offsets[1:])))
    skeleton = derive_skeleton("foreign", names, parents, [tuple(offset) for offset in turned.tolist()])
    world = multiply(global_rotations(motion.rotations.double(), parents), rest)
    return Motion.from_rotations(skeleton, local_rotations(world, parents), size * motion.root.double(), motion.fps)


def axes(frames: Tensor) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    return [(tuple(frame[:, 0].tolist()), tuple(frame[:, 1].tolist())) for frame in frames]


@pytest.mark.parametrize("clip", [0, 3])
@pytest.mark.parametrize("turned", [False, True])
def test_names_size_and_joint_frames_make_no_difference(clip: int, turned: bool) -> None:
    motion = generate_clip(clip, 0, 20.0).motion.retargeted()
    cube = cube_rotations()
    assert len(cube) == 24
    choice = torch.randint(24, (22,), generator=torch.Generator().manual_seed(clip))
    frames = cube[choice] if turned else torch.eye(3, dtype=torch.float64).expand(22, 3, 3)
    names = [f"rig:bone{index}" for index in range(22)]
    joints = {joint: f"bone{index}" for index, joint in enumerate(TARGET.joints)}
    rest = dict(zip(joints.values(), axes(frames), strict=True)) if turned else {}
    found = retarget(foreign(motion, names, 1.7, frames), JointMap("test", "humanml3d", joints, rest))
    assert found.skeleton == TARGET
    torch.testing.assert_close(found.positions, motion.positions, atol=2e-3, rtol=0)
    away = multiply(inverse(found.rotations), motion.rotations)
    assert float(2 * away[..., 3].abs().clamp(max=1).acos().max()) < 0.05


def test_limbs_point_where_the_foreign_ones_do_whatever_the_rest_pose() -> None:
    motion = generate_clip(1, 0, 20.0).motion
    tilt = roma.rotvec_to_rotmat(torch.tensor([0.0, 0.0, -0.8], dtype=torch.float64))  # arms hang: an A-pose
    frames = torch.eye(3, dtype=torch.float64).repeat(22, 1, 1)
    for joint, name in enumerate(TARGET.joints):
        if name.startswith("left") and TARGET.part_of[joint] == TARGET.parts.index("left arm"):
            frames[joint] = tilt.T
    names = list(TARGET.joints)
    other = foreign(motion, names, 1.0, frames)
    found = retarget(other, JointMap("test", "humanml3d", dict(zip(names, names, strict=True)), {}))
    for start, end in (("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"), ("right_elbow", "right_wrist")):
        first, last = TARGET.joints.index(start), TARGET.joints.index(end)
        mine, theirs = (m.positions[:, last] - m.positions[:, first] for m in (found, other))
        torch.testing.assert_close(
            torch.nn.functional.normalize(mine, dim=-1),
            torch.nn.functional.normalize(theirs, dim=-1),
            atol=1e-3,
            rtol=0,
        )


def test_joints_left_out_turn_with_their_parents() -> None:
    motion = generate_clip(2, 0, 20.0).motion
    joints = {joint: joint for joint in TARGET.joints if joint not in ("spine2", "left_foot", "head")}
    found = retarget(motion, JointMap("test", "humanml3d", joints, {}))
    still = torch.tensor([0.0, 0.0, 0.0, 1.0])
    for joint in ("spine2", "left_foot", "head"):
        turns = found.rotations[:, TARGET.joints.index(joint)]
        torch.testing.assert_close(turns * turns[:, 3:].sign(), still.expand_as(turns), atol=1e-6, rtol=0)


def test_missing_joints_are_named() -> None:
    motion = generate_clip(0, 0, 20.0).motion
    with pytest.raises(UserError, match=r"humanml3d: joints of map cmu are missing: Head, Hips, .*; there are pelvis"):
        retarget(motion, get_joint_map("cmu"))


@pytest.mark.parametrize("name", MAPS)
def test_shipped_maps_bring_every_joint_along(name: str) -> None:
    joint_map = get_joint_map(name)
    assert joint_map.target == TARGET
    assert list(joint_map.joints) == list(TARGET.joints)
    for joint, source in joint_map.joints.items():
        partner = joint_map.joints[TARGET.joints[TARGET.mirror[TARGET.joints.index(joint)]]]
        swapped = {"Left": "Right", "Right": "Left", "_L": "_R", "_R": "_L"}
        side = next((word for word in swapped if word in source), "")
        assert partner == (source.replace(side, swapped[side]) if side else source)


def real(name: str, skeleton: Skeleton | None = None) -> Motion:
    with zipfile.ZipFile(SHARED / "bandai_namco" / "bvh.zip") as archive:
        found = next(entry for entry in archive.namelist() if name in entry)
        return read_bvh(archive.read(found), skeleton, 20.0, name=found).canonical(floor=True)


@needs_data("bandai_namco")
@pytest.mark.parametrize("side", ["left", "right"])
def test_left_is_left_on_real_motion(side: str) -> None:
    motion = retarget(real(f"raise-up-{side}-hand_normal"), get_joint_map("bandai_namco"))
    head, left, right = (TARGET.joints.index(joint) for joint in ("head", "left_wrist", "right_wrist"))
    highest = {"left": motion.positions[:, left, 1].max(), "right": motion.positions[:, right, 1].max()}
    other = {"left": "right", "right": "left"}[side]
    assert highest[side] > motion.positions[:, head, 1].max() > highest[other]


@needs_data("bandai_namco")
@pytest.mark.parametrize(
    "name", ["_walk_normal", "_run_normal", "walk-turn-left_normal", "_bow_normal", "_kick_normal"]
)
def test_knees_bend_forward_and_feet_stay_on_the_floor(name: str) -> None:
    source = real(name, get_skeleton("bandai_namco"))
    motion = retarget(source, get_joint_map("bandai_namco"))
    joints = motion.positions
    front = rotate(motion.rotations[:, 0], torch.tensor([0.0, 0.0, 1.0]))
    for side, foreign_side in (("left", "L"), ("right", "R")):
        hip, knee, ankle, tip = (
            joints[:, TARGET.joints.index(f"{side}_{joint}")] for joint in ("hip", "knee", "ankle", "foot")
        )
        # The knee lies in front of the line from hip to ankle, seen in the thigh's own frame while it swings.
        middle = hip + (ankle - hip) * 0.4773
        bent = (knee - middle).norm(dim=-1) > 0.05
        shin = torch.linalg.cross(knee - hip, ankle - knee)
        across = torch.linalg.cross(torch.tensor([0.0, 1.0, 0.0]).expand_as(front), front)
        assert int(((shin * across).sum(dim=-1) < 0)[bent].sum()) <= 0.05 * len(joints)
        toes = source.positions[:, source.skeleton.joints.index(f"Toes_{foreign_side}"), 1]
        torch.testing.assert_close(tip[:, 1], toes, atol=0.04, rtol=0)
        assert abs(float(tip[:, 1].min())) < 0.02
