"""BVH: round trips, an independent reader, and angles that run on."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import roma
import torch

from helpers.motions import make_motion
from scalemogen.export.bvh import continuous_angles, write_bvh
from scalemogen.motion import Motion
from scalemogen.motion.bvh import read_bvh

TENTH_OF_A_MILLIMETRE = 1e-4


def farthest(one: Motion, other: Motion) -> float:
    """Return the largest distance of two joints, metres."""
    return float(torch.linalg.vector_norm(one.positions - other.positions, dim=-1).max())


@pytest.mark.parametrize("name", ["humanml3d", "kit", "snapmogen", "bandai_namco"])
@pytest.mark.parametrize("units_per_metre", [100.0, 1.0])
def test_joints_survive_two_round_trips(name: str, units_per_metre: float, tmp_path: Path) -> None:
    original = make_motion(name)
    write_bvh(original, tmp_path / "once.bvh", units_per_metre)
    once = read_bvh(tmp_path / "once.bvh", skeleton=original.skeleton)
    write_bvh(once, tmp_path / "twice.bvh", units_per_metre)
    twice = read_bvh(tmp_path / "twice.bvh", skeleton=original.skeleton)
    assert farthest(original, once) < TENTH_OF_A_MILLIMETRE
    assert farthest(original, twice) < TENTH_OF_A_MILLIMETRE
    assert once.fps == original.fps
    assert once.offsets is None


def test_a_reader_without_the_skeleton_finds_the_same_tree(motion: Motion, tmp_path: Path) -> None:
    motion.save(tmp_path / "a.bvh")
    found = read_bvh(tmp_path / "a.bvh")
    skeleton = motion.skeleton
    assert sorted(found.skeleton.joints) == sorted(skeleton.joints)
    order = [found.skeleton.joints.index(joint) for joint in skeleton.joints]
    parents = [found.skeleton.parents[place] for place in order]
    names = [found.skeleton.joints[parent] if parent >= 0 else "" for parent in parents]
    assert names == [skeleton.joints[parent] if parent >= 0 else "" for parent in skeleton.parents]
    torch.testing.assert_close(found.positions[:, order], motion.positions, atol=TENTH_OF_A_MILLIMETRE, rtol=0)


def test_own_bones_are_written(motion: Motion, tmp_path: Path) -> None:
    bones = 1.1 * torch.tensor(motion.skeleton.offsets)
    tall = Motion.from_rotations(motion.skeleton, motion.rotations, motion.root, motion.fps, bones)
    write_bvh(tall, tmp_path / "tall.bvh")
    found = read_bvh(tmp_path / "tall.bvh", skeleton=motion.skeleton)
    assert farthest(tall, found) < TENTH_OF_A_MILLIMETRE
    torch.testing.assert_close(found.bones[1:], bones[1:], atol=1e-6, rtol=0)


def test_file_follows_the_letter_of_the_format(motion: Motion, tmp_path: Path) -> None:
    """Walk the text with rotation matrices only, as a reader that shares no code would."""
    write_bvh(motion, tmp_path / "a.bvh")
    head, body = (tmp_path / "a.bvh").read_text().split("MOTION\n")
    assert head.startswith("HIERARCHY\nROOT pelvis\n{\n\tOFFSET 0.000000 0.000000 0.000000\n\tCHANNELS 6 Xposition")
    assert head.count("{") == head.count("}")
    assert head.count("End Site") == 5
    lines = body.splitlines()
    assert lines[:2] == [f"Frames: {motion.frames}", "Frame Time: 0.050000000"]
    joints = _joints_of_last_frame(head, np.array([float(value) for value in lines[-1].split()]))
    expected = dict(zip(motion.skeleton.joints, motion.positions[-1].tolist(), strict=True))
    assert joints.keys() == expected.keys()
    for name, place in joints.items():
        np.testing.assert_allclose(place / 100, expected[name], atol=TENTH_OF_A_MILLIMETRE)


def _joints_of_last_frame(head: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return joint positions in the file's unit, by a stack machine over the words of the hierarchy."""
    places: dict[str, np.ndarray] = {}
    stack: list[tuple[np.ndarray, np.ndarray]] = [(np.eye(3), np.zeros(3))]
    column, name = 0, ""
    words = iter(head.split())
    for word in words:
        if word in {"ROOT", "JOINT", "End"}:
            name = next(words)
        elif word == "OFFSET":
            turn, place = stack[-1]
            stack.append((turn, place + turn @ np.array([float(next(words)) for _ in range(3)])))
        elif word == "CHANNELS":
            turn, place = stack.pop()
            for channel in [next(words) for _ in range(int(next(words)))]:
                axis = "XYZ".index(channel[0])
                if channel.endswith("position"):
                    place = place + values[column] * np.eye(3)[axis]
                else:
                    turn = turn @ _matrix(axis, math.radians(values[column]))
                column += 1
            stack.append((turn, place))
            places[name] = place
        elif word == "}":
            stack.pop()
    assert column == len(values)
    return places


def _matrix(axis: int, angle: float) -> np.ndarray:
    one, two = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[one, one] = matrix[two, two] = math.cos(angle)
    matrix[two, one], matrix[one, two] = math.sin(angle), -math.sin(angle)
    return matrix


def test_angles_run_on_without_jumps() -> None:
    """Three turns about one axis, and a swing through the singular angle, in steps of at most 0.2 radians."""
    turns = np.zeros((97, 2, 3))
    turns[:, 0, 0] = np.linspace(0, 6 * np.pi, 97)
    turns[:, 1, 1] = np.linspace(-2.5, 2.5, 97)
    rotations = roma.euler_to_unitquat("ZXY", torch.from_numpy(turns))
    wrapped = np.asarray(roma.unitquat_to_euler("ZXY", rotations))
    assert np.abs(np.diff(wrapped, axis=0)).max() > 3
    angles = continuous_angles(wrapped)
    assert np.abs(np.diff(angles, axis=0)).max() < 0.2 + 1e-6
    again = roma.euler_to_unitquat("ZXY", torch.from_numpy(angles))
    torch.testing.assert_close((again * rotations).sum(-1).abs(), torch.ones(97, 2, dtype=torch.float64))


def test_joint_names_lose_their_spaces(motion: Motion, tmp_path: Path) -> None:
    skeleton = replace(motion.skeleton, joints=tuple(name.replace("_", " ") for name in motion.skeleton.joints))
    write_bvh(replace(motion, skeleton=skeleton), tmp_path / "a.bvh")
    assert "JOINT left_hip\n" in (tmp_path / "a.bvh").read_text()
