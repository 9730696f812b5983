"""Real motion capture: clips survive features, turned twice about the vertical axis too, and mirroring fits them."""

from __future__ import annotations

import math
import time
import zipfile
from functools import cache

import pytest
import roma
import torch

from helpers.shared import SHARED, needs_data
from scalemogen.motion import Motion, get_layout, read_bvh
from scalemogen.motion.heading import heading
from scalemogen.motion.kinematics import forward_kinematics
from scalemogen.motion.rotations import about_y, multiply, turn_about_y
from scalemogen.skeletons import get_skeleton

pytestmark = needs_data("bandai_namco")

ARCHIVE = SHARED / "bandai_namco" / "bvh.zip"


def names() -> list[str]:
    with zipfile.ZipFile(ARCHIVE) as archive:
        return sorted(name for name in archive.namelist() if name.endswith(".bvh"))


@cache
def clips(every: int) -> list[Motion]:
    """Return every so many clips of the archive."""
    skeleton = get_skeleton("bandai_namco")
    with zipfile.ZipFile(ARCHIVE) as archive:
        return [read_bvh(archive.read(name), skeleton, name=name) for name in names()[::every]]


def spun(motion: Motion, turns: float) -> Motion:
    """Return the motion while the ground below turns steadily about the vertical axis."""
    angle = torch.linspace(0, turns * 2 * math.pi, motion.frames, dtype=torch.float64)
    rotations = motion.rotations.double()
    rotations = torch.cat((multiply(about_y(angle), rotations[:, 0])[:, None], rotations[:, 1:]), dim=1)
    positions = turn_about_y(motion.positions.double(), angle[:, None])
    return Motion(motion.skeleton, positions.float(), rotations.float(), motion.fps)


def errors(name: str, motion: Motion) -> tuple[float, float]:
    """Return the greatest distance in metres and angle in radians after features and back."""
    layout = get_layout(name)
    positions, rotations = layout.decode(layout.from_motion(motion), motion.skeleton)
    given, turns = motion.positions.double(), motion.rotations.double()
    angle = -heading(given, motion.skeleton.facing, motion.fps)[:1]
    given = turn_about_y(given - given[0, 0] * torch.tensor([1.0, 0.0, 1.0]), angle[:, None])[:-1]
    turns = torch.cat((multiply(about_y(angle), turns[:, 0])[:, None], turns[:, 1:]), dim=1)[:-1]
    apart = roma.unitquat_geodesic_distance(rotations.double(), turns)
    return float((positions - given).norm(dim=-1).max()), float(apart.max())


def assert_survive(motions: list[Motion]) -> None:
    for name in ("humanml3d", "snapmogen"):
        for motion in motions:
            for version in (motion, spun(motion, 2.0), spun(motion, -2.0)):
                distance, angle = errors(name, version)
                assert distance < 1e-5
                assert angle < 1e-3


def test_clips_survive_features() -> None:
    assert_survive(clips(97))


def test_clips_are_people_of_one_build() -> None:
    for motion in clips(97):
        assert (motion.fps, len(motion.skeleton.joints), motion.offsets) == (30.0, 21, None)
        rebuilt = forward_kinematics(motion.rotations, motion.root, motion.bones, motion.skeleton.parents)
        assert (rebuilt - motion.positions).abs().max() < 1e-4
        assert 1.2 < float((motion.positions[..., 1].amax(1) - motion.positions[..., 1].amin(1)).max()) < 2.5


def test_mirrored_clips_follow_from_their_rotations() -> None:
    for motion in clips(97):
        mirrored = motion.mirrored()
        rebuilt = forward_kinematics(mirrored.rotations, mirrored.root, mirrored.bones, motion.skeleton.parents)
        assert (rebuilt - mirrored.positions).abs().max() < 1e-4


def test_mirrored_poses_are_poses_of_real_people() -> None:
    """Over many clips the mean rotation of each joint is that of its mirrored partner: twists are told rightly."""
    real = torch.cat([motion.rotations for motion in clips(29)])[:, 1:]
    mirrored = torch.cat([motion.mirrored().rotations for motion in clips(29)])[:, 1:]
    means = [roma.special_procrustes(roma.unitquat_to_rotmat(turns).mean(0)) for turns in (real, mirrored)]
    assert roma.rotmat_geodesic_distance(*means).max() < 0.5


@pytest.mark.slow
def test_all_clips_are_read_in_a_minute_and_survive() -> None:
    began = time.process_time()
    motions = clips(1)
    assert time.process_time() - began < 60
    assert (len(motions), sum(motion.frames for motion in motions)) == (1165, 164_366)
    assert_survive(motions)
