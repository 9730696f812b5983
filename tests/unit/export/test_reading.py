"""Motions of other people's skeletons are put on the wanted one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from helpers.motions import make_motion
from scalemogen.errors import UserError
from scalemogen.export import read_motion
from scalemogen.export.reading import read_bvh_onto
from scalemogen.motion import Motion
from scalemogen.motion.retargeting import retarget
from scalemogen.skeletons import derive_skeleton, get_skeleton
from scalemogen.skeletons.maps import get_joint_map
from scalemogen.synthetic import generate_clip

WANTED = get_skeleton("humanml3d")


def renamed(motion: Motion, names: dict[str, str]) -> Motion:
    """Return a motion with other names of joints, on a body that is larger by half."""
    own = motion.skeleton
    offsets = [(1.5 * x, 1.5 * y, 1.5 * z) for x, y, z in own.offsets]
    skeleton = derive_skeleton("mine", [names[joint] for joint in own.joints], list(own.parents), offsets)
    return Motion.from_rotations(skeleton, motion.rotations.double(), 1.5 * motion.root.double(), motion.fps)


@pytest.fixture
def mixamo(tmp_path: Path) -> Path:
    """A file of a Mixamo character, with the prefix that Mixamo gives."""
    names = {ours: f"mixamorig:{theirs}" for ours, theirs in get_joint_map("mixamo").joints.items()}
    return renamed(generate_clip(0, 0, 20.0).motion.retargeted(), names).save(tmp_path / "theirs.bvh")


def test_the_map_that_fits_is_found_and_named(mixamo: Path, caplog: pytest.LogCaptureFixture) -> None:
    original = generate_clip(0, 0, 20.0).motion.retargeted()
    found = read_motion(mixamo, WANTED)
    assert found.skeleton == WANTED
    torch.testing.assert_close(found.positions, original.positions, atol=3e-3, rtol=0)
    assert f"{mixamo}: put on skeleton humanml3d by joint map mixamo" in caplog.text
    given = read_motion(mixamo, WANTED, "mixamo")
    assert torch.equal(given.positions, found.positions)
    assert read_bvh_onto(mixamo.read_bytes(), WANTED, "the file")[1] == "mixamo"
    assert read_motion(mixamo, joint_map="mixamo").skeleton == WANTED


def test_npz_files_are_mapped_too(mixamo: Path, tmp_path: Path) -> None:
    theirs = read_motion(mixamo)
    theirs.save(tmp_path / "theirs.npz")
    found = read_motion(tmp_path / "theirs.npz", WANTED)
    torch.testing.assert_close(found.positions, retarget(theirs, get_joint_map("mixamo")).positions)


def test_what_fits_needs_no_map(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    motion = make_motion()
    found = read_motion(motion.save(tmp_path / "a.npz"), WANTED)
    torch.testing.assert_close(found.positions, motion.positions)
    assert caplog.text == ""
    assert read_bvh_onto(motion.save(tmp_path / "a.bvh").read_bytes(), WANTED, "a")[1] == ""


def test_what_no_map_fits_is_refused_in_a_line(mixamo: Path, tmp_path: Path) -> None:
    unknown = make_motion("kit").save(tmp_path / "kit.bvh")
    with pytest.raises(UserError, match=r"its 21 joints \(.*, \.\.\.\) are not the 22 of .*no joint map of .* fits"):
        read_motion(unknown, WANTED)
    with pytest.raises(UserError, match="map mixamo puts motions on skeleton humanml3d; kit is wanted"):
        read_motion(mixamo, get_skeleton("kit"), "mixamo")
    with pytest.raises(UserError, match="joints of map cmu are missing"):
        read_motion(mixamo, WANTED, "cmu")


def test_two_maps_that_fit_are_named(mixamo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = get_joint_map("mixamo")
    monkeypatch.setattr("scalemogen.export.reading.fitting_maps", lambda *_: [one, replace(one, name="other")])
    with pytest.raises(UserError, match="the maps mixamo, other all fit: name one"):
        read_motion(mixamo, WANTED)
